"""``python -m components.score --project visits --in rows.csv --out answers.parquet``: with the released bundle."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from components.score.step import BATCH_ROWS, score
from evenkeel.config import find_project
from evenkeel.errors import EvenkeelError, RolloutError
from evenkeel.settings import Settings, read_settings
from evenkeel.targets.local import LocalTarget


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, or 1 with one line on what went wrong."""
    options = _parser().parse_args(arguments)
    quarantine = options.quarantine or options.destination.with_name(f"{options.destination.stem}-refused.parquet")
    try:
        settings = read_settings()
        project = find_project(options.project, settings.workspace / "conf")
        bundle = options.bundle or released_bundle(project.name, settings)
        summary = score(project, bundle, options.source, options.destination, quarantine, options.batch_rows)
    except EvenkeelError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    refused = f"; {summary.refused:,} rows were refused: {quarantine}" if summary.refused else ""
    print(f"{summary.answered:,} answers: {options.destination}{refused}")
    return 0


def released_bundle(project: str, settings: Settings) -> Path:
    """The folder of the bundle that the local target serves. Raises RolloutError where none is, or it is broken."""
    status = LocalTarget(settings.releases).status(project)
    if status.current is None or not status.ready:
        raise RolloutError(f"{project}: {status.message}; or name a bundle with --bundle")
    return settings.releases / project / status.current.bundle


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m components.score", description=score.__doc__)
    parser.add_argument("--project", required=True, metavar="NAME", help="the project of conf/NAME.yaml")
    parser.add_argument("--in", required=True, dest="source", type=Path, metavar="PATH", help="CSV, Parquet or folder")
    parser.add_argument("--out", required=True, dest="destination", type=Path, metavar="PATH", help="Parquet to write")
    parser.add_argument("--quarantine", type=Path, metavar="PATH", help="refused rows; else OUT-refused.parquet")
    parser.add_argument("--bundle", type=Path, metavar="PATH", help="another bundle than the released one")
    parser.add_argument("--batch-rows", type=int, default=BATCH_ROWS, metavar="N", help="rows in memory at a time")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
