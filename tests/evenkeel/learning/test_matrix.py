"""The matrix that estimators are fitted on: sparse or dense the same numbers, and never too large."""

import numpy as np
import pytest

from evenkeel.errors import ModelError
from evenkeel.learning.estimator import Traits
from evenkeel.learning.matrix import encode_rows, fit_encoder_for
from evenkeel.table import to_columns
from tests.components import learnable


def test_sparse_and_dense_are_the_same_numbers() -> None:
    chosen, table = learnable.project(text=True), learnable.table(text=True)
    columns = to_columns(table, chosen.feature_columns)
    encoder = fit_encoder_for(columns, chosen, Traits(keep_missing=False, standardise=True, sparse=True))
    as_sparse = encode_rows(encoder, columns, table.num_rows, as_sparse=True)
    assert not isinstance(as_sparse, np.ndarray)
    np.testing.assert_array_equal(as_sparse.toarray(), encode_rows(encoder, columns, table.num_rows, as_sparse=False))


def test_a_dense_matrix_that_cannot_fit_is_refused_with_a_way_out() -> None:
    chosen, table = learnable.project(text=True), learnable.table(text=True)
    columns = to_columns(table, chosen.feature_columns)
    encoder = fit_encoder_for(columns, chosen, Traits(keep_missing=True, standardise=False, sparse=False))
    with pytest.raises(ModelError, match=r"no sparse matrix.* GiB dense; .*features\.text\.max_features"):
        encode_rows(encoder, columns, 100_000_000, as_sparse=False)
