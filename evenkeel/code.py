"""Which code ran: a digest over the source that decides a model, and git's word on it."""

import hashlib
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from evenkeel.digest import file_sha256
from evenkeel.errors import PipelineError

ROOMS = ("evenkeel", "components")
LOCK = "requirements.lock"


@dataclass(frozen=True)
class Commit:
    """Git's word: the commit checked out, and whether files differ from it."""

    sha: str
    dirty: bool


def code_version(root: Path) -> str:
    """Hex sha256 over the Python source of the rooms that make a model, and the lock.

    Unlike a commit it sees uncommitted changes, and does not move when only documents do.
    """
    return _digest({room: root / room for room in ROOMS}, root)


def running_version() -> str:
    """The same of the source that this process imports: in an image the core lies among the packages."""
    found = {room: find_spec(room) for room in ROOMS}
    folders = {room: Path(spec.origin).parent for room, spec in found.items() if spec and spec.origin}
    return _digest(folders, folders[ROOMS[-1]].parent)


def require_running(wanted: str) -> None:
    """Raise PipelineError where this process runs other source than ``wanted``, which its results would name."""
    if (found := running_version()) != wanted:
        raise PipelineError(
            f"this box runs other source ({found[:12]}) than the run was submitted with ({wanted[:12]}), and a model's"
            " record must name what made it: build and push the image from the checkout that submits, set"
            " EVENKEEL_IMAGE to it and submit again"
        )


def _digest(rooms: Mapping[str, Path], locked: Path) -> str:
    digest = hashlib.sha256()
    for room, folder in rooms.items():
        for file in sorted(folder.rglob("*.py")):
            digest.update(f"{room}/{file.relative_to(folder).as_posix()}\0{file_sha256(file)}\n".encode())
    digest.update(lock_digest(locked).encode())
    return digest.hexdigest()


def lock_digest(root: Path) -> str:
    """Hex sha256 of the environment lock; of nothing where an image carries none."""
    lock = root / LOCK
    return file_sha256(lock) if lock.is_file() else hashlib.sha256(b"").hexdigest()


def commit(root: Path) -> Commit | None:
    """The commit of a checkout, None outside of one."""
    git = ["git", "-C", str(root)]
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    if head.returncode:
        return None
    status = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=True)
    return Commit(head.stdout.strip(), bool(status.stdout.strip()))
