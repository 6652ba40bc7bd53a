"""``python -m components.gx export PROJECT --out suite.json``, ``... check PROJECT DATA``."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from components.gx.suite import compile_suite
from components.gx.verdict import Verdict, Word, judge
from components.validate.inspection import judged_contract
from evenkeel.config import Project, find_project
from evenkeel.errors import EvenkeelError
from evenkeel.settings import read_settings
from evenkeel.storage import write_bytes
from evenkeel.table import read_raw


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0; 1 where a rule fails, the engines differ, or something cannot be read."""
    options = _parser().parse_args(arguments)
    try:
        project = find_project(options.project, read_settings().workspace / "conf")
        return _export(project, options.out) if options.verb == "export" else _check(project, options.data)
    except EvenkeelError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1


def _export(project: Project, out: Path) -> int:
    suite = compile_suite(judged_contract(project), project.name)
    write_bytes(out, (json.dumps(suite, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())
    print(f"{out}: {len(suite['expectations'])} expectations")
    for lacking in suite["meta"]["not_expressed"]:
        print(f"  not expressed: {lacking}")
    return 0


def _check(project: Project, data: Path) -> int:
    verdicts = judge(read_raw(data, project.data), judged_contract(project))
    told = [verdict for verdict in verdicts if verdict.contract.rows or not (verdict.agreed and verdict.gx.holds)]
    if told:
        print(_line("column", "rule", "contract", "Great Expectations"))
    for verdict in told:
        print(_line(verdict.column or "", verdict.rule, _told(verdict.contract), _told(verdict.gx)), end="")
        print("" if verdict.agreed else "   <- they differ")
    broken, differing = sum(map(_broken, verdicts)), sum(not verdict.agreed for verdict in verdicts)
    agreement = f"the engines differ on {differing}" if differing else "both engines agree"
    print(f"{project.name}: {len(verdicts)} rules, {broken} broken; {agreement}")
    return 1 if broken or differing else 0


def _broken(verdict: Verdict) -> bool:
    return not (verdict.contract.holds and verdict.gx.holds)


def _told(word: Word) -> str:
    rows = f" {word.rows:,} row{'s' * (word.rows > 1)}" if word.rows else ""
    return ("holds," if word.holds and rows else "holds" if word.holds else "broken") + rows


def _line(*cells: str) -> str:
    column, rule, ours, theirs = cells
    return f"{column:<24} {rule:<14} {ours:<20} {theirs}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m components.gx", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    export = verbs.add_parser("export", help="write the contract as a suite")
    check = verbs.add_parser("check", help="judge data with both engines")
    for verb in (export, check):
        verb.add_argument("project", help="the project of conf/PROJECT.yaml")
    export.add_argument("--out", required=True, type=Path, metavar="PATH", help="JSON to write")
    check.add_argument("data", type=Path, help="CSV, Parquet or folder")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
