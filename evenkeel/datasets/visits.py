"""Visits to a doctor: the RAND Health Insurance Experiment, 1974 to 1982, United States.

5,912 people in 20,190 person-years, assigned at random to insurance plans. The file is the one behind Cameron and
Trivedi (2005), *Microeconometrics*, and ships with statsmodels, which states it to be in the public domain. Of its
45 columns we keep what is known before a year begins: everything spent or visited during that year would give the
answer away, and race is no business of a model that is asked who will see a doctor.
"""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

from evenkeel.datasets.source import package_file, write_csv

_FEATURES = (
    "record",
    "person",
    "year",
    "site",
    "coinsurance",
    "individual_deductible",
    "max_expenditure",
    "incentive",
    "age",
    "sex",
    "income",
    "education",
    "family_size",
    "chronic_disease",
    "physical_limitation",
    "mental_health",
    "general_health",
    "self_rated_health",
)

_FLAG = {"0": "false", "1": "true"}


def write_visited(path: Path) -> None:
    """Whether the person saw a doctor in the year: ``visited``."""
    rows = ([*_features(row), "true" if int(row["mdvis"]) > 0 else "false"] for row in _person_years())
    write_csv(path, [*_FEATURES, "visited"], rows)


def write_count(path: Path) -> None:
    """How often the person saw a doctor in the year: ``visits``."""
    write_csv(path, [*_FEATURES, "visits"], ([*_features(row), row["mdvis"]] for row in _person_years()))


def _person_years() -> Iterator[dict[str, str]]:
    with package_file("statsmodels", "datasets/randhie/src/randhie.csv").open(encoding="ascii", newline="") as file:
        yield from csv.DictReader(file)


def _features(row: Mapping[str, str]) -> list[str]:
    return [
        f"{row['zper']}-{row['year']}",
        row["zper"],
        row["year"],
        row["site"],
        row["coins"],
        _FLAG[row["idp"]],
        row["mdeoff"],
        row["pioff"],
        row["xage"],
        "female" if row["female"] == "1" else "male",
        row["income"],
        row["educdec"],
        row["num"],
        row["disea"],
        _FLAG.get(row["physlm"], ""),  # other values are means that stood in for an unknown answer
        row["mhi"],
        row["ghindx"],
        _self_rated(row),
    ]


def _self_rated(row: Mapping[str, str]) -> str:
    """The one-hot columns of the source as the answer people gave; excellent is the one left out there."""
    answers = {"hlthg": "good", "hlthf": "fair", "hlthp": "poor"}
    return next((answer for column, answer in answers.items() if row[column] == "1"), "excellent")
