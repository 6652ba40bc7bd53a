"""Single guesses: of a column, the target, a delimiter, a name."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from components.new_project.columns import guess_column
from components.new_project.dates import guess_format
from components.new_project.names import is_personal, names_a_row_number, names_a_subject, names_an_id, words
from components.new_project.profile import Profile, profile
from components.new_project.read import guess_delimiter, guess_missing
from components.new_project.target import guess_target
from tests.components.new_project.awkward import Awkward


def column(*values: Any, name: str = "x") -> Profile:
    """A column that repeats these values."""
    return profile(name, pa.chunked_array([pa.array([*values])]))


@pytest.mark.parametrize(
    ("values", "kind", "form"),
    [
        (["2024-01-05", "2024-12-31"], True, None),
        (["2024-01-05T10:00:00Z", "2024-12-31 23:59"], True, None),
        (["13/02/2024", "01/02/2024"], True, "%d/%m/%Y"),
        (["02/13/2024", "01/02/2024"], True, "%m/%d/%Y"),
        (["1.2.2024", "13.2.2024"], True, "%d.%m.%Y"),
        (["05-Jan-24", "31-Dec-23"], True, "%d-%b-%y"),
        (["Jan 5, 2024", "Dec 31, 2023"], True, "%b %d, %Y"),
        (["13/02/2024 3:04 PM", "14/02/2024 11:00 AM"], True, "%d/%m/%Y %I:%M %p"),
        (["20240105", "20231231"], True, "%Y%m%d"),
        (["1/2/2024", "2/2/2024", "3/2/2024"], True, "%d/%m/%Y"),  # the other way they lie months apart
        (["13/02/2024", "02/13/2024"], False, None),
        (["2024-13-01", "2024-01-01"], False, None),
        (["12", "13"], False, None),
    ],
)
def test_dates_by_evidence(values: list[str], kind: bool, form: str | None) -> None:
    guess = guess_format(column(*values))
    assert (guess is not None) is kind
    assert guess is None or guess.value == form


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("x", ["1", "2", "3"] * 30, "integer"),
        ("month", ["1", "2", "3"] * 30, "category"),
        ("x", ["0", "1"] * 30, "category"),
        ("x", ["1.5", "2"] * 30, "number"),
        ("x", [".5", "1e3", "-2.", "+4"], "number"),
        ("x", ["1.0", "2.0", "3.0", "4.0"], "number"),
        ("x", ["007", "012"] * 10, "category"),
        ("x", ["true", "FALSE"], "boolean"),
        ("x", ["yes", "No", "Y"], "boolean"),
        ("x", ["yes", "no"] * 3, "category"),
        ("x", ["red", "blue"] * 9, "category"),
        ("x", [f"code{index}" for index in range(99)], "string"),
        ("x", [f"{index},5" for index in range(99)], "string"),
        ("x", ["99999999999999999999", "1", "2"], "number"),
    ],
)
def test_types(name: str, values: list[str], kind: str) -> None:
    assert guess_column(column(*values, name=name)).value.type == kind


@pytest.mark.parametrize(
    ("values", "least", "most"),
    [
        (["0", "10", "20"], 0, 30),
        (["-10", "10", "20"], -30, 40),
        (["-5", "-3", "-1"], -7, 0),
        (["0.01", "0.99"], 0, 1),
        (["0.1", "0.2"], 0.05, 0.25),
        (["1000000", "1000002", "1000004"], 999998, 1000006),
        (["7.5"], 3, 12),
    ],
)
def test_ranges_are_widened_and_keep_their_sign(values: list[str], least: float, most: float) -> None:
    found = guess_column(column(*values)).value
    assert (found.min, found.max) == pytest.approx((least, most))


@pytest.mark.parametrize(
    ("values", "positive"),
    [
        (["yes", "no"], "yes"),
        (["0", "1"], 1),
        (["-1", "1"], 1),
        (["True", "False"], True),
        (["m", "m", "f"], "f"),
        (["t", "f"], "t"),
        (["good", "bad"], "bad"),
        (["functional", "non functional"], "functional"),
        ([" <=50K", " <=50K", " >50K"], " >50K"),
        (["2", "2", "4"], 4),
        (["2.0", "2.0", "4.0"], 4),
        (["1", "1.0", "0"], 1),
    ],
)
def test_the_positive_class(values: list[str], positive: str | int | bool) -> None:
    target, contract = guess_target(column(*values * 30), None)
    assert target.value.positive == positive
    assert type(target.value.positive) is type(positive)
    assert contract.value.categories is None or len(contract.value.categories) == 2


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["a", "b", "c"] * 20, "multiclass"),
        (["0", "1", "2"] * 20, "multiclass"),
        ([str(value) for value in range(60)], "regression"),
        (["0", "1", "2", "9"] * 20, "regression"),
        (["0.5", "1.5", "2.5"] * 20, "regression"),
    ],
)
def test_the_task(values: list[str], task: str) -> None:
    assert guess_target(column(*values), None)[0].value.task == task


def test_missing_words_are_missing_among_numbers_only() -> None:
    numbers, kinds = column("1", "2", "3", *["4"] * 30, "unknown"), column("red", "blue", "none")
    assert "unknown" in guess_missing({"x": numbers, "k": kinds}, "y").value
    kinds = column("red", "blue", "unknown")
    assert "unknown" not in guess_missing({"x": numbers, "k": kinds}, "y").value


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_survives_values_that_hold_others(tmp_path: Path, delimiter: str) -> None:
    given = Awkward({"a": ["x,y;z|\t", "1"] * 20, "b": ["1,5", "2"] * 20}, "b", delimiter)
    found = guess_delimiter(given.write(tmp_path))
    assert found is not None
    assert found.value == delimiter


def test_names_say_something() -> None:
    assert words("CustomerID") == {"customer", "id"}
    assert all(map(names_an_id, ("id", "CustomerID", "user_id", "userid", "order no")))
    assert not any(map(names_an_id, ("paid", "valid", "grid", "age")))
    assert all(map(names_a_subject, ("patient", "Individual", "device_id", "householdid")))
    assert not any(map(names_a_subject, ("device", "company size", "visit_id", "user agent")))
    assert all(map(names_a_row_number, ("", "Unnamed: 0", "index", "__index_level_0__")))
    assert all(map(is_personal, ("e-mail address", "phone", "first name", "Name", "SSN")))
    assert not any(map(is_personal, ("product name", "age")))
