"""``python -m monitoring.rules``: write the rules as a PrometheusRule; ``--check``: fail where it is not current.

The operator reads rules from this kind alone, and kustomize cannot put a file's content where an object belongs.
"""

import argparse
from pathlib import Path

import yaml

FOLDER = Path(__file__).parent
SOURCE = FOLDER / "evenkeel.rules.yml"
TARGET = FOLDER / "prometheusrule.yaml"
_HEAD = (
    f"# {SOURCE.name} for the Prometheus operator, written by python -m monitoring.rules: change that file, not this.\n"
)


def rendered(source: str) -> str:
    """The object with the rule file's text as its ``spec``.

    Written anew, not indented: kustomize puts empty lines into folded texts that have lines of their own indentation.
    """
    rule = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "evenkeel", "namespace": "evenkeel"},
        "spec": yaml.safe_load(source),
    }
    return _HEAD + yaml.safe_dump(rule, sort_keys=False, allow_unicode=True, width=10_000)


def main(arguments: list[str] | None = None) -> int:
    """Write, or check."""
    parser = argparse.ArgumentParser(prog="python -m monitoring.rules", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where the file is not its source")
    options = parser.parse_args(arguments)
    text = rendered(SOURCE.read_text(encoding="utf-8"))
    if not options.check:
        TARGET.write_text(text, encoding="utf-8")
        return 0
    if TARGET.is_file() and TARGET.read_text(encoding="utf-8") == text:
        return 0
    print(f"{TARGET}: not what {SOURCE.name} says; run python -m monitoring.rules")
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
