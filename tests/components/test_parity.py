"""The parity gate: it passes what is the same and stops every way of being almost the same."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pytest
from onnx import numpy_helper

from components.train.fit import Fitted, fit
from components.train.forests import read_forest
from components.train.parity import TOLERANCE, Case, Parity, compare
from components.train.portable import portable_form, to_portable
from components.train.quickscorer import quick_nodes
from evenkeel.bundle import Manifest
from evenkeel.config.project import Project
from evenkeel.encoder import Encoder
from evenkeel.errors import ParityError
from evenkeel.learning.skopsfile import dump_pipeline, load_pipeline
from evenkeel.predictor import Predictor, onnx_scores, quick_scores
from evenkeel.quickscorer import Nodes
from tests.components import learnable

HISTOGRAM = ("sklearn.ensemble.HistGradientBoostingClassifier", {"max_iter": 20, "min_samples_leaf": 5})
FOREST = ("sklearn.ensemble.RandomForestClassifier", {"n_estimators": 20})
LINEAR: tuple[str, dict[str, Any]] = ("sklearn.linear_model.LogisticRegression", {})
SVC = {"estimator": {"estimator": "sklearn.svm.LinearSVC"}, "ensemble": False}


def trained(
    estimator: tuple[str, dict[str, Any]], task: str = "binary", *, text: bool = False
) -> tuple[Fitted, Project]:
    project = learnable.project(estimator[0], task, text=text, params=estimator[1])
    return fit(learnable.table(task=task, text=text), project, {}), project


def portable_of(fitted: Fitted, project: Project) -> bytes:
    width, terms = fitted.encoder.width, fitted.encoder.width - fitted.encoder.dense_width
    return to_portable(fitted.estimator, width, len(project.classes), terms)


def predictor_of(
    fitted: Fitted, project: Project, model: bytes | None = None, encoder: Encoder | None = None
) -> Predictor:
    content = model or portable_of(fitted, project)
    manifest = Manifest(
        name="learnable",
        task=project.target.task,
        classes=project.classes,
        threshold=fitted.threshold,
        portable=portable_form(content),
        estimator=project.model.estimator,
        params={},
        data_version="0",
        code_version="0",
        lock="0",
        train_rows=1,
        evaluation_rows=1,
    )
    return Predictor(encoder or fitted.encoder, manifest, onnx_scores(content))


def evaluation(task: str = "binary", *, text: bool = False) -> pa.Table:
    return learnable.table(120, task, text=text, seed=9)


@pytest.mark.parametrize(
    ("estimator", "task", "text"),
    [
        (HISTOGRAM, "binary", False),
        (HISTOGRAM, "multiclass", True),
        (FOREST, "binary", False),
        (FOREST, "multiclass", True),
        (LINEAR, "binary", True),
        (LINEAR, "multiclass", False),
        (LINEAR, "multiclass", True),
        (("sklearn.calibration.CalibratedClassifierCV", SVC), "binary", True),
        (("sklearn.linear_model.Ridge", {}), "regression", True),
        (("sklearn.linear_model.PoissonRegressor", {}), "regression", False),
        (("sklearn.ensemble.GradientBoostingRegressor", {"n_estimators": 20}), "regression", False),
    ],
)
def test_what_is_the_same_passes(estimator: tuple[str, dict[str, Any]], task: str, text: bool) -> None:
    fitted, project = trained(estimator, task, text=text)
    found = Parity(fitted, evaluation(task, text=text), project).check_portable(predictor_of(fitted, project))
    assert {"evaluation rows", "evaluation rows, one at a time", "hostile rows"} <= set(found)
    assert ("rows on thresholds" in found) == (read_forest(fitted.estimator) is not None)
    assert max(found.values()) < 1e-11


def test_a_tree_that_is_but_a_leaf_passes_without_rows_on_thresholds() -> None:
    fitted, project = trained(("sklearn.tree.DecisionTreeClassifier", {"min_samples_leaf": 200}))
    found = Parity(fitted, evaluation(), project).check_portable(predictor_of(fitted, project))
    assert found
    assert not any("threshold" in name for name in found)


def some_columns(columns: dict[str, str]) -> tuple[Project, pa.Table, pa.Table]:
    """A project of these columns (name -> that of ``learnable.table``), and its rows to learn and to judge by."""
    described = learnable.project(text=True).model_dump(mode="json", exclude_defaults=True)
    columns = {"answer": "answer", **columns}
    known = described["contract"]["columns"]
    described["contract"]["columns"] = {name: known[column] for name, column in columns.items()}
    learn, judge = (
        pa.table({name: side[column] for name, column in columns.items()})
        for side in (learnable.table(text=True), evaluation(text=True))
    )
    return Project.model_validate(described), learn, judge


@pytest.mark.parametrize("columns", [{"review": "review"}, {"title": "review", "age": "age", "review": "review"}])
def test_one_text_alone_and_two_beside_a_number_pass(columns: dict[str, str]) -> None:
    project, learn, judge = some_columns(columns)
    if "title" in columns:  # the second text is another row's
        learn, judge = (
            side.set_column(1, "title", side["title"].take(pa.array(np.arange(len(side))[::-1])))
            for side in (learn, judge)
        )
    fitted = fit(learn, project, {})
    assert portable_form(portable_of(fitted, project)) == "onnx-sparse"
    assert max(Parity(fitted, judge, project).check_portable(predictor_of(fitted, project)).values()) < 1e-13


# --- Portable forms that are almost right ---------------------------------------------------------------------------


def changed(fitted: Fitted, project: Project, attribute: str, change: Any) -> bytes:
    """The portable form with one attribute of its tree operator changed."""
    model = onnx.load_from_string(portable_of(fitted, project))
    (trees,) = (node for node in model.graph.node if node.op_type == "TreeEnsemble")
    (found,) = (each for each in trees.attribute if each.name == attribute)
    if found.type == onnx.AttributeProto.TENSOR:
        found.t.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(found.t))))
    else:
        found.ints[:] = change(np.array(found.ints)).tolist()
    content: bytes = model.SerializeToString()
    return content


def test_thresholds_in_float32_are_refused_though_no_ordinary_row_notices() -> None:
    fitted, project = trained(HISTOGRAM)
    rounded = changed(fitted, project, "nodes_splits", lambda splits: splits.astype(np.float32).astype(np.float64))
    with pytest.raises(ParityError, match=r"rows on thresholds.* beside the threshold .*model\.portable: skops"):
        Parity(fitted, evaluation(), project).check_portable(predictor_of(fitted, project, rounded))


@pytest.mark.parametrize("estimator", [HISTOGRAM, FOREST])
def test_thresholds_off_by_one_bit_are_refused(estimator: tuple[str, dict[str, Any]]) -> None:
    fitted, project = trained(estimator)
    step = np.float32 if estimator is FOREST else np.float64  # a forest compares in float32: it cannot see less
    moved = changed(
        fitted,
        project,
        "nodes_splits",
        lambda splits: np.nextafter(splits.astype(step), step(np.inf)).astype(np.float64),
    )
    with pytest.raises(ParityError, match="rows on thresholds"):
        Parity(fitted, evaluation(), project).check_portable(predictor_of(fitted, project, moved))


def test_missing_values_that_take_the_other_branch_are_refused() -> None:
    fitted, project = trained(HISTOGRAM)
    turned = changed(fitted, project, "nodes_missing_value_tracks_true", lambda tracks: 1 - tracks)
    with pytest.raises(ParityError, match=r"evaluation rows|hostile rows"):
        Parity(fitted, evaluation(), project).check_portable(predictor_of(fitted, project, turned))


def test_one_leaf_that_weighs_a_little_else_is_refused() -> None:
    fitted, project = trained(HISTOGRAM)
    heavier = changed(fitted, project, "leaf_weights", lambda weights: weights + 1e-7)
    with pytest.raises(ParityError, match=r"evaluation rows, .* of 120 rows: .*row \d+: scikit-learn says .*allowed"):
        Parity(fitted, evaluation(), project).check_portable(predictor_of(fitted, project, heavier))


def other_weight(model: onnx.ModelProto) -> None:
    """One term weighs a hundred-thousandth more."""
    terms = next(node.input[0] for node in model.graph.node if node.op_type == "Gather")
    (tensor,) = (each for each in model.graph.initializer if each.name == terms)
    values = numpy_helper.to_array(tensor).copy()
    values[np.abs(values).argmax() // values.shape[1]] *= 1 + 1e-5
    tensor.CopyFrom(numpy_helper.from_array(values, terms))


def only_the_last_term(model: onnx.ModelProto) -> None:
    (scatter,) = (node for node in model.graph.node if node.op_type == "ScatterElements")
    next(each for each in scatter.attribute if each.name == "reduction").s = b"none"


def no_weights(model: onnx.ModelProto) -> None:
    (scatter,) = (node for node in model.graph.node if node.op_type == "ScatterElements")
    (product,) = (node for node in model.graph.node if "weight" in node.input)
    scatter.input[2] = product.input[0]


@pytest.mark.parametrize("spoil", [other_weight, only_the_last_term, no_weights])
def test_terms_that_count_otherwise_are_refused(spoil: Any) -> None:
    fitted, project = trained(LINEAR, text=True)
    model = onnx.load_from_string(portable_of(fitted, project))
    spoil(model)
    wrong = predictor_of(fitted, project, model.SerializeToString())
    with pytest.raises(ParityError, match=r"evaluation rows, \d+ of 120 rows: .*model\.portable: skops"):
        Parity(fitted, evaluation(text=True), project).check_portable(wrong)


def test_a_way_for_one_row_that_counts_otherwise_is_refused() -> None:
    """One text is counted term by term, many are by their words: here the first takes two terms for one another."""
    fitted, project = trained(LINEAR, text=True)
    (vocabulary,) = fitted.encoder.texts
    swapped = type(vocabulary).model_validate(vocabulary.model_dump())
    swapped.positions.update(great=vocabulary.positions["dull"], dull=vocabulary.positions["great"])
    other = fitted.encoder.model_copy(update={"texts": (swapped,)})
    with pytest.raises(ParityError, match="evaluation rows, one at a time"):
        Parity(fitted, evaluation(text=True), project).check_portable(predictor_of(fitted, project, encoder=other))


def test_another_tokenizer_is_refused() -> None:
    """Words split at apostrophes otherwise than scikit-learn does: what ONNX's own tokenizer would do."""
    fitted, project = trained(LINEAR, text=True)
    assert "don" in fitted.encoder.texts[0].terms
    other = Encoder.from_json(fitted.encoder.to_json().replace('"don"', '"don\'t"'))
    with pytest.raises(ParityError, match="evaluation rows"):
        Parity(fitted, evaluation(text=True), project).check_portable(predictor_of(fitted, project, encoder=other))


def test_a_converter_that_is_wrong_is_refused() -> None:
    """skl2onnx turns probabilities of two classes by linear discriminant analysis into others."""
    fitted, project = trained(("sklearn.discriminant_analysis.LinearDiscriminantAnalysis", {}))
    with pytest.raises(ParityError, match="evaluation rows"):
        Parity(fitted, evaluation(), project).check_portable(predictor_of(fitted, project))


def test_a_pipeline_that_does_not_come_back_the_same_is_refused(tmp_path: Any) -> None:
    fitted, project = trained(LINEAR)
    (tmp_path / "model.skops").write_bytes(dump_pipeline(fitted.pipeline(project)))
    loaded = load_pipeline(tmp_path / "model.skops")
    assert Parity(fitted, evaluation(), project).check_pipeline(loaded) == 0
    loaded[-1].estimator_.coef_[0, 0] += 1e-3
    with pytest.raises(ParityError, match="evaluation rows through the saved pipeline"):
        Parity(fitted, evaluation(), project).check_pipeline(loaded)


# --- The comparison -------------------------------------------------------------------------------------------------


def case(reference: Any, portable: Any) -> Case:
    rows = [f"row {number}" for number in range(1, len(reference) + 1)]
    return Case("some rows", np.array(reference, float), np.array(portable, float), rows)


def test_a_label_may_not_differ_however_small_the_difference() -> None:
    reference, portable = [[0.7, 0.3], [0.5, 0.5]], [[0.7, 0.3], [0.5 + 1e-13, 0.5 - 1e-13]]
    assert compare(case(reference, portable), 0.4) < TOLERANCE
    with pytest.raises(ParityError, match=r"some rows, 1 of 2 rows: .*Worst is row 2: scikit-learn says \[0\.5 0\.5\]"):
        compare(case(reference, portable), 0.5)


def test_values_are_compared_by_their_size() -> None:
    assert compare(case([1e12, 1e-12], [1e12 + 100, 2e-12]), None) < TOLERANCE
    with pytest.raises(ParityError, match="row 2"):
        compare(case([1e12, 1.0], [1e12, 1.0 + 1e-8]), None)


def test_a_number_where_scikit_learn_has_none_is_no_matter_but_none_where_it_has_one_is() -> None:
    assert compare(case([np.nan, np.inf, 1.0], [0.0, 7.0, 1.0]), None) == 0
    assert compare(case([np.nan], [0.0]), None) == 0
    with pytest.raises(ParityError, match="the portable form nan"):
        compare(case([1.0], [np.nan]), None)


def test_answers_of_another_shape_are_refused() -> None:
    with pytest.raises(ParityError, match=r"answers \(1, 3\) for \(1, 2\)"):
        compare(case([[0.5, 0.5]], [[0.3, 0.3, 0.4]]), None)


# --- Trees for many rows ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["leaves", "threshold", "missing_left", "cut_off"])
def test_trees_for_many_rows_that_are_other_trees_are_stopped(field: str, tmp_path: Path) -> None:
    fitted, project = trained((HISTOGRAM[0], {"max_iter": 40, "min_samples_leaf": 5}))
    forest = read_forest(fitted.estimator)
    assert forest is not None
    nodes = quick_nodes(forest, 2)
    assert nodes is not None
    parity = Parity(fitted, evaluation(), project)
    parity.check_portable(with_trees(nodes, fitted, project, tmp_path))
    values = getattr(nodes, field)
    other = replace(nodes, **{field: ~values if values.dtype == bool else values + values.dtype.type(1)})
    with pytest.raises(ParityError, match="does not answer as scikit-learn does"):
        parity.check_portable(with_trees(other, fitted, project, tmp_path))


def with_trees(nodes: Nodes, fitted: Fitted, project: Project, folder: Path) -> Predictor:
    nodes.save(folder / "trees.npz")
    predictor = predictor_of(fitted, project)
    scores = quick_scores(folder / "trees.npz", predictor.run)
    return Predictor(fitted.encoder, predictor.manifest, scores)
