"""Wine: 178 Italian wines of three cultivars by chemical analysis (Forina et al., 1991). Ships with scikit-learn."""

import csv
from pathlib import Path

from evenkeel.datasets.source import package_file, write_csv

FEATURES = (
    "alcohol",
    "malic_acid",
    "ash",
    "alcalinity_of_ash",
    "magnesium",
    "total_phenols",
    "flavanoids",
    "nonflavanoid_phenols",
    "proanthocyanins",
    "colour_intensity",
    "hue",
    "od280_od315",
    "proline",
)


def write(path: Path) -> None:
    """178 rows: 13 measurements and ``cultivar``, one of first, second and third."""
    source = package_file("sklearn", "datasets/data/wine_data.csv")
    _, *rows = csv.reader(source.read_text(encoding="ascii").splitlines())
    cultivars = ("first", "second", "third")
    write_csv(path, [*FEATURES, "cultivar"], ([*row[:-1], cultivars[int(row[-1])]] for row in rows))
