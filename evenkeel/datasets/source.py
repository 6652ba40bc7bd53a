"""Where installed packages keep the data files they ship, and how ours are written."""

import csv
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path

from evenkeel.errors import DataError


def package_file(package: str, name: str) -> Path:
    """A file inside an installed package, found without importing the package (which takes seconds).

    Raises DataError where the package is not installed or has no such file.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise DataError(f"{name}: comes with the package {package}, which is not installed here; run make install")
    path = Path(spec.submodule_search_locations[0], name)
    if not path.is_file():
        raise DataError(f"{path}: is missing; this version of {package} is not the one in requirements.lock")
    return path


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A CSV of texts as they are: UTF-8, line feeds, quotes only where needed; no number is ever reformatted."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
