"""Linear models of texts that take the few terms of a row apart: which do, and that they answer as scikit-learn."""

import warnings
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from scipy import sparse
from sklearn import ensemble as e
from sklearn import linear_model as lm
from sklearn import naive_bayes as nb
from sklearn.base import BaseEstimator, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.neural_network import MLPRegressor
from sklearn.svm import LinearSVC, LinearSVR

from components.train.portable import portable_form, to_portable
from evenkeel.learning.crossfit import fit_estimator, raw_answers
from evenkeel.predictor import onnx_scores

ROWS, TERMS = 200, 60
DRAW = np.random.default_rng(0)
TEXTS = DRAW.random((ROWS, TERMS)) * (DRAW.random((ROWS, TERMS)) < 0.1)
TEXTS[3] = 0  # no known word

LINEAR = [
    lm.LogisticRegression(max_iter=5000),
    lm.SGDClassifier(loss="log_loss"),
    lm.Ridge(),
    lm.LinearRegression(),
    lm.Lasso(alpha=0.01),
    lm.PoissonRegressor(),
    LinearSVR(max_iter=10_000),
    nb.MultinomialNB(),
    nb.ComplementNB(),
    CalibratedClassifierCV(LinearSVC()),
    e.VotingRegressor([("a", lm.Ridge()), ("b", lm.Ridge(alpha=9.0))]),
]
OTHERS = [
    e.RandomForestRegressor(n_estimators=3),
    MLPRegressor(hidden_layer_sizes=(5,), max_iter=20),
    e.VotingClassifier([("a", lm.LogisticRegression()), ("b", nb.GaussianNB())], voting="soft"),
]


def matrix_of(dense_width: int) -> NDArray[np.float64]:
    return np.hstack([np.random.default_rng(1).random((ROWS, dense_width)), TEXTS])


def fitted(estimator: BaseEstimator, matrix: Any, classes: int) -> Any:
    signal = matrix @ np.random.default_rng(2).normal(size=matrix.shape[1])
    answer = np.digitize(signal, np.quantile(signal, np.arange(1, classes) / classes)) if classes else np.abs(signal)
    if "random_state" in estimator.get_params():
        estimator = estimator.set_params(random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whether these few iterations converge does not matter here
        return fit_estimator(estimator, matrix, answer)


def apart(matrix: NDArray[np.float64], dense_width: int) -> tuple[NDArray[Any], ...]:
    """What a predictor feeds: dense cells, and row, position and weight of the terms."""
    row, position = np.nonzero(matrix[:, dense_width:])
    return matrix[:, :dense_width], row, position, matrix[row, dense_width + position]


CASES = [
    pytest.param(each, classes, id=f"{type(each).__name__}-{classes}")
    for each in LINEAR
    for classes in ((2, 3) if is_classifier(each) else (0,))
]


@pytest.mark.parametrize("dense_width", [0, 5])
@pytest.mark.parametrize(("estimator", "classes"), CASES)
def test_it_answers_as_scikit_learn_from_a_sparse_matrix(
    estimator: BaseEstimator, classes: int, dense_width: int
) -> None:
    matrix = matrix_of(dense_width)
    model = fitted(estimator, matrix, classes)
    content = to_portable(model, matrix.shape[1], classes, TERMS)
    assert portable_form(content) == "onnx-sparse"
    onnx.checker.check_model(content)
    expected, run = raw_answers(model, sparse.csr_matrix(matrix), classes), onnx_scores(content)
    answers = run(*apart(matrix, dense_width))
    assert answers.dtype == np.float64
    np.testing.assert_allclose(answers, expected, rtol=1e-12, atol=1e-12)
    singles = [run(*apart(matrix[row : row + 1], dense_width)) for row in range(50)]
    np.testing.assert_allclose(np.concatenate(singles), expected[:50], rtol=1e-12, atol=1e-12)
    assert to_portable(model, matrix.shape[1], classes, TERMS) == content


@pytest.mark.parametrize("dense_width", [0, 5])
def test_no_rows_are_no_answers(dense_width: int) -> None:
    matrix = matrix_of(dense_width)
    run = onnx_scores(to_portable(fitted(lm.LogisticRegression(), matrix, 3), matrix.shape[1], 3, TERMS))
    assert run(*apart(matrix[:0], dense_width)).shape == (0, 3)


@pytest.mark.parametrize("estimator", OTHERS, ids=lambda each: type(each).__name__)
def test_what_is_not_linear_stays_as_it_is(estimator: BaseEstimator) -> None:
    classes, matrix = (2 if is_classifier(estimator) else 0), matrix_of(5)
    if isinstance(estimator, e.VotingClassifier):
        estimator.set_params(flatten_transform=False)
    model = fitted(estimator, matrix, classes)
    content = to_portable(model, matrix.shape[1], classes, TERMS)
    assert portable_form(content) == "onnx"
    assert content == to_portable(model, matrix.shape[1], classes)


def test_without_texts_it_stays_as_it_is() -> None:
    matrix = matrix_of(5)
    assert portable_form(to_portable(fitted(lm.Ridge(), matrix, 0), matrix.shape[1], 0)) == "onnx"


def test_the_matrix_is_held_once() -> None:
    matrix = matrix_of(5)
    graph = onnx.load_from_string(to_portable(fitted(lm.Ridge(), matrix, 0), matrix.shape[1], 0, TERMS)).graph
    assert sorted(tensor.dims[0] for tensor in graph.initializer if len(tensor.dims) == 2 and tensor.dims[1] == 1) in (
        [5, TERMS],
        [1, 5, TERMS],  # the intercept
    )


def columns_held(model: Any, classes: int) -> list[int]:
    graph = onnx.load_from_string(to_portable(model, TERMS, classes, TERMS)).graph
    return [tensor.dims[1] for tensor in graph.initializer if len(tensor.dims) == 2 and tensor.dims[0] == TERMS]


def test_of_two_classes_that_mirror_each_other_one_is_worked_out() -> None:
    matrix = matrix_of(0)
    logistic, bayes = lm.LogisticRegression(), nb.MultinomialNB()
    assert columns_held(fitted(logistic, matrix, 2), 2) == [1]
    assert columns_held(fitted(logistic, matrix, 3), 3) == [3]
    assert columns_held(fitted(bayes, matrix, 2), 2) == [2]


def test_several_threads_lose_no_term() -> None:
    """With ScatterND they do: ONNX Runtime adds to one row from several threads at once."""
    model = fitted(lm.Ridge(), matrix_of(0), 0)
    content = to_portable(model, TERMS, 0, TERMS)
    count = 300_000
    draw = np.random.default_rng(3)
    rows, positions = np.sort(draw.integers(0, 3, count)), draw.integers(0, TERMS, count)
    fed = np.zeros((3, 0)), rows, positions, draw.random(count)
    alone, together = onnx_scores(content), onnx_scores(content, threads=4)
    for _ in range(3):
        np.testing.assert_array_equal(together(*fed), alone(*fed))


def test_a_position_beyond_the_terms_is_refused() -> None:
    run = onnx_scores(to_portable(fitted(lm.Ridge(), matrix_of(0), 0), TERMS, 0, TERMS))
    with pytest.raises(Exception, match="out of data bounds"):
        run(np.zeros((1, 0)), np.array([0]), np.array([TERMS]), np.array([1.0]))
