"""scikit-learn's estimators as ONNX: which convert, that they answer in float64, and what is refused."""

import warnings
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import ensemble as e
from sklearn import linear_model as lm
from sklearn import naive_bayes as nb
from sklearn.base import BaseEstimator, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVR, LinearSVC, LinearSVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeRegressor
from sklearn.utils import get_tags
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from components.train.forests import read_forest
from components.train.hostile import boundary_rows
from components.train.portable import to_portable
from evenkeel.errors import ModelError
from evenkeel.learning.crossfit import fit_estimator, raw_answers
from evenkeel.predictor import onnx_scores

DRAW = np.random.default_rng(0)
ROWS = DRAW.normal(size=(300, 6)) * np.logspace(-3, 6, 6)
SIGNAL = ROWS[:, 0] * 1e3 + ROWS[:, 3] / 1e3 + DRAW.normal(size=300) / 4
HOLES = np.where(DRAW.random(ROWS.shape) < 0.1, np.nan, ROWS)

TREES = [
    e.HistGradientBoostingClassifier(max_iter=8),
    e.HistGradientBoostingRegressor(max_iter=8),
    e.HistGradientBoostingRegressor(max_iter=8, loss="poisson"),
    e.HistGradientBoostingRegressor(max_iter=8, loss="gamma"),
    e.HistGradientBoostingRegressor(max_iter=8, loss="quantile", quantile=0.8),
    e.HistGradientBoostingRegressor(max_iter=8, loss="absolute_error"),
    e.GradientBoostingClassifier(n_estimators=8),
    e.GradientBoostingClassifier(n_estimators=8, init="zero"),
    e.GradientBoostingRegressor(n_estimators=8),
    e.GradientBoostingRegressor(n_estimators=8, loss="huber"),
    e.RandomForestClassifier(n_estimators=8),
    e.RandomForestRegressor(n_estimators=8),
    e.RandomForestRegressor(n_estimators=8, criterion="poisson"),
    e.ExtraTreesClassifier(n_estimators=8),
    e.ExtraTreesRegressor(n_estimators=8),
    DecisionTreeClassifier(),
    DecisionTreeRegressor(),
    ExtraTreeRegressor(),
]
OTHERS = [
    lm.LogisticRegression(max_iter=5000),
    lm.SGDClassifier(loss="log_loss"),
    lm.LinearRegression(),
    lm.Ridge(),
    lm.Lasso(),
    lm.ElasticNet(),
    lm.HuberRegressor(),
    lm.SGDRegressor(),
    lm.PoissonRegressor(),
    lm.GammaRegressor(),
    lm.TweedieRegressor(power=1.5),
    lm.QuantileRegressor(),
    LinearSVR(),
    nb.GaussianNB(),
    nb.MultinomialNB(),
    nb.ComplementNB(),
    MLPClassifier((5,)),
    MLPRegressor(hidden_layer_sizes=(5,)),
    KNeighborsClassifier(),
    CalibratedClassifierCV(LinearSVC()),
    e.VotingClassifier(
        [("a", lm.LogisticRegression()), ("b", nb.GaussianNB())], voting="soft", flatten_transform=False
    ),
    e.VotingRegressor([("a", lm.Ridge()), ("b", lm.Lasso())]),
]


def fitted(estimator: BaseEstimator, classes: int) -> tuple[Any, Any]:
    """The estimator and the rows it was fitted on: with holes where it takes them, of one scale where it is no tree."""
    tags = get_tags(estimator).input_tags
    is_tree = isinstance(estimator, tuple(type(tree) for tree in TREES))
    rows = (HOLES if tags.allow_nan else ROWS) if is_tree else ROWS / ROWS.std(axis=0)
    if tags.positive_only:
        rows = np.abs(rows)
    cuts = np.quantile(SIGNAL, np.arange(1, max(classes, 2)) / max(classes, 2))
    answer = np.digitize(SIGNAL, cuts) if classes else np.abs(SIGNAL) + 0.1
    if "random_state" in estimator.get_params():
        estimator = estimator.set_params(random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whether these few iterations converge does not matter here
        return fit_estimator(estimator, rows, answer), rows


def named(estimator: BaseEstimator) -> str:
    return str(estimator).replace("\n", "")[:60]


def cases(estimators: list[BaseEstimator]) -> list[Any]:
    return [
        pytest.param(each, classes, id=f"{named(each)}-{classes}")
        for each in estimators
        for classes in ((2, 3) if is_classifier(each) else (0,))
    ]


@pytest.mark.parametrize(("estimator", "classes"), cases(TREES + OTHERS))
def test_it_answers_as_scikit_learn_in_float64(estimator: BaseEstimator, classes: int) -> None:
    model, rows = fitted(estimator, classes)
    content = to_portable(model, 6, classes)
    onnx.checker.check_model(content)
    run = onnx_scores(content)
    expected = raw_answers(model, rows, classes)
    answers = run(rows)
    assert answers.dtype == np.float64
    assert answers.shape == expected.shape
    np.testing.assert_allclose(answers, expected, rtol=1e-12, atol=1e-12)
    singles = np.concatenate([run(rows[row : row + 1]) for row in range(50)])
    np.testing.assert_allclose(singles, expected[:50], rtol=1e-12, atol=1e-12)
    assert to_portable(model, 6, classes) == content


@pytest.mark.parametrize(("estimator", "classes"), cases(TREES))
def test_trees_hold_on_their_thresholds_and_one_bit_beside_them(estimator: BaseEstimator, classes: int) -> None:
    model, rows = fitted(estimator, classes)
    forest = read_forest(model)
    assert forest is not None
    edges, _ = boundary_rows(forest, rows, 300, 0)
    assert len(edges) == 1800
    answers, expected = onnx_scores(to_portable(model, 6, classes))(edges), raw_answers(model, edges, classes)
    np.testing.assert_allclose(answers, expected, rtol=1e-12, atol=1e-14)


def test_forests_are_scikit_learns_to_the_last_bit() -> None:
    for estimator, classes in ((e.RandomForestClassifier(8), 3), (e.ExtraTreesRegressor(8), 0)):
        model, rows = fitted(estimator, classes)
        np.testing.assert_array_equal(
            onnx_scores(to_portable(model, 6, classes))(rows), raw_answers(model, rows, classes)
        )


@pytest.fixture(scope="module")
def histogram() -> Any:
    return fitted(e.HistGradientBoostingClassifier(max_iter=8), 3)[0]


@given(st.lists(st.lists(st.floats(allow_infinity=False), min_size=6, max_size=6), min_size=1, max_size=20))
@settings(max_examples=100)
def test_any_row_at_all_through_histogram_boosting(histogram: Any, cells: list[list[float]]) -> None:
    rows, run = np.array(cells), onnx_scores(to_portable(histogram, 6, 3))
    with threadpool_limits(1):
        np.testing.assert_allclose(run(rows), raw_answers(histogram, rows, 3), rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("estimator", "classes"),
    [
        (DecisionTreeRegressor(min_samples_leaf=300), 0),
        (e.RandomForestClassifier(2, min_samples_leaf=300), 3),
        (e.HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=300), 3),
    ],
)
def test_trees_that_are_only_a_leaf(estimator: BaseEstimator, classes: int) -> None:
    model, rows = fitted(estimator, classes)
    answers = onnx_scores(to_portable(model, 6, classes))(rows)
    np.testing.assert_allclose(answers, raw_answers(model, rows, classes), rtol=1e-15)


def test_the_bytes_do_not_hang_on_the_order_of_a_set() -> None:
    """skl2onnx puts the operator sets in a set's order, which is another in every second process."""
    rows = np.arange(20.0).reshape(-1, 2)
    converts = [KNeighborsClassifier(2), lm.LogisticRegression(), nb.GaussianNB()]
    for estimator in converts:
        estimator.fit(rows, rows[:, 0] > 9)
        used = [opset.domain for opset in onnx.load_from_string(to_portable(estimator, 2, 2)).opset_import]
        assert used == sorted(used)
    assert len(used) > 1, "the test needs an estimator of several operator sets"


def test_no_rows_are_no_answers() -> None:
    model, rows = fitted(e.RandomForestClassifier(2), 3)
    assert onnx_scores(to_portable(model, 6, 3))(rows[:0]).shape == (0, 3)


@pytest.mark.parametrize(
    ("estimator", "classes", "message"),
    [
        (
            e.HistGradientBoostingClassifier(max_iter=2, categorical_features=[1]),
            2,
            "leave out model.params.categorical",
        ),
        (e.GradientBoostingRegressor(n_estimators=2, init=lm.Ridge()), 0, r"leave out model\.params\.init"),
        (SVR(), 0, r"ONNX that does not run: .*model\.portable: skops"),
        (e.BaggingRegressor(n_estimators=2), 0, r"ONNX that does not run: .*model\.portable: skops"),
    ],
)
def test_what_onnx_cannot_hold_is_refused_with_a_way_out(estimator: BaseEstimator, classes: int, message: str) -> None:
    rows, answer = np.abs(ROWS) % 5 // 1, (SIGNAL > 0) * 1 if classes else SIGNAL
    with pytest.raises(ModelError, match=message):
        to_portable(fit_estimator(estimator, rows, answer), 6, classes)


def test_what_skl2onnx_does_not_know_is_refused() -> None:
    class Own(lm.Ridge):  # type: ignore[misc]  # scikit-learn is untyped
        pass

    with pytest.raises(ModelError, match="Own cannot be converted to ONNX"):
        to_portable(Own().fit(ROWS, SIGNAL), 6, 0)
    with pytest.raises(ModelError, match="FunctionTransformer cannot be converted"):
        to_portable(FunctionTransformer(np.hypot).fit(ROWS), 6, 0)
