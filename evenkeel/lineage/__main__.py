"""``python -m evenkeel.lineage MODEL@VERSION|--prediction ID|--data VERSION``: where it comes from, what came of it."""

import argparse
import sys
from pathlib import Path

from evenkeel.errors import EvenkeelError
from evenkeel.lineage.data import data_story
from evenkeel.lineage.fact import Story
from evenkeel.lineage.model import model_story
from evenkeel.lineage.prediction import prediction_story
from evenkeel.lineage.told import as_json, as_page, as_text
from evenkeel.settings import read_settings
from evenkeel.storage import write_bytes


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 told, 1 not found or not readable, 2 called wrongly."""
    options = _parser().parse_args(arguments)
    try:
        story = _story(options)
        if options.html:
            write_bytes(options.html, as_page(story).encode())
    except EvenkeelError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(as_json(story))
    elif options.html:
        print(f"{story.about}: {options.html}")
    else:
        print(as_text(story))
    return 0


def _story(options: argparse.Namespace) -> Story:
    settings = read_settings()
    if options.prediction:
        return prediction_story(settings, options.prediction, options.project)
    return data_story(settings, options.data) if options.data else model_story(settings, options.model)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evenkeel.lineage", description=__doc__)
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument("model", nargs="?", metavar="MODEL@VERSION", help="visits@3, visits@champion, visits@production")
    asked.add_argument("--prediction", metavar="ID", help="of an answer, or of one of its rows: <id>-<row>")
    asked.add_argument("--data", metavar="VERSION", help="a data version: what saw it, and what grew out of it")
    parser.add_argument("--project", help="with --prediction: look in this project's ledger only")
    parser.add_argument("--json", action="store_true", help="the facts as JSON")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write them as one page")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
