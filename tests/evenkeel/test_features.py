"""Computed features: the same in training and row by row; another module than the model was fitted with is refused."""

import ast
import json
import math
from pathlib import Path

import numpy as np
import pytest

from evenkeel.encoder import Encoder, fit_encoder
from evenkeel.encoder.row import RowEncoder
from evenkeel.errors import EncodingError
from evenkeel.features import MODULES, derive, module_digest
from tests.evenkeel.test_encoder import numbers, project

COLUMNS = {"income": numbers(30.0, 100.0, math.nan, 5.0), "family_size": numbers(3.0, 0.0, 2.0, 1.0)}
KINDS = {name: {"type": "number", "nullable": True} for name in COLUMNS}


def test_what_is_computed_is_finite_or_missing() -> None:
    np.testing.assert_array_equal(derive("household_v1", COLUMNS)["income_per_head"], [10.0, math.nan, math.nan, 5.0])


def test_they_stand_beside_the_columns_and_are_fitted_like_numbers() -> None:
    encoder = fit_encoder(COLUMNS, project(KINDS, module="household_v1"), standardise=True)
    assert encoder.feature_names == (
        *("income", "family_size", "income_per_head"),
        *("income missing", "income_per_head missing"),
    )
    matrix = encoder.encode(COLUMNS, 4)
    assert encoder.numbers[2].fill == 7.5
    assert matrix[:, 2].mean() == pytest.approx(0)
    assert matrix[:, 4].tolist() == [0, 1, 1, 0]


def test_one_row_is_as_many_and_as_what_was_written() -> None:
    encoder = fit_encoder(COLUMNS, project(KINDS, module="household_v1"))
    whole = Encoder.from_json(encoder.to_json()).encode(COLUMNS, 4)
    for row in range(4):
        one = encoder.encode({name: values[row : row + 1] for name, values in COLUMNS.items()}, 1)
        np.testing.assert_array_equal(one[0], whole[row])
    with pytest.raises(ValueError, match="computed features are encoded by"):
        RowEncoder(encoder)


def test_an_encoder_without_them_says_nothing_of_them() -> None:
    assert "module" not in json.loads(fit_encoder(COLUMNS, project(KINDS)).to_json())


def _written(**changes: str) -> str:
    described = json.loads(fit_encoder(COLUMNS, project(KINDS, module="household_v1")).to_json())
    assert described["module"] == {"name": "household_v1", "sha256": module_digest("household_v1")}
    return json.dumps({**described, "module": {**described["module"], **changes}})


def test_another_module_than_the_models_is_refused() -> None:
    with pytest.raises(EncodingError, match=r"household_v1\.py is .* here, the model was fitted with 000000000000"):
        Encoder.from_json(_written(sha256="0" * 64))


def test_a_module_that_is_not_here_is_refused() -> None:
    with pytest.raises(EncodingError, match="'household_v2' is not here; did you mean 'household_v1'"):
        Encoder.from_json(_written(name="household_v2"))


def test_a_bundle_names_a_module_and_never_a_path() -> None:
    for name in ("os", "evenkeel.features.household_v1", "../household_v1", "household_v1.derive"):
        with pytest.raises(EncodingError, match="is not here"):
            Encoder.from_json(_written(name=name))


def test_a_column_that_a_module_needs_is_named() -> None:
    with pytest.raises(EncodingError, match="'household_v1' reads column 'family_size'"):
        fit_encoder({"income": numbers(1.0)}, project({"income": {"type": "number"}}, module="household_v1"))


def test_a_computed_feature_has_a_name_of_its_own() -> None:
    with pytest.raises(EncodingError, match="makes 'income_per_head', which is a column already"):
        derive("household_v1", {**COLUMNS, "income_per_head": numbers(1, 2, 3, 4)})


@pytest.mark.parametrize("module", MODULES)
def test_a_modules_file_is_all_of_it(module: str, repository: Path) -> None:
    """Else its digest would not tell when it changes."""
    source = repository / "evenkeel" / "features" / f"{module}.py"
    tree = ast.parse(source.read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {name for node in imports for name in _imported(node)}
    assert names <= {"collections", "typing", "math", "numpy"}
    assert MODULES[module].__module__ == f"evenkeel.features.{module}"


def _imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    full = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or "."]
    return [name.partition(".")[0] for name in full]
