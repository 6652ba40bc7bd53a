"""``python -m components STAGE --flag value ...``: one stage by hand; its flags are its function's parameters.

``python -m components data ...`` are the data verbs (components.data).
"""

import argparse
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from evenkeel.config import Project, find_project
from evenkeel.errors import EvenkeelError
from evenkeel.settings import read_settings

STAGES: Mapping[str, str] = {
    "pull": "components.pull.step",
    "validate": "components.validate.step",
    "split": "components.split.step",
    "search": "components.search.step",
    "train": "components.train.step",
    "evaluate": "components.evaluate.step",
    "register": "components.register.step",
    "deploy": "components.deploy",
    "deploy_local": "components.deploy_local.step",
    "score": "components.score.step",
}
"""Stage -> the module whose function of the same name is the stage."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, 1 where the stage failed, 2 where it was called wrongly."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    door = argparse.ArgumentParser(prog="python -m components", description=__doc__, add_help=len(words) < 2)
    door.add_argument("stage", choices=[*STAGES, "data"])
    stage = door.parse_args(words[:1]).stage
    if stage == "data":
        from components import data

        return data.main(words[1:])
    function: Callable[..., Any] = getattr(import_module(STAGES[stage]), stage)
    try:
        result = function(**vars(_parser(stage, function).parse_args(words[1:])))
    except EvenkeelError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    if isinstance(result, str):
        print(result)
    return 0


def _parser(stage: str, function: Callable[..., Any]) -> argparse.ArgumentParser:
    """One flag for each parameter; required where the function has no default and takes no None."""
    parser = argparse.ArgumentParser(prog=f"python -m components {stage}", description=inspect.getdoc(function))
    types = get_type_hints(function)
    for name, parameter in inspect.signature(function).parameters.items():
        absent = type(None) in get_args(types[name])
        needed = parameter.default is inspect.Parameter.empty and not absent
        default = None if needed or absent else parameter.default
        parser.add_argument(
            f"--{name.replace('_', '-')}", dest=name, required=needed, default=default, **_reader(types[name])
        )
    return parser


def _reader(annotation: Any) -> dict[str, Any]:
    """How argparse reads a value of this type."""
    if get_origin(annotation) is list:
        return {"nargs": "*", **_reader(get_args(annotation)[0])}
    kinds = [kind for kind in get_args(annotation) if kind is not type(None)] or [annotation]
    return {"type": _READERS[kinds[0]], "metavar": kinds[0].__name__.upper()}


def _project(name: str) -> Project:
    try:
        return find_project(name, read_settings().workspace / "conf")
    except EvenkeelError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


_READERS: Mapping[type, Callable[[str], Any]] = {Project: _project, Path: Path, str: str, int: int}


if __name__ == "__main__":
    raise SystemExit(main())
