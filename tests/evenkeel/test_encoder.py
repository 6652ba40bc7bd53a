"""Columns to a matrix: the same numbers for one row as for many, in training as in serving."""

import datetime as dt
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from evenkeel.config.features import DatePart
from evenkeel.config.project import Project
from evenkeel.encoder import Encoder, fit_encoder
from evenkeel.encoder.dates import date_part
from evenkeel.encoder.encoder import Category, Number
from evenkeel.encoder.row import RowEncoder
from evenkeel.errors import EncodingError
from evenkeel.table import to_columns
from tests.components import learnable

NAN = math.nan


def project(described: dict[str, Any], **features: Any) -> Project:
    return Project.model_validate(
        {
            "name": "demo",
            "data": {"path": "data/demo.csv"},
            "target": {"column": "answer", "task": "regression"},
            "contract": {"columns": {"answer": {"type": "number"}, **described}},
            "features": features,
            "model": {"estimator": "sklearn.linear_model.Ridge"},
            "gates": {"metric": "r2", "require": {"r2": 0}},
        }
    )


def words(*values: str | None) -> NDArray[Any]:
    return np.array(values, dtype=object)


def numbers(*values: float) -> NDArray[Any]:
    return np.array(values, dtype=np.float64)


@pytest.mark.parametrize("strategy", ["median", "mean"])
def test_imputed_and_standardised_numbers_are_scikit_learns(strategy: str) -> None:
    draw = np.random.default_rng(0)
    values = draw.normal(10, 3, 500)
    values[draw.random(500) < 0.2] = NAN
    chosen = project({"age": {"type": "number"}}, numeric={"impute": strategy})
    ours = fit_encoder({"age": values}, chosen, standardise=True)
    theirs = make_pipeline(SimpleImputer(strategy=strategy, add_indicator=True), StandardScaler()).fit(values[:, None])
    expected = theirs.transform(values[:, None])[:, 0]
    np.testing.assert_allclose(ours.encode({"age": values}, 500)[:, 0], expected, rtol=0, atol=1e-13)
    assert ours.feature_names == ("age", "age missing")


@pytest.mark.parametrize(
    ("impute", "expected"), [("none", [NAN, 4.0]), ("zero", [0.0, 4.0]), ("median", [2.0, 4.0]), ("mean", [3.0, 4.0])]
)
def test_what_stands_for_a_missing_number(impute: str, expected: list[float]) -> None:
    chosen = project({"age": {"type": "number"}}, numeric={"impute": impute, "indicator": False})
    encoder = fit_encoder({"age": numbers(1, 2, 6, NAN)}, chosen)
    np.testing.assert_array_equal(encoder.encode({"age": numbers(NAN, 4)}, 2)[:, 0], expected)


def test_auto_keeps_missing_values_for_estimators_that_take_them() -> None:
    encoder = fit_encoder({"age": numbers(1, NAN)}, project({"age": {"type": "number"}}), keep_missing=True)
    assert np.isnan(encoder.encode({"age": numbers(NAN)}, 1)).all()
    assert encoder.feature_names == ("age",)


def test_a_value_missing_first_in_serving_is_filled_though_training_saw_none() -> None:
    encoder = fit_encoder({"age": numbers(1, 2, 6)}, project({"age": {"type": "number"}}))
    assert encoder.encode({"age": numbers(NAN)}, 1).tolist() == [[2.0]]


@pytest.mark.parametrize("values", [[NAN, NAN], [7.0, 7.0], [0.1, 0.1, 0.1]])
def test_a_column_without_spread_is_a_number_all_the_same(values: list[float]) -> None:
    encoder = fit_encoder({"age": numbers(*values)}, project({"age": {"type": "number"}}), standardise=True)
    assert np.isfinite(encoder.encode({"age": numbers(NAN, 1e300, 0)}, 3)).all()


def test_categories_have_cells_in_the_contracts_order_and_share_one_when_rare() -> None:
    column = {"town": {"type": "category", "categories": ["Rome", "Oslo", "Lima", "Bonn"]}}
    train = words(*["Oslo"] * 3, *["Rome"] * 3, "Lima", None)
    encoder = fit_encoder({"town": train}, project(column, category={"min_count": 3}))
    assert encoder.feature_names == ("town=Rome", "town=Oslo", "town=(rare)", "town=(missing)")
    matrix = encoder.encode({"town": words("Rome", "Oslo", "Lima", "Bonn", "never seen", None)}, 6)
    assert matrix.argmax(axis=1).tolist() == [0, 1, 2, 2, 2, 3]
    assert (matrix.sum(axis=1) == 1).all()


def test_without_a_rare_or_missing_cell_the_unknown_is_all_zeros() -> None:
    column = {"town": {"type": "category", "categories": ["Rome", "Oslo"]}}
    encoder = fit_encoder({"town": words(*["Rome", "Oslo"] * 10)}, project(column))
    assert encoder.encode({"town": words("never seen", None, "Oslo")}, 3).tolist() == [[0, 0], [0, 0], [0, 1]]


def test_a_column_has_at_most_max_categories_cells_the_most_frequent() -> None:
    column = {"town": {"type": "category", "categories": list("abcde")}}
    train = words(*"a" * 11, *"b" * 15, *"c" * 13, *"d" * 13, *"e" * 12)
    encoder = fit_encoder({"town": train}, project(column, category={"max_categories": 3}))
    assert encoder.feature_names == ("town=b", "town=c", "town=(rare)")


def test_a_string_that_is_chosen_as_a_feature_is_a_category() -> None:
    chosen = project({"code": {"type": "string"}}, columns=["code"], category={"min_count": 2})
    encoder = fit_encoder({"code": words("z", "z", "a", "a", "q")}, chosen)
    assert encoder.feature_names == ("code=a", "code=z", "code=(rare)")


@pytest.mark.parametrize(("encode", "expected"), [("onehot", [[0, 0], [1, 0], [0, 1]]), ("ordinal", [[0], [1], [-1]])])
def test_booleans(encode: str, expected: list[list[float]]) -> None:
    chosen = project({"member": {"type": "boolean"}}, category={"encode": encode})
    encoder = fit_encoder({"member": numbers(0, 1, NAN)}, chosen)
    assert encoder.encode({"member": numbers(0, 1, NAN)}, 3).tolist() == expected


def test_ordinals_are_places_in_the_contracts_list() -> None:
    column = {"size": {"type": "category", "categories": ["small", "large", "huge"]}}
    encoder = fit_encoder({"size": words("huge")}, project(column, category={"encode": "ordinal"}))
    sizes = words("small", "large", "huge", "unheard of", None)
    assert encoder.encode({"size": sizes}, 5)[:, 0].tolist() == [0, 1, 2, -1, -1]
    assert encoder.feature_names == ("size",)


@given(st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31)))
def test_parts_of_a_moment_are_the_calendars(moment: dt.datetime) -> None:
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    days = (midnight - dt.datetime(1970, 1, 1)).days + (moment - midnight) / dt.timedelta(days=1)
    expected: dict[DatePart, float] = {
        "year": moment.year,
        "month": moment.month,
        "day": moment.day,
        "weekday": moment.weekday(),
        "hour": moment.hour,
        "days": days,
    }
    values = np.array([moment, "NaT"], "datetime64[us]")
    for part, value in expected.items():
        found = date_part(values, part)
        assert found[0] == pytest.approx(value, rel=1e-15)
        assert np.isnan(found[1])


def test_a_missing_moment_is_said_once_whatever_the_parts() -> None:
    chosen = project({"when": {"type": "datetime"}}, date={"parts": ["month", "hour"]})
    moments = np.array(["2024-05-01T10:00", "NaT"], "datetime64[us]")
    encoder = fit_encoder({"when": moments}, chosen)
    assert encoder.feature_names == ("when:month", "when:hour", "when missing")
    assert encoder.encode({"when": moments}, 2).tolist() == [[5, 10, 0], [5, 10, 1]]


def test_a_single_column_may_differ_from_its_kind() -> None:
    chosen = project(
        {"age": {"type": "number"}, "height": {"type": "number"}},
        overrides={"height": {"numeric": {"impute": "zero", "scale": "standard"}}},
    )
    encoder = fit_encoder({"age": numbers(1, 3), "height": numbers(1, 3)}, chosen)
    assert encoder.encode({"age": numbers(5), "height": numbers(5)}, 1).tolist() == [[5.0, 3.0]]


@pytest.mark.parametrize("standardise", [True, False])
@pytest.mark.parametrize("keep_missing", [True, False])
def test_one_row_encodes_as_it_does_among_many_and_after_json(standardise: bool, keep_missing: bool) -> None:
    chosen, table = learnable.project(text=True), learnable.table(text=True)
    columns = to_columns(table, chosen.feature_columns)
    fitted = fit_encoder(columns, chosen, keep_missing=keep_missing, standardise=standardise)
    read_back = Encoder.from_json(fitted.to_json())
    assert read_back == fitted
    assert read_back.to_json() == fitted.to_json()
    matrix = fitted.encode(columns, table.num_rows)
    assert matrix.dtype == np.float64
    assert matrix.flags.c_contiguous
    assert matrix.shape == (table.num_rows, fitted.width) == (table.num_rows, len(fitted.feature_names))
    singles = [{name: values[row : row + 1] for name, values in columns.items()} for row in range(table.num_rows)]
    np.testing.assert_array_equal(np.concatenate([read_back.encode(single, 1) for single in singles]), matrix)


CELLS = st.fixed_dictionaries(
    {
        "age": st.floats(allow_infinity=False),
        "income": st.floats(allow_infinity=False),
        "town": st.sampled_from([*learnable.TOWNS, "Nowhere", "", None]),
        "floor": st.sampled_from(["1", "2", "3", "4", None]),
        "member": st.sampled_from([0.0, 1.0, NAN]),
        "since": st.none() | st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31)),
    }
)


@pytest.mark.parametrize("encode", ["onehot", "ordinal"])
@pytest.mark.parametrize("standardise", [True, False])
def test_a_single_request_is_encoded_bit_for_bit_as_a_table_is(standardise: bool, encode: str) -> None:
    """Servers have a way of their own for one row."""
    parts = ["year", "month", "day", "weekday", "hour", "days"]
    chosen = learnable.project(features={"category": {"encode": encode, "min_count": 70}, "date": {"parts": parts}})
    encoder = fit_encoder(to_columns(learnable.table(), chosen.feature_columns), chosen, standardise=standardise)
    single = RowEncoder(encoder)

    @given(CELLS)
    def same(row: dict[str, Any]) -> None:
        dtypes: dict[str, Any] = {"since": "datetime64[us]", "town": object, "floor": object}
        columns = {name: np.array([value], dtypes.get(name, np.float64)) for name, value in row.items()}
        with np.errstate(over="ignore"):
            assert single.encode(row).tobytes() == encoder.encode(columns, 1).tobytes()

    same()


def test_no_rows_are_a_matrix_without_rows() -> None:
    chosen = learnable.project(text=True)
    columns = to_columns(learnable.table(text=True), chosen.feature_columns)
    encoder = fit_encoder(columns, chosen)
    assert encoder.encode({name: values[:0] for name, values in columns.items()}, 0).shape == (0, encoder.width)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=3))
def test_floats_survive_json_bit_for_bit(values: list[float]) -> None:
    encoder = Encoder(numbers=(Number(column="age", fill=values[0], center=values[1], scale=values[2]),))
    again = Encoder.from_json(encoder.to_json()).numbers[0]
    assert np.array([again.fill, again.center, again.scale]).tobytes() == np.array(values).tobytes()


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), unique=True, min_size=1, max_size=6))
@settings(max_examples=50)
def test_any_text_may_be_a_category(values: list[str]) -> None:
    encoder = Encoder.from_json(Encoder(categories=(Category(column="town", values=tuple(values)),)).to_json())
    np.testing.assert_array_equal(encoder.encode({"town": words(*values)}, len(values)), np.eye(len(values)))


def test_an_absent_column_is_named() -> None:
    encoder = fit_encoder({"age": numbers(1)}, project({"age": {"type": "number"}}))
    with pytest.raises(EncodingError, match="'age' is absent; given are height"):
        encoder.encode({"height": numbers(1)}, 1)


def test_words_where_numbers_belong_are_refused() -> None:
    encoder = fit_encoder({"age": numbers(1)}, project({"age": {"type": "number"}}))
    with pytest.raises(EncodingError, match="columns age must be numbers"):
        encoder.encode({"age": words("old")}, 1)


def test_json_of_something_else_is_refused() -> None:
    with pytest.raises(EncodingError, match="not an encoder"):
        Encoder.from_json('{"numbers": 3}')


def test_terms_of_two_texts_are_the_matrix_behind_its_dense_cells_row_by_row_in_order() -> None:
    described = {"title": {"type": "text"}, "age": {"type": "number"}, "review": {"type": "text"}}
    texts = {"title": words("good film", None, "film", "x"), "review": words("film film bad", "bad", "", "good film")}
    columns = texts | {"age": numbers(1, 2, 3, 4)}
    encoder = fit_encoder(columns, project(described, text={"min_count": 1}))
    rows, positions, weights = encoder.encode_terms(columns)
    block = np.zeros((4, encoder.width - encoder.dense_width))
    block[rows, positions] = weights
    matrix = encoder.encode(columns, 4)
    np.testing.assert_array_equal(np.hstack([encoder.encode_dense(columns, 4), block]), matrix)
    for row in range(4):
        assert positions[rows == row].tolist() == np.flatnonzero(block[row]).tolist()
    names = np.array(encoder.feature_names[encoder.dense_width :])
    assert names[np.flatnonzero(block[3])].tolist() == ["review~film", "review~good", "review~good film"]
