"""What is dear to make and the same for all: made by the first of pytest's workers that needs it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from evenkeel.lock import exclusive


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """The folder that ``make`` fills, a path that is not there yet; nobody writes to it afterwards."""
    own = factory.getbasetemp()
    place = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with exclusive(place / f"{name}.lock"):
        if not (place / name).is_dir():
            make(place / f"{name}.partial")
            (place / f"{name}.partial").rename(place / name)
    return place / name
