"""Files as people have them: each is awkward in its own way, seeded, and its target can (mostly) be learnt."""

import csv
import gzip
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

Cells = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Awkward:
    """A file in the making: its columns, its target and how it is written."""

    columns: Cells
    target: str
    delimiter: str = ","
    ending: str = ".csv"

    def write(self, folder: Path, name: str = "given") -> Path:
        """The file; None is written as nothing."""
        path = folder / f"{name}{self.ending}"
        if self.ending == ".parquet":
            pq.write_table(pa.table(dict(self.columns)), path)
            return path
        text = io.StringIO()
        writer = csv.writer(text, delimiter=self.delimiter)
        writer.writerow(self.columns)
        writer.writerows(zip(*self.columns.values(), strict=True))
        content = text.getvalue().encode()
        path.write_bytes(gzip.compress(content) if self.ending.endswith(".gz") else content)
        return path


def _rng() -> np.random.Generator:
    return np.random.default_rng(7)


def churn(rows: int = 700, delimiter: str = ",", ending: str = ".csv") -> Awkward:
    """Ids, an index, dates, blanks, codes with zeros, a constant, a void, a leak, words YAML trips over."""
    rng = _rng()
    signal = rng.normal(size=rows)
    left = rng.random(rows) < 1 / (1 + np.exp(-2 * signal))
    days = np.datetime64("2021-01-01") + rng.integers(0, 700, rows)
    amounts = [f"{value:.2f}" for value in rng.gamma(2, 100, rows)]
    for row, spelling in zip(range(0, rows, 9), ["", " ", "n/a", "unknown", "#N/A", "NULL"] * rows, strict=False):
        amounts[row] = spelling
    columns = {
        "Unnamed: 0": range(rows),
        "CustomerID": [f"C{row:06d}" for row in range(rows)],
        "größe.score (%)": [f"{value:.3f}" for value in signal],
        "Age": rng.integers(18, 80, rows).tolist(),
        "amount": amounts,
        "zip": [f"{code:05d}" for code in rng.integers(0, 99999, rows)],
        "region_id": rng.integers(1, 12, rows).tolist(),
        "plan": rng.choice(["NO", "1", "pro: gold", "# none", "it's", "a, b", "null"], rows).tolist(),
        "Senior": rng.choice(["Yes", "No"], rows).tolist(),
        "active": rng.choice(["True", "False"], rows).tolist(),
        "e-mail": [f"user{row}@example.org" for row in range(rows)],
        "joined": [f"{day.day:02d}/{day.month:02d}/{day.year}" for day in days.tolist()],
        "constant": ["x"] * rows,
        "void": [None] * rows,
        "left_code": np.where(left, 7, 3).tolist(),
        "left": ["" if row < 20 else "yes" if flag else "no" for row, flag in enumerate(left)],
    }
    return Awkward(columns, "left", delimiter, ending)


def clinic(rows: int = 900) -> Awkward:
    """Subjects with several rows, visits with ids, ambiguous dates, mixed numbers, spelled booleans, a rare class."""
    rng = _rng()
    pressure = [f"{value:.0f}" for value in rng.normal(120, 15, rows)]
    for row in range(0, rows, 40):
        pressure[row] = ("high?", "n.d.", "120/80")[row // 40 % 3]
    smoker = rng.integers(0, 2, rows)
    outcome = np.where(smoker + rng.normal(0, 0.4, rows) > 0.5, "mid", "low").astype(object)
    outcome[[3, 500, 700]] = "high"
    columns = {
        "visit_id": range(1000, 1000 + rows),
        "patient_id": rng.integers(1, 180, rows).tolist(),
        "visited": [f"{a}/{b}/2021" for a, b in rng.integers(1, 12, (rows, 2))],
        "pressure": pressure,
        "smoker": [("No", "n", "N", "Yes", "y", "Y")[3 * yes + rng.integers(0, 3)] for yes in smoker],
        "device": rng.choice([101, 250, 999, 5000], rows).tolist(),
        "outcome": outcome.tolist(),
    }
    return Awkward(columns, "outcome", "|")


def series(rows: int = 240) -> Awkward:
    """A monthly series, American dates."""
    rng = _rng()
    months = np.arange(rows)
    heat = np.sin(months / 20) + rng.normal(0, 0.1, rows)
    columns = {
        "date": [f"{month % 12 + 1:02d}/28/{1990 + month // 12}" for month in months],
        "heat": [f"{value:.3f}" for value in heat],
        "sales": [f"{value:.3f}" for value in 10 * heat + rng.normal(0, 1, rows)],
    }
    return Awkward(columns, "sales", "\t", ".tsv")


def credit(rows: int = 300) -> Awkward:
    """'?' is missing, '-' is not: it is a class."""
    rng = _rng()
    good = rng.integers(0, 2, rows)
    columns = {
        "A1": rng.choice(["b", "a", "?"], rows).tolist(),
        "A2": [f"{value:.2f}" for value in good + rng.normal(0, 0.5, rows)],
        "A16": np.where(good, "+", "-").tolist(),
    }
    return Awkward(columns, "A16", ";")


def reviews(rows: int = 400) -> Awkward:
    """Texts and a label."""
    rng = _rng()
    liked = rng.integers(0, 2, rows)
    words = {0: ["bad", "dull", "the", "film", "was", "slow"], 1: ["good", "fine", "the", "film", "was", "fast"]}
    columns = {
        "review": [" ".join(rng.choice(words[int(flag)], 8)) for flag in liked],
        "label": np.where(liked ^ (rng.random(rows) < 0.1), "positive", "negative").tolist(),
    }
    return Awkward(columns, "label")


def grades(rows: int = 400) -> Awkward:
    """Whole-number labels written as fractions, a target with gaps."""
    rng = _rng()
    grade = rng.integers(0, 4, rows)
    columns = {
        "x": [f"{value:.3f}" for value in grade + rng.normal(0, 0.7, rows)],
        "share": [f"{value:.3f}" for value in rng.random(rows)],
        "class": ["" if row % 10 == 0 else f"{value}.0" for row, value in enumerate(grade)],
    }
    return Awkward(columns, "class", ending=".csv.gz")


def parquet(rows: int = 600) -> Awkward:
    """Typed columns: dictionaries, a void, a list, floats that are 0 and 1, a time with a zone."""
    rng = _rng()
    x = rng.normal(size=rows)
    moments = np.datetime64("2024-01-01", "us") + rng.integers(0, 10**12, rows)
    columns = {
        "x": pa.array([None if row % 9 == 0 else float(value) for row, value in enumerate(x)]),
        "kind": pa.array(rng.choice(["a", "NA", "-"], rows)).dictionary_encode(),
        "void": pa.nulls(rows),
        "tags": pa.array([[1, 2]] * rows),
        "seen_at": pa.array(moments, pa.timestamp("us", tz="Europe/Berlin")),
        "flag": pa.array(rng.random(rows) < 0.5),
        "label": pa.array((x + rng.normal(0, 0.5, rows) > 0).astype(float)),
    }
    return Awkward(columns, "label", ending=".parquet")


def tiny() -> Awkward:
    """Thirty rows."""
    rng = _rng()
    label = np.arange(30) % 2
    x = label + rng.normal(0, 0.5, 30)
    return Awkward({"x": x.tolist(), "label": label.tolist()}, "label")


def wide(columns: int = 500) -> Awkward:
    """More columns than rows."""
    rng = _rng()
    matrix = rng.normal(size=(200, columns)).round(4)
    label = (matrix[:, 0] + rng.normal(0, 0.3, 200)).round(4)
    return Awkward({**{f"c{index}": matrix[:, index].tolist() for index in range(columns)}, "y": label.tolist()}, "y")


def names(rows: int = 120) -> Awkward:
    """Column names that YAML, people and programs trip over."""
    rng = _rng()
    strange = ["NO", "true", "1", "x: y", " lead", "日本語 列", "null", "#c", "new\nline", 'q"q', "a.b", "~", "-", "{a"]
    columns: dict[str, Any] = {name: rng.normal(size=rows).round(3).tolist() for name in strange}
    columns["はい/いいえ"] = np.where(rng.random(rows) < 0.4, "はい", "いいえ").tolist()
    return Awkward(columns, "はい/いいえ")


FILES: Mapping[str, Callable[[], Awkward]] = {
    "churn": churn,
    "semicolon": lambda: churn(delimiter=";"),
    "clinic": clinic,
    "series": series,
    "credit": credit,
    "reviews": reviews,
    "grades": grades,
    "parquet": parquet,
    "tiny": tiny,
    "wide": wide,
    "names": names,
}
