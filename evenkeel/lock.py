"""One process at a time: an advisory file lock that the kernel releases even when its holder is killed."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evenkeel.errors import StorageError


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock at ``path`` (made where missing), waiting for its holder. Raises StorageError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    except OSError as exc:
        raise StorageError(f"{path}: cannot be written: {exc.strerror}; check EVENKEEL_HOME and its owner") from exc
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
