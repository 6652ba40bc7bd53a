"""Which code ran: a digest over the source that decides a model, and git's word on it."""

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

from evenkeel.digest import file_sha256

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
    digest = hashlib.sha256()
    for room in ROOMS:
        for file in sorted((root / room).rglob("*.py")):
            digest.update(f"{file.relative_to(root).as_posix()}\0{file_sha256(file)}\n".encode())
    digest.update(lock_digest(root).encode())
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
