"""The matrix an estimator is fitted on, and the step of a scikit-learn Pipeline that makes it."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin

from evenkeel.config.contract import Column
from evenkeel.config.project import Project
from evenkeel.encoder import Encoder, fit_encoder
from evenkeel.errors import ModelError
from evenkeel.frame import Frame, frame_columns
from evenkeel.learning.estimator import Traits
from evenkeel.table import Columns

Matrix: TypeAlias = "NDArray[np.float64] | sparse.csr_matrix"

_LARGEST = 4 << 30
_COLUMNS = TypeAdapter(dict[str, Column])


def fit_encoder_for(columns: Columns, project: Project, traits: Traits) -> Encoder:
    """An encoder fitted on these rows, with ``auto`` as the estimator likes it."""
    return fit_encoder(columns, project, keep_missing=traits.keep_missing, standardise=traits.standardise)


def encode_rows(encoder: Encoder, columns: Columns, rows: int, *, as_sparse: bool) -> Matrix:
    """The encoder's matrix, dense or CSR (the same numbers). Raises ModelError where dense would not fit."""
    if as_sparse:
        row, position, weight = encoder.encode_terms(columns)
        terms = sparse.csr_matrix((weight, (row, position)), shape=(rows, encoder.width - encoder.dense_width))
        joined: Matrix = sparse.hstack([sparse.csr_matrix(encoder.encode_dense(columns, rows)), terms], format="csr")
        return joined
    if (size := 8 * rows * encoder.width) > _LARGEST:
        raise ModelError(
            f"the estimator takes no sparse matrix, and {rows:,} rows of {encoder.width:,} cells are {size >> 30} GiB"
            " dense; use one that does (sklearn.linear_model.LogisticRegression), or lower features.text.max_features"
        )
    return encoder.encode(columns, rows)


class Encode(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """First step of a pipeline: a fitted encoder around which scikit-learn's interface is a thin shell.

    It holds JSON, so that a file of the pipeline holds no type of ours but this one.
    """

    def __init__(self, encoder: str, columns: str, as_sparse: bool) -> None:
        self.encoder = encoder
        self.columns = columns
        self.as_sparse = as_sparse

    @classmethod
    def of(cls, encoder: Encoder, columns: Mapping[str, Column], *, as_sparse: bool) -> Self:
        """The step for an encoder that was fitted on these contract columns."""
        described = _COLUMNS.dump_json(dict(columns), exclude_defaults=True).decode()
        return cls(encoder.to_json(), described, as_sparse)

    def fit(self, X: Frame, y: Any = None) -> Self:  # noqa: ARG002
        """Nothing: the encoder is fitted already."""
        return self

    def transform(self, X: Frame) -> Matrix:
        """A data frame or pyarrow table -> the matrix, rows in order. Raises ContractError, EncodingError."""
        encoder, columns = _read(self.encoder, self.columns)
        return encode_rows(encoder, frame_columns(X, columns), len(X), as_sparse=self.as_sparse)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:  # noqa: ARG002
        """One name per cell of a row."""
        return np.array(_read(self.encoder, self.columns)[0].feature_names, dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return True


@lru_cache(maxsize=4)
def _read(encoder: str, columns: str) -> tuple[Encoder, dict[str, Column]]:
    return Encoder.from_json(encoder), _COLUMNS.validate_json(columns)
