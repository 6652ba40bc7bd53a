"""Breast tumours: the Wisconsin diagnostic data (Wolberg, Street and Mangasarian, 1995), 569 biopsies.

Thirty measurements of cell nuclei in an image of a fine needle aspirate, and the diagnosis. Ships with scikit-learn.
Parquet, so that one bundled project has typed data; the bytes depend on the version of pyarrow in the lock.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from evenkeel.datasets.source import package_file

_MEASURES = (
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave_points",
    "symmetry",
    "fractal_dimension",
)
_STATISTICS = ("mean", "error", "worst")

FEATURES = tuple(f"{statistic}_{measure}" for statistic in _STATISTICS for measure in _MEASURES)


def write(path: Path) -> None:
    """569 rows: 30 measurements and ``diagnosis``, malignant or benign."""
    source = package_file("sklearn", "datasets/data/breast_cancer.csv")
    names = [*FEATURES, "malignant_0"]
    raw = pa.csv.read_csv(source, pa.csv.ReadOptions(column_names=names, skip_rows=1, use_threads=False))
    measured = {name: raw[name].cast(pa.float64()) for name in FEATURES}
    diagnosis = ["benign" if code else "malignant" for code in raw["malignant_0"].to_pylist()]
    table = pa.table({**measured, "diagnosis": pa.array(diagnosis, pa.string())})
    pa.parquet.write_table(table, path, compression="none", use_dictionary=["diagnosis"])
