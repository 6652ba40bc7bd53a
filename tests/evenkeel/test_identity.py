import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenkeel.config import Column, ColumnType
from evenkeel.identity import content_keys, exact_keys, positions

COLUMNS = {
    "word": Column(type=ColumnType.TEXT, nullable=True),
    "number": Column(type=ColumnType.NUMBER, nullable=True),
    "whole": Column(type=ColumnType.INTEGER, nullable=True),
    "flag": Column(type=ColumnType.BOOLEAN, nullable=True),
    "moment": Column(type=ColumnType.DATETIME, nullable=True),
}
SCHEMA = pa.schema(
    {
        "word": pa.string(),
        "number": pa.float64(),
        "whole": pa.int64(),
        "flag": pa.bool_(),
        "moment": pa.timestamp("us"),
    }
)
ROW = {"word": "Some text", "number": 1234.5, "whole": 7, "flag": True, "moment": dt.datetime(2024, 2, 29)}

_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "word": st.none() | st.text(max_size=5),
            "number": st.none() | st.floats(allow_nan=False, allow_infinity=False),
            "whole": st.none() | st.integers(-(2**63), 2**63 - 1),
            "flag": st.none() | st.booleans(),
            "moment": st.none() | st.datetimes(),
        }
    ),
    min_size=1,
    max_size=6,
)


def _keys(rows: list[dict[str, Any]], columns: dict[str, Column] = COLUMNS) -> list[int]:
    return [int(key) for key in content_keys(pa.Table.from_pylist(rows, SCHEMA), columns)]


def _numbers(*values: float) -> set[int]:
    return set(_keys([{**ROW, "number": value} for value in values]))


def test_keys_and_positions_are_the_same_everywhere_and_forever() -> None:
    """Were one of these to change, every project's evaluation set would be another."""
    empty = dict.fromkeys(ROW)
    assert _keys([ROW, empty]) == [2886820528166245977, 9610558611824966165]
    keys = np.array([0, 1, 2**64 - 1], dtype=np.uint64)
    assert positions(keys, "evenkeel").tolist() == [0.7902528259042819, 0.04871741563759058, 0.8386230054091197]


@given(_ROWS, st.randoms(use_true_random=False))
def test_a_key_depends_on_its_row_alone(rows: list[dict[str, Any]], random: Any) -> None:
    shuffled = random.sample(rows, len(rows))
    names = random.sample(list(COLUMNS), len(COLUMNS))
    assert sorted(_keys(shuffled, {name: COLUMNS[name] for name in names})) == sorted(_keys(rows))
    assert _keys(rows) == [key for row in rows for key in _keys([row])]


@given(_ROWS)
def test_chunks_do_not_matter(rows: list[dict[str, Any]]) -> None:
    table = pa.Table.from_pylist(rows, SCHEMA)
    chunked = pa.concat_tables([table.slice(0, 1), table.slice(1)])
    assert content_keys(chunked, COLUMNS).tolist() == content_keys(table, COLUMNS).tolist()


@pytest.mark.parametrize(
    "other",
    [
        {"word": "some  text"},
        {"word": " SOME\ttext\n"},
        {"number": 1234.5000001},
        {"number": np.nextafter(1234.5, 0)},
    ],
)
def test_near_identical_rows_share_a_key(other: dict[str, Any]) -> None:
    assert len(set(_keys([ROW, {**ROW, **other}]))) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"word": "Some texts"},
        {"word": None},
        {"word": ""},
        {"number": 1234.51},
        {"number": -1234.5},
        {"number": 12345.0},
        {"number": 123.45},
        {"number": 0.0},
        {"number": None},
        {"whole": 8},
        {"whole": 0},
        {"whole": None},
        {"flag": False},
        {"flag": None},
        {"moment": dt.datetime(2024, 2, 29, 0, 0, 1)},
    ],
)
def test_rows_that_differ_have_keys_that_differ(other: dict[str, Any]) -> None:
    assert len(set(_keys([ROW, {**ROW, **other}]))) == 2


def test_equal_values_of_two_columns_do_not_cancel_or_swap() -> None:
    columns = {"a": Column(type=ColumnType.INTEGER), "b": Column(type=ColumnType.INTEGER)}
    table = pa.table({"a": [1, 2, 1, 2], "b": [2, 1, 1, 2]})
    assert len(set(content_keys(table, columns).tolist())) == 4


@given(st.floats(-280, 300), st.integers(100_000, 999_999))
def test_six_digits_are_told_apart_and_no_more(exponent: float, digits: int) -> None:
    scale = 10.0 ** (round(exponent) - 5)
    value = digits * scale
    assert len(_numbers(value, value * (1 + 1e-9), value * (1 - 1e-9))) == 1
    assert len(_numbers(value, (digits + 1) * scale)) == 2


def test_numbers_at_the_ends_of_their_range() -> None:
    assert len(_numbers(0.0, -0.0, 5e-324, -1e-300)) == 1
    assert len(_numbers(999_999.9, 1_000_000.0)) == 1
    assert len(_numbers(1.7976931348623157e308, -1.7976931348623157e308, 1e308, 0.0)) == 4


def test_ids_are_exact() -> None:
    words = pa.table({"id": ["a b", "A b", "a  b", None]})
    numbers = pa.table({"id": [1.0, 1.0000001, -0.0, 0.0]})
    assert len(set(exact_keys(words, "id", Column(type=ColumnType.STRING)).tolist())) == 4
    assert len(set(exact_keys(numbers, "id", Column(type=ColumnType.NUMBER)).tolist())) == 3


def test_positions_are_even_and_salts_are_other_draws() -> None:
    keys = exact_keys(pa.table({"id": range(20_000)}), "id", Column(type=ColumnType.INTEGER))
    one, other = positions(keys, "one"), positions(keys, "other")
    assert one.min() >= 0
    assert one.max() < 1
    counts, _ = np.histogram(one, 20, (0, 1))
    assert ((counts - 1000) ** 2 / 1000).sum() < 43.8  # chi-square with 19 degrees of freedom, p = 0.001
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.03
