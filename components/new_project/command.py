"""``make new-project``: one file in, one project out, or nothing at all."""

import argparse
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from components import data as dvc
from components.new_project.compose import compose
from components.new_project.draft import draft
from components.new_project.read import guess_delimiter, read, stored_suffix
from components.new_project.sheet import COLUMN, Sheet
from components.new_project.target import Task
from evenkeel.config import load_project
from evenkeel.errors import DataError, EvenkeelError, ProjectError
from evenkeel.settings import read_settings
from evenkeel.storage import copy_in, write_bytes

_NAME = re.compile(r"[a-z][a-z0-9-]{0,38}[a-z0-9]")
_SHOWN_COLUMNS = 60
_USAGE = "make new-project NAME=churn DATA=some.csv TARGET=left [ARGS=--force]"


@dataclass(frozen=True)
class Places:
    """Where the parts of a new project go."""

    conf: Path
    data: Path
    path: str
    """``data`` as the project names it."""
    copied: bool
    """Whether the data comes from elsewhere."""

    @property
    def pointer(self) -> Path:
        """The data's DVC pointer."""
        return self.data.with_name(f"{self.data.name}.dvc")


def new_project(name: str, source: Path, target: str, *, task: Task | None = None, force: bool = False) -> Sheet:
    """Write ``conf/<name>.yaml`` for this data, and put the data below ``data/`` and under DVC: all of it, or nothing.

    Raises ProjectError for a name that is bad or taken, DataError where nothing can be learnt from the data.
    """
    places = _places(name, source, force=force)
    delimiter = guess_delimiter(source)
    sheet = compose(name, places.path, delimiter, draft(read(source, delimiter), target, task, typed=delimiter is None))
    with _all_or_nothing(places):
        if places.copied:
            copy_in(str(source.resolve()), places.data)
        write_bytes(places.conf, sheet.text.encode())
        load_project(places.conf)
        dvc.add(places.data)
    return sheet


def _places(name: str, source: Path, *, force: bool) -> Places:
    if not _NAME.fullmatch(name):
        raise ProjectError(
            f"NAME={name!r} will not do: 2 to 40 lower-case letters, digits and dashes, a letter first and no dash"
            " last; it names the registered model and its route"
        )
    if not source.exists():
        raise DataError(f"DATA={source}: there is no such file or folder")
    workspace = read_settings().workspace.resolve()
    ending = stored_suffix(source)
    inside = source.resolve().is_relative_to(workspace / "data") and source.name.endswith(ending)
    data = source.resolve() if inside else workspace / "data" / f"{name}{ending}"
    places = Places(workspace / "conf" / f"{name}.yaml", data, data.relative_to(workspace).as_posix(), not inside)
    taken = [path for path in (places.conf, *([data] if places.copied else [])) if path.exists()]
    if taken and not force:
        raise ProjectError(
            f"NAME={name!r} is taken: {', '.join(str(path.relative_to(workspace)) for path in taken)} is there already;"
            " choose another, or overwrite with ARGS=--force"
        )
    return places


@contextmanager
def _all_or_nothing(places: Places) -> Iterator[None]:
    """Where the block fails, bring back what was there before, or nothing where nothing was."""
    small = (places.conf, places.pointer, places.pointer.with_name(".gitignore"))
    before = {path: path.read_bytes() if path.exists() else None for path in small}
    aside = places.data.with_name(f".{places.data.name}.before")
    if places.copied and places.data.exists():
        places.data.rename(aside)
    try:
        yield
    except BaseException:
        for path, content in before.items():
            _restore(path, content)
        if places.copied:
            _remove(places.data)
            if aside.exists():
                aside.rename(places.data)
        raise
    _remove(aside)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _restore(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink(missing_ok=True)
    else:
        path.write_bytes(content)


def main(argv: Sequence[str]) -> int:
    """The door: 0, or 1 with one line on what went wrong."""
    parser = argparse.ArgumentParser(prog=_USAGE, description="A project from your own data.")
    parser.add_argument("--name", required=True, help="what the project, its model and its route are called")
    parser.add_argument("--data", required=True, help="a .csv, .tsv, .csv.gz or .parquet file, or a folder of such")
    parser.add_argument("--target", required=True, help="the column to predict")
    parser.add_argument("--task", choices=get_args(Task), help="what kind of target it is, where the guess is wrong")
    parser.add_argument("--force", action="store_true", help="overwrite a project of this name")
    options = parser.parse_args(argv)
    try:
        _refuse_absent(name=options.name, data=options.data, target=options.target)
        sheet = new_project(options.name, Path(options.data), options.target, task=options.task, force=options.force)
    except EvenkeelError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(_told(sheet, shutil.get_terminal_size((120, 24)).columns))
    return 0


def _refuse_absent(**given: str) -> None:
    if absent := [name.upper() for name, value in given.items() if not value]:
        raise ProjectError(f"{' and '.join(absent)} not given: {_USAGE}")


def _told(sheet: Sheet, width: int) -> str:
    """What was guessed and why, as a table of this width, and what to do next."""
    general = [row for row in sheet.rows if not row[0].startswith(COLUMN)]
    columns = [row for row in sheet.rows if row[0].startswith(COLUMN)]
    lines = [*_table(general, width), "", *_table(columns[:_SHOWN_COLUMNS], width)]
    project = sheet.project
    if (more := len(columns) - _SHOWN_COLUMNS) > 0:
        lines.append(f"... and {more} more columns in conf/{project.name}.yaml")
    return "\n".join(
        [
            *lines,
            "",
            f"Wrote conf/{project.name}.yaml and {project.data.pointer_path}. Read the guesses, then:",
            "",
            f"    make pipeline-run PROJECT={project.name}",
        ]
    )


def _table(rows: Sequence[tuple[str, str, str]], width: int) -> list[str]:
    first = min(max(len(row[0]) for row in rows), 32)
    second = min(max(len(row[1]) for row in rows), 32)
    lines = []
    for what, guess, why in rows:
        start = f"{_cut(what, first):{first}}  {_cut(guess, second):{second}}  "
        wrapped = textwrap.wrap(why, max(width - len(start), 40)) or [""]
        lines += [start + wrapped[0], *(" " * len(start) + line for line in wrapped[1:])]
    return [line.rstrip() for line in lines]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
