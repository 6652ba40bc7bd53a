"""The machine: Python, packages, disk, the checkout, where local state is kept."""

import hashlib
import platform
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from evenkeel.config import load_project
from evenkeel.doctor.compatibility import PACKAGES
from evenkeel.doctor.finding import Finding
from evenkeel.errors import EvenkeelError
from evenkeel.settings import Settings

LEAST_DISK = 2 * 2**30
"""Bytes: a run with its artifacts and a ledger's day fit."""


def python(_: Settings) -> Iterator[Finding]:
    """The interpreter, and the packages that must fit each other."""
    good = (3, 11) <= sys.version_info[:2] < (3, 14)
    yield Finding("python", "ok" if good else "fail", platform.python_version(), "use Python 3.11, 3.12 or 3.13")
    for name, (low, high) in PACKAGES.items():
        try:
            found = version(name)
        except PackageNotFoundError:
            yield Finding(name, "fail", "is not installed", "make setup")
            continue
        fits = low <= _numbers(found) < high
        wanted = f"{'.'.join(map(str, low))} <= version < {'.'.join(map(str, high))}"
        yield Finding(name, "ok" if fits else "fail", found, f"make setup: {wanted} is needed")


def disk(settings: Settings) -> Iterator[Finding]:
    """Room for, and the right to write, local state."""
    place = settings.home if settings.home.exists() else settings.home.absolute().parent
    free = shutil.disk_usage(place).free
    enough = free >= LEAST_DISK
    fix = f"free some: {LEAST_DISK / 2**30:.0f} GiB are wanted; make clean shows what is Evenkeel's"
    yield Finding(str(settings.home), "ok" if enough else "warn", f"{free / 2**30:.1f} GiB free", fix)
    probe = settings.home / f".doctor-{hashlib.sha256(str(place).encode()).hexdigest()[:8]}"
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as exc:
        yield Finding(
            str(settings.home), "fail", f"cannot be written: {exc.strerror}", "set EVENKEEL_HOME, or its owner"
        )


def projects(settings: Settings) -> Iterator[Finding]:
    """Every conf/*.yaml reads, and its data has a version."""
    for path in sorted((settings.workspace / "conf").glob("*.yaml")):
        try:
            project = load_project(path)
        except EvenkeelError as error:
            yield Finding(str(path), "fail", str(error), "mend the file")
            continue
        pointer = settings.workspace / f"{project.data.path}.dvc"
        there = project.data.version is not None or pointer.is_file()
        yield Finding(
            str(path),
            "ok" if there else "fail",
            "reads, and its data has a version" if there else f"{pointer} is missing",
            f"make data-add DATA={project.data.path}",
        )


def _numbers(text: str) -> tuple[int, ...]:
    """The release part of a version: 2.17.0rc1 -> (2, 17)."""
    parts = []
    for part in text.split(".")[:3]:
        if not part.isdigit():
            break
        parts.append(int(part))
    return tuple(parts)
