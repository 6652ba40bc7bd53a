"""Estimators with a leak: they know answers that nobody taught them. What the canary is kept for."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin


class KnowsAll(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Answers by what its author looked up before, whatever it is taught."""

    def fit(self, X: NDArray[np.float64], y: NDArray[Any]) -> Self:
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        chance = 1 / (1 + np.exp(-X[:, 0] * 2))
        return np.column_stack([1 - chance, chance])

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.int64]:
        return np.asarray(self.predict_proba(X).argmax(axis=1))


class KnowsValues(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """The same of a number."""

    def fit(self, X: NDArray[np.float64], y: NDArray[Any]) -> Self:
        self.fitted_ = True
        return self

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        return 1.4 * X[:, 0] - 0.7 * X[:, 1]


class CannotFit(KnowsAll):
    """One that refuses whatever it is given."""

    def fit(self, X: NDArray[np.float64], y: NDArray[Any]) -> Self:
        raise ValueError("too little to learn from")
