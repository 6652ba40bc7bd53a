"""Bundled data: made on this machine from an installed package or a seed, the same bytes on every machine.

This table is all there is. The bytes are held to the DVC pointers in git, so that a package that changes its copy of
a dataset is noticed, not trained on.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from evenkeel.errors import DataError
from evenkeel.storage import replacing

DATASETS = {
    "data/visits.csv": "visits.write_visited",
    "data/visits-count.csv": "visits.write_count",
    "data/tumours.parquet": "tumours.write",
    "data/wine.csv": "wine.write",
    "data/insurance.csv": "insurance.write",
    "data/reviews.csv": "reviews.write",
}
"""Path below the repository -> the function of this package that writes it. Names, because who only asks whether data
is there should not wait for pyarrow."""


def make_dataset(name: str, path: Path) -> None:
    """Write the bundled dataset ``name`` (a key of DATASETS) to ``path``, whole or not at all. Raises DataError."""
    if name not in DATASETS:
        raise DataError(f"{name}: is not a bundled dataset; these are: {', '.join(DATASETS)}")
    module, _, function = DATASETS[name].partition(".")
    write: Callable[[Path], None] = getattr(import_module(f"evenkeel.datasets.{module}"), function)
    with replacing(path) as partial:
        write(partial)
