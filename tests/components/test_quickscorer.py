"""Trees for many rows at once: the same bits as ONNX Runtime's, and only where it pays."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import ensemble as e
from sklearn.base import BaseEstimator
from sklearn.tree import DecisionTreeRegressor

from components.train.forests import Forest, read_forest
from components.train.hostile import boundary_rows
from components.train.portable import to_portable
from components.train.quickscorer import quick_nodes
from evenkeel.errors import BundleError
from evenkeel.learning.crossfit import fit_estimator
from evenkeel.prediction import FloatArray
from evenkeel.predictor import Scores, onnx_scores, quick_scores
from evenkeel.quickscorer import Nodes, QuickScorer

DRAW = np.random.default_rng(0)
ROWS = np.hstack([DRAW.normal(size=(2_000, 4)) * np.logspace(-3, 6, 4), DRAW.integers(0, 2, (2_000, 7))])
SIGNAL = np.sin(ROWS[:, 0] * 3e3) * ROWS[:, 4] + ROWS[:, 1] * ROWS[:, 5] + DRAW.normal(size=2_000) / 4
HOLES = np.where(DRAW.random(ROWS.shape) < 0.1, np.nan, ROWS)
ODD = [0.0, -0.0, 5e-324, 1e300, -1e300, 3.5e38, np.inf, -np.inf, np.nan, 1.0]

MODELS = [
    (e.HistGradientBoostingClassifier(max_iter=40), 2),
    (e.HistGradientBoostingClassifier(max_iter=40), 3),
    (e.HistGradientBoostingRegressor(max_iter=40, max_leaf_nodes=64), 0),
    (e.HistGradientBoostingRegressor(max_iter=40, loss="poisson"), 0),
    (e.GradientBoostingClassifier(n_estimators=60, max_depth=5), 2),
    (e.GradientBoostingClassifier(n_estimators=60, max_depth=5), 3),
    (e.RandomForestClassifier(60, max_depth=5), 3),
    (e.RandomForestRegressor(60, max_depth=5), 0),
]


def forest_of(estimator: BaseEstimator, classes: int, rows: FloatArray = HOLES) -> tuple[Any, Forest]:
    """The fitted estimator, on rows with holes where it takes them, and its trees."""
    answer = np.digitize(SIGNAL, np.quantile(SIGNAL, [0.3, 0.7][: classes - 1])) if classes else np.abs(SIGNAL)
    known = np.nan_to_num(rows) if isinstance(estimator, e.GradientBoostingClassifier) else rows
    fitted = fit_estimator(estimator.set_params(random_state=0), known, answer)
    forest = read_forest(fitted)
    assert forest is not None
    return fitted, forest


def both_ways(estimator: BaseEstimator, classes: int, folder: Path) -> tuple[Scores, Scores, QuickScorer, Forest]:
    """The model through ONNX Runtime alone, and as a server of its bundle asks it."""
    fitted, forest = forest_of(estimator, classes)
    nodes = quick_nodes(forest, classes)
    assert nodes is not None
    nodes.save(folder / "trees.npz")
    plain = onnx_scores(to_portable(fitted, ROWS.shape[1], classes))
    return plain, quick_scores(folder / "trees.npz", plain), QuickScorer(nodes), forest


@pytest.mark.parametrize(("estimator", "classes"), MODELS)
def test_many_rows_get_the_bits_that_onnx_runtime_gives(estimator: BaseEstimator, classes: int, tmp_path: Path) -> None:
    plain, quick, scorer, forest = both_ways(estimator, classes, tmp_path)
    edges, _ = boundary_rows(forest, ROWS[:100], 200, 0)
    odd = np.tile(np.array(ODD)[:, None], (20, ROWS.shape[1]))
    for rows in (ROWS, HOLES, edges, odd, ROWS[: scorer.least], HOLES[:513]):
        assert len(rows) >= scorer.least
        np.testing.assert_array_equal(quick(rows), plain(rows))
    assert not np.array_equal(quick(ROWS[:100]), quick(ROWS[100:200]))


@pytest.fixture(scope="module")
def histogram(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return both_ways(*MODELS[1], tmp_path_factory.mktemp("trees"))


@given(st.lists(st.lists(st.floats(), min_size=11, max_size=11), min_size=2, max_size=40))
@settings(max_examples=100)
def test_any_rows_at_all(histogram: Any, cells: list[list[float]]) -> None:
    plain, _, scorer, forest = histogram
    rows = np.array(cells)
    rest = onnx_scores(forest.rest(3).SerializeToString())
    np.testing.assert_array_equal(rest(scorer.sums(rows)), plain(rows))


def test_few_rows_go_through_onnx_runtime_which_is_faster_then(histogram: Any, tmp_path: Path) -> None:
    _, _, scorer, forest = histogram
    nodes = quick_nodes(forest, 3)
    assert nodes is not None
    nodes.save(tmp_path / "trees.npz")
    asked: list[int] = []

    def few(matrix: FloatArray) -> FloatArray:
        asked.append(len(matrix))
        return np.zeros((len(matrix), 3))

    quick = quick_scores(tmp_path / "trees.npz", few)
    for rows in (0, 1, scorer.least - 1, scorer.least):
        assert quick(ROWS[:rows]).shape == (rows, 3)
    assert asked == [0, 1, scorer.least - 1]


@pytest.mark.parametrize(
    ("estimator", "rows"),
    [
        pytest.param(e.RandomForestRegressor(20), HOLES, id="trees with more leaves than a word has bits"),
        pytest.param(e.HistGradientBoostingRegressor(max_iter=3), HOLES, id="few trees"),
        pytest.param(DecisionTreeRegressor(max_depth=2), HOLES, id="a small tree"),
        pytest.param(DecisionTreeRegressor(min_samples_leaf=1_500), HOLES, id="nothing but a leaf"),
        pytest.param(
            e.HistGradientBoostingRegressor(max_iter=40), DRAW.normal(size=(2_000, 60)), id="many graded features"
        ),
    ],
)
def test_where_it_does_not_pay_a_bundle_has_no_second_form(estimator: BaseEstimator, rows: FloatArray) -> None:
    assert quick_nodes(forest_of(estimator, 0, rows)[1], 0) is None


def test_the_same_trees_are_the_same_bytes(histogram: Any, tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        nodes = quick_nodes(histogram[3], 3)
        assert nodes is not None
        nodes.save(tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("harm", [b"", b"no zip", b"PK\x03\x04 torn"])
def test_a_file_that_holds_no_trees_is_named(harm: bytes, tmp_path: Path) -> None:
    path = tmp_path / "trees.npz"
    path.write_bytes(harm)
    with pytest.raises(BundleError, match=r"trees\.npz: holds no trees: .*train the model anew"):
        Nodes.load(path)


def test_arrays_of_another_kind_are_no_trees(tmp_path: Path) -> None:
    path = tmp_path / "trees.npz"
    np.savez(path, feature=np.zeros(3))
    with pytest.raises(BundleError, match="holds no trees"):
        Nodes.load(path)
