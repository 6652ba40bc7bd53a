"""``python -m evenkeel.doctor``: check machine and configured endpoints; exit 1 where something must be mended."""

import argparse
import json
import sys
from dataclasses import asdict

from evenkeel.doctor import cluster, endpoints, machine
from evenkeel.doctor.finding import Check, Finding
from evenkeel.errors import EvenkeelError
from evenkeel.settings import read_settings

CHECKS: dict[str, Check] = {
    "python": machine.python,
    "disk": machine.disk,
    "projects": machine.projects,
    "secrets": endpoints.secrets,
    "registry": endpoints.registry,
    "storage": endpoints.storage,
    "kubeflow": endpoints.kubeflow,
    "cluster": cluster.cluster,
    "prometheus": endpoints.prometheus,
    "grafana": endpoints.grafana,
}
"""Every check, in the order in which they are told."""

_MARKS = {"ok": "ok  ", "warn": "WARN", "fail": "FAIL", "skip": "-   "}


def main(arguments: list[str] | None = None) -> int:
    """0: nothing must be mended (warnings may remain), 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m evenkeel.doctor", description=__doc__)
    parser.add_argument("--json", action="store_true", help="findings as JSON, for machines")
    options = parser.parse_args(arguments)
    try:
        settings = read_settings()
    except EvenkeelError as error:
        print(f"FAIL settings: {error}", file=sys.stderr)
        return 1
    findings = [finding for check in CHECKS.values() for finding in check(settings)]
    if options.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        _print(findings)
    return 1 if any(finding.verdict == "fail" for finding in findings) else 0


def _print(findings: list[Finding]) -> None:
    width = max(len(finding.thing) for finding in findings)
    for finding in findings:
        print(f"{_MARKS[finding.verdict]}  {finding.thing:<{width}}  {finding.told}")
        if finding.verdict in ("warn", "fail"):
            print(f"      {'':<{width}}  -> {finding.fix}")
    verdicts = [finding.verdict for finding in findings]
    print(f"{verdicts.count('fail')} to mend, {verdicts.count('warn')} to look at")


if __name__ == "__main__":
    raise SystemExit(main())
