"""The data verbs: ``python -m components data materialise [PROJECT] | add PATH | push | pull | status``.

DVC does what DVC is for: add, push, pull. What runs before every pipeline (materialise, status) needs no DVC and takes
milliseconds when there is nothing to do.
"""

import argparse
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evenkeel import digest
from evenkeel.datasets import DATASETS, make_dataset
from evenkeel.errors import DataError, EvenkeelError
from evenkeel.settings import Settings, read_settings
from evenkeel.versions import CACHE, fetch_version, has_version, put_version, read_pointer, require_version


def materialise(project: str | None = None) -> None:
    """Have a project's data, or all bundled data, in the workspace, and prove it to be what the pointers say.

    Bundled data that is missing is made, and put into DVC's cache and the local remote, so that DVC knows it and its
    version can be pulled by id; other data that is missing is pulled by DVC. Raises HashMismatchError where data is
    not what its pointer says.
    """
    settings = read_settings()
    if project is None:
        _make_bundled(DATASETS, settings)
        return
    from evenkeel.config import find_project  # half a second that the bundled data does without

    data = find_project(project, settings.workspace / "conf").data
    if data.path in DATASETS:
        _materialise_bundled(data.path, data.pointer_path, settings)
    elif (settings.workspace / data.path).exists():
        _verify(data.path, data.pointer_path, settings)
    else:
        pull(data.pointer_path)


def _make_bundled(names: Iterable[str], settings: Settings) -> None:
    for name in names:
        if name in DATASETS:
            _materialise_bundled(name, f"{name}.dvc", settings)


def _materialise_bundled(name: str, pointer: str, settings: Settings) -> None:
    path, places = settings.workspace / name, (settings.workspace / CACHE, settings.local_remote)
    if not path.exists():
        wanted = read_pointer(settings.workspace / pointer)
        if held := next((place for place in places if has_version(place, wanted)), None):
            fetch_version(held, wanted, path)
        else:
            make_dataset(name, path)
            print(f"made {name}")
    version = _verify(name, pointer, settings)
    for place in places:
        if not has_version(place, version):
            put_version(path, place)


def _verify(name: str, pointer: str, settings: Settings) -> str:
    wanted = read_pointer(settings.workspace / pointer)
    remedy = "or delete it and run make data to have the old version again"
    if name in DATASETS:
        remedy += "; if that gives the same, the installed packages are not those of requirements.lock: run make setup"
    next_step = f"as {pointer} says. If you changed it: make data-add DATA={name} makes it a new version, {remedy}"
    require_version(name, digest.data_version(settings.workspace / name), wanted, next_step)
    return wanted


def add(path: Path) -> str:
    """Make what is at ``path`` the current version of this data, in DVC's cache and its pointer; the version."""
    settings = read_settings()
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder to add")
    if not path.resolve().is_relative_to(settings.workspace.resolve()):
        raise DataError(f"{path}: is outside of the workspace; copy it below data/ and add it there")
    with _dvc(settings, f"add {path}") as repo:
        repo.scm_context.quiet = True  # we say what to do next
        repo.add([str(path)])
    return read_pointer(path.with_name(f"{path.name}.dvc"))


def push(path: str | None = None) -> int:
    """Upload what pointers name, one or all, to the remote; the number of files that were not there yet."""
    settings = read_settings()
    targets = _targets(path, settings)
    _make_bundled(targets, settings)
    with _dvc(settings, "push") as repo:
        return int(repo.push([_pointer(name, settings) for name in targets]))


def pull(path: str | None = None) -> None:
    """Fetch what pointers name, one or all, from the remote into the workspace. Bundled data is made instead."""
    settings = read_settings()
    targets = _targets(path, settings)
    _make_bundled(targets, settings)
    if wanted := [_pointer(name, settings) for name in targets if name not in DATASETS]:
        with _dvc(settings, "pull") as repo:
            repo.pull(wanted)


def status() -> list[tuple[str, str, str, str]]:
    """For each pointer: data, version, how the workspace stands to it, and whether the remote has it."""
    settings = read_settings()
    rows = []
    for name in _targets(None, settings):
        version = read_pointer(settings.workspace / f"{name}.dvc")
        there = "in the remote" if has_version(settings.remote, version) else "not in the remote"
        rows.append((name, version, _state(settings.workspace / name, version), there))
    return rows


def _state(path: Path, version: str) -> str:
    if not path.exists():
        return "missing"
    return "current" if digest.data_version(path) == version else "changed"


def _targets(path: str | None, settings: Settings) -> list[str]:
    """The data that is meant, relative to the workspace: this one, or all that has a pointer below data/."""
    if path is not None:
        return [path.removesuffix(".dvc")]
    pointers = sorted((settings.workspace / "data").rglob("*.dvc"))
    return [file.relative_to(settings.workspace).as_posix().removesuffix(".dvc") for file in pointers]


def _pointer(name: str, settings: Settings) -> str:
    pointer = settings.workspace / f"{name}.dvc"
    read_pointer(pointer)
    return str(pointer)


@contextmanager
def _dvc(settings: Settings, doing: str) -> Iterator[Any]:
    """DVC at the workspace, with our remotes, its errors as DataError."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(str(settings.workspace.resolve()), config=_remotes(settings)) as repo:
            yield repo
    except (DvcException, OSError) as exc:
        raise DataError(
            f"dvc {doing}: {_plain(exc)}; EVENKEEL_DATA_REMOTE says which remote,"
            " python -m components data status what is where"
        ) from exc


def _plain(exc: Exception) -> str:
    """DVC's message on one line, without colours."""
    return " ".join(re.sub(r"\x1b\[[0-9;]*m", "", str(exc)).split())


def _remotes(settings: Settings) -> dict[str, Any]:
    """What DVC's configuration is told for one command: EVENKEEL_* is the word on where things are."""
    remotes: dict[str, Any] = {"remote": {"local": {"url": str(settings.local_remote.resolve())}}}
    if settings.data_remote:
        url = settings.data_remote if "://" in settings.data_remote else str(Path(settings.data_remote).resolve())
        endpoint = {"endpointurl": settings.s3_endpoint} if settings.s3_endpoint and url.startswith("s3://") else {}
        remotes["remote"]["evenkeel"] = {"url": url, **endpoint}
        remotes["core"] = {"remote": "evenkeel"}
    return remotes


def main(argv: Sequence[str]) -> int:
    """The door: ``components data VERB [ARGUMENT]``; 0, or 1 with one line on what went wrong."""
    parser = argparse.ArgumentParser(prog="python -m components data", description="Versions of data.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("materialise", help="make and verify data").add_argument("project", nargs="?")
    verbs.add_parser("add", help="a new version of a file or folder").add_argument("path", type=Path)
    verbs.add_parser("push", help="upload to the remote").add_argument("path", nargs="?")
    verbs.add_parser("pull", help="fetch from the remote").add_argument("path", nargs="?")
    verbs.add_parser("status", help="what is where")
    try:
        _run(parser.parse_args(argv))
    except EvenkeelError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def _run(options: argparse.Namespace) -> None:
    match options.verb:
        case "materialise":
            materialise(options.project)
        case "add":
            version = add(options.path)
            print(f"{options.path} is version {version}; next: git add {options.path}.dvc, then make data-push")
        case "push":
            print(f"pushed {push(options.path)} files")
        case "pull":
            pull(options.path)
            print("the workspace is as the pointers say")
        case "status":
            for name, version, state, there in status():
                print(f"{name:28} {version:36}  {state:8} {there}")
