"""Which projects a branch changes: git's word on the working tree, against where it left its base."""

import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from evenkeel.code import LOCK, ROOMS
from evenkeel.config import find_project
from evenkeel.errors import PipelineError, ProjectError
from evenkeel.settings import Settings

EVERY = "all"
"""Stands for the names of all projects."""
DEFAULT = "visits"
"""Judged where only code changes and nobody says by which project; where it is not there, the first that is."""

_CONF = PurePosixPath("conf")
_CODE = tuple(PurePosixPath(path) for path in (*ROOMS, LOCK))
_FEATURES = PurePosixPath("evenkeel/features")
_ASK = f"PROJECT=NAME judges one whatever changed, PROJECT={EVERY} every one"


@dataclass(frozen=True)
class Choice:
    """What is judged."""

    projects: tuple[str, ...]
    reason: str
    """Why these, and what is not judged though it changed: whole sentences."""


def choose(names: Sequence[str], base: str, default: str, settings: Settings, root: Path) -> Choice:
    """The projects that are named (``all``: every one), else those that the working tree at ``root`` changes.

    Where it changes the code that every model is made by, and no project, that is ``default`` ("": see ``DEFAULT``).
    Raises ProjectError where a named project cannot be read, PipelineError where git cannot tell what changed: that is
    never taken for nothing.
    """
    conf = settings.workspace / _CONF
    known = tuple(sorted(file.stem for file in conf.glob("*.yaml")))
    if names:
        return Choice(_named(names, conf, known), "Judged is what was asked for.")
    if settings.workspace.resolve() != root.resolve():
        raise PipelineError(
            f"EVENKEEL_WORKSPACE is {settings.workspace}, and what changes there git cannot tell from the checkout at"
            f" {root}: name the projects with PROJECT=..."
        )
    paths = changed_paths(base, root)
    touched = {path.stem for path in paths if path.parent == _CONF and path.suffix == ".yaml"}
    changed = tuple(name for name in known if name in touched or _concerned(name, conf, paths))
    code = any(path.is_relative_to(part) for path in paths for part in _CODE)
    judged = changed or (_named([default or _fallback(known)], conf, known) if code else ())
    return Choice(judged, _reason(base, changed, sorted(touched.difference(known)), code, judged))


def changed_paths(base: str, root: Path) -> frozenset[PurePosixPath]:
    """Files below ``root`` that differ between the working tree and the commit at which it left ``base``.

    Deleted ones too, and untracked ones that are not ignored. Raises PipelineError where git cannot tell.
    """
    left = _git(root, base, "merge-base", base, "HEAD").strip()
    differing = _git(root, base, "diff", "--name-only", "--no-renames", "--relative", "-z", left)
    untracked = _git(root, base, "ls-files", "--others", "--exclude-standard", "-z")
    return frozenset(PurePosixPath(path) for path in (differing + untracked).split("\0") if path)


def _git(root: Path, base: str, *words: str) -> str:
    ran = subprocess.run(["git", "-C", str(root), *words], capture_output=True, check=False)
    if ran.returncode:
        said = os.fsdecode(ran.stderr).strip().removeprefix("fatal: ") or "they have no commit in common"
        raise PipelineError(
            f"what the checkout at {root} changes against {base} cannot be told: {said}; git fetch (--unshallow where"
            " the clone is shallow; CI needs all of the history), or name another commit with BASE=..., or the projects"
            " with PROJECT=..."
        )
    return os.fsdecode(ran.stdout)


def _named(names: Iterable[str], conf: Path, known: tuple[str, ...]) -> tuple[str, ...]:
    if list(names) == [EVERY]:
        return known
    return tuple(dict.fromkeys(find_project(name, conf).name for name in names))


def _fallback(known: tuple[str, ...]) -> str:
    return known[0] if known and DEFAULT not in known else DEFAULT


def _concerned(name: str, conf: Path, paths: frozenset[PurePosixPath]) -> bool:
    """Whether what belongs to this project alone, beside its own file, is among these paths."""
    try:
        project = find_project(name, conf)
    except ProjectError:
        return True  # nobody knows what belongs to it: it counts as changed, and judging it says what is wrong
    parts = [PurePosixPath(project.data.pointer_path)]
    if project.features.module:
        parts.append(_FEATURES / f"{project.features.module}.py")
    if project.features.feast:
        parts.append(PurePosixPath(project.features.feast.repo))
    return any(path.is_relative_to(part) for path in paths for part in parts)


def _reason(base: str, changed: Sequence[str], deleted: Sequence[str], code: bool, judged: Sequence[str]) -> str:
    if changed:
        what = ", ".join(changed)
        what += f", and code that every model is made by: no other project is judged ({_ASK})" if code else ""
    elif judged:
        what = f"no project, but code that every model is made by: {', '.join(judged)} stands for all ({_ASK})"
    else:
        what = f"nothing that a model is made of: no project, no data version, no code that makes it ({_ASK})"
    gone = f" It deletes {', '.join(deleted)}, which leaves nothing to judge there." if deleted else ""
    return f"Against {base} this branch changes {what}.{gone}"
