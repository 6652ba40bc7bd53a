"""The scikit-learn side: estimators by path, folds, thresholds, intervals, pipelines on disk."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from evenkeel.config.project import Project
from evenkeel.errors import BundleError, ContractError, ModelError
from evenkeel.learning.crossfit import encode_folds, fit_estimator, make_folds, out_of_fold
from evenkeel.learning.decision import best_threshold, decide, decision_threshold, half_width
from evenkeel.learning.estimator import Traits, build_estimator, traits
from evenkeel.learning.matrix import Encode, encode_rows, fit_encoder_for
from evenkeel.learning.skopsfile import dump_pipeline, load_pipeline
from evenkeel.table import to_columns, truth
from tests.components import learnable

LINEAR, FOREST = "sklearn.linear_model.LogisticRegression", "sklearn.ensemble.RandomForestClassifier"
HISTOGRAM = "sklearn.ensemble.HistGradientBoostingClassifier"


# --- Estimators -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "params", "message"),
    [
        ("sklearn.ensmble.RandomForestClasifier", {}, r"did you mean sklearn\.ensemble\.RandomForestClassifier\?"),
        ("sklearn.linear_model.LogisticRegresion", {}, r"did you mean sklearn\.linear_model\.LogisticRegression\?"),
        ("nowhere.at.All", {}, "cannot be imported: No module named 'nowhere'"),
        ("pathlib.Path", {}, "is not a scikit-learn estimator"),
        ("os.system", {}, "is not a scikit-learn estimator"),
        (LINEAR, {"max_itr": 3}, r"model\.params: .* no parameter 'max_itr'; did you mean 'max_iter'\?"),
        ("sklearn.svm.LinearSVC", {}, r"gives no probabilities.*CalibratedClassifierCV"),
        ("sklearn.linear_model.Ridge", {}, "is not a classifier, and target.task is binary"),
    ],
)
def test_a_wrong_estimator_is_named_before_any_fit(path: str, params: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        build_estimator(learnable.project(path, params=params))


def test_a_classifier_is_no_regressor() -> None:
    with pytest.raises(ModelError, match=r"not a regressor, and target\.task is regression"):
        build_estimator(learnable.project(LINEAR, "regression"))


def test_a_search_space_names_parameters_the_estimator_has() -> None:
    wrong = learnable.project(FOREST, search={"space": {"max_dept": {"low": 2, "high": 9, "whole": True}}})
    with pytest.raises(ModelError, match=r"model\.search\.space: .*'max_dept'; did you mean 'max_depth'"):
        build_estimator(wrong)


def test_trials_go_over_params_and_the_seed_where_there_is_one() -> None:
    chosen = learnable.project(FOREST, params={"n_estimators": 7, "max_depth": 3}, model={"seed": 5})
    estimator = build_estimator(chosen, {"max_depth": 2})
    found = estimator.get_params()
    assert (found["n_estimators"], found["max_depth"], found["random_state"]) == (7, 2, 5)
    given_one = learnable.project(FOREST, params={"random_state": 1}, model={"seed": 5})
    assert build_estimator(given_one).get_params()["random_state"] == 1


def test_estimators_within_estimators_are_built_and_seeded_too() -> None:
    inner = {"estimator": {"estimator": "sklearn.svm.LinearSVC", "params": {"C": 0.5}}}
    chosen = learnable.project("sklearn.calibration.CalibratedClassifierCV", params=inner, model={"seed": 5})
    found = build_estimator(chosen, {"estimator__tol": 0.1}).get_params()
    assert (found["estimator__C"], found["estimator__tol"], found["estimator__random_state"]) == (0.5, 0.1, 5)


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        (LINEAR, False, Traits(keep_missing=False, standardise=True, sparse=False)),
        (LINEAR, True, Traits(keep_missing=False, standardise=True, sparse=True)),
        (HISTOGRAM, True, Traits(keep_missing=True, standardise=False, sparse=False)),
        (FOREST, False, Traits(keep_missing=True, standardise=False, sparse=False)),
        (FOREST, True, Traits(keep_missing=False, standardise=False, sparse=True)),
        ("sklearn.naive_bayes.MultinomialNB", False, Traits(keep_missing=False, standardise=False, sparse=False)),
    ],
)
def test_what_an_estimator_wants_of_its_matrix(path: str, text: bool, expected: Traits) -> None:
    chosen = learnable.project(path, text=text)
    assert traits(build_estimator(chosen), chosen) == expected


# --- Folds ----------------------------------------------------------------------------------------------------------


def test_folds_cover_every_row_once_spread_the_classes_and_do_not_depend_on_chance() -> None:
    chosen, table = learnable.project(task="multiclass", search={"folds": 3}), learnable.table(task="multiclass")
    answer = truth(table, chosen)
    folds = make_folds(table, answer, chosen)
    assert sorted(np.concatenate([fold.held for fold in folds]).tolist()) == list(range(table.num_rows))
    for fold in folds:
        assert not set(fold.learn) & set(fold.held)
        assert np.ptp(np.bincount(answer[fold.held])) <= 2
    again = make_folds(table, answer, chosen)
    assert all((one.held == other.held).all() for one, other in zip(folds, again, strict=True))


def test_groups_stay_together() -> None:
    rows = 120
    group = pa.array([f"house {number % 20}" for number in range(rows)])
    table = learnable.table(rows).append_column("house", group)
    described = learnable.project().model_dump(mode="json", exclude_defaults=True)
    described["contract"]["columns"]["house"] = {"type": "string"}
    described["split"] = {"group": "house"}
    chosen = Project.model_validate(described)
    for fold in make_folds(table, truth(table, chosen), chosen):
        assert not set(group.take(fold.held).to_pylist()) & set(group.take(fold.learn).to_pylist())


def test_near_duplicates_never_stand_on_both_sides_of_a_fold() -> None:
    once = learnable.table(60)
    table = pa.concat_tables([once, once, once])
    chosen = learnable.project()
    for fold in make_folds(table, truth(table, chosen), chosen):
        assert not set(fold.learn % 60) & set(fold.held % 60)


def test_fewer_groups_than_folds_are_refused() -> None:
    table = pa.concat_tables([learnable.table(2)] * 10)
    chosen = learnable.project(search={"folds": 3})
    with pytest.raises(ModelError, match=r"2 distinct training rows or groups are too few for search\.folds 3"):
        make_folds(table, truth(table, chosen), chosen)


def test_out_of_fold_answers_come_from_models_that_did_not_see_the_row() -> None:
    """A tree that learns by heart knows random labels, unless it is asked about rows it was not shown."""
    chosen, table = learnable.project("sklearn.tree.DecisionTreeClassifier"), learnable.table(600)
    answer = np.random.default_rng(1).integers(0, 2, 600)
    estimator = build_estimator(chosen)
    wanted = traits(estimator, chosen)
    folds = make_folds(table, answer, chosen)
    answers = out_of_fold(encode_folds(table, folds, chosen, wanted), answer, estimator, chosen)
    assert 0.4 < (answers.argmax(axis=1) == answer).mean() < 0.6
    by_heart = [type(fold)(np.arange(600), fold.held) for fold in folds]
    told = out_of_fold(encode_folds(table, by_heart, chosen, wanted), answer, estimator, chosen)
    assert (told.argmax(axis=1) == answer).all()


def test_a_class_a_fold_never_saw_has_no_probability() -> None:
    chosen, table = learnable.project(task="multiclass"), learnable.table(60, "multiclass")
    answer = np.where(np.arange(60) == 7, 2, np.arange(60) % 2)
    estimator = build_estimator(learnable.project("sklearn.tree.DecisionTreeClassifier", "multiclass"))
    folds = make_folds(table, answer, chosen)
    encoded = encode_folds(table, folds, chosen, traits(estimator, chosen))
    answers = out_of_fold(encoded, answer, estimator, chosen)
    assert answers[7, 2] == 0
    np.testing.assert_allclose(answers.sum(axis=1), 1)


def test_a_fit_that_fails_is_a_model_error_in_scikit_learns_words() -> None:
    chosen, table = learnable.project(params={"C": -1}), learnable.table()
    answer, estimator = truth(table, chosen), build_estimator(chosen)
    folds = encode_folds(table, make_folds(table, answer, chosen), chosen, traits(estimator, chosen))
    with pytest.raises(ModelError, match=r"LogisticRegression cannot be fitted .*'C' parameter"):
        out_of_fold(folds, answer, estimator, chosen)


# --- Thresholds and intervals ---------------------------------------------------------------------------------------

SCORED = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=2, max_size=40)


@given(SCORED)
@settings(max_examples=200)
def test_no_threshold_has_a_higher_f1(rows: list[tuple[int, bool]]) -> None:
    scores, positive = np.array([row[0] / 12 for row in rows]), np.array([row[1] for row in rows])
    found = best_threshold(scores, positive, "f1")
    if positive.all() or not positive.any() or len(set(scores)) == 1:
        assert found == 0.5
        return
    tried = (np.unique(scores)[1:] + np.unique(scores)[:-1]) / 2
    best = max(f1_score(positive, scores >= each, zero_division=0) for each in tried)
    assert f1_score(positive, scores >= found, zero_division=0) == pytest.approx(best)
    assert np.abs(scores - found).min() > 0.01  # never on a score


@given(SCORED)
def test_no_threshold_has_a_higher_youden(rows: list[tuple[int, bool]]) -> None:
    scores, positive = np.array([row[0] / 12 for row in rows]), np.array([row[1] for row in rows])
    if positive.all() or not positive.any() or len(set(scores)) == 1:
        return

    def youden(threshold: float) -> float:
        named = scores >= threshold
        return float(named[positive].mean() - named[~positive].mean())

    tried = (np.unique(scores)[1:] + np.unique(scores)[:-1]) / 2
    found = best_threshold(scores, positive, "youden")
    assert youden(found) == pytest.approx(max(youden(each) for each in tried))


@pytest.mark.parametrize(("asked", "expected"), [("none", 0.5), (0.3, 0.3)])
def test_a_threshold_may_be_given(asked: Any, expected: float) -> None:
    answers, answer = np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 1])
    assert decision_threshold(answers, answer, learnable.project(model={"threshold": asked})) == expected


def test_more_classes_have_no_threshold() -> None:
    chosen = learnable.project(task="multiclass")
    prediction = decide(np.eye(3), np.arange(3), chosen)
    assert prediction.labels is not None
    assert prediction.labels.tolist() == [0, 1, 2]


def test_the_interval_is_the_conformal_quantile() -> None:
    residuals = np.arange(1.0, 10.0)  # nine: ceil(10 * 0.8) = the eighth
    assert half_width(np.zeros(9), residuals, 0.8) == 8.0
    assert half_width(np.zeros(9), residuals, 0.95) is None


def test_the_interval_covers_new_rows_as_often_as_it_says() -> None:
    draw = np.random.default_rng(0)
    covered = []
    for _ in range(300):
        known, new = draw.standard_t(3, 99), draw.standard_t(3, 100)
        width = half_width(np.zeros(99), known, 0.9)
        assert width is not None
        covered.append((np.abs(new) <= width).mean())
    assert 0.89 < np.mean(covered) < 0.91


# --- The matrix, and pipelines on disk ------------------------------------------------------------------------------


def fitted_pipeline(path: str = LINEAR, *, text: bool = False) -> tuple[Pipeline, pa.Table]:
    chosen, table = learnable.project(path, text=text), learnable.table(text=text)
    estimator = build_estimator(chosen)
    wanted = traits(estimator, chosen)
    columns = to_columns(table, chosen.feature_columns)
    encoder = fit_encoder_for(columns, chosen, wanted)
    matrix = encode_rows(encoder, columns, table.num_rows, as_sparse=wanted.sparse)
    step = Encode.of(encoder, chosen.feature_columns, as_sparse=wanted.sparse)
    return Pipeline([("encode", step), ("model", fit_estimator(estimator, matrix, truth(table, chosen)))]), table


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


@pytest.mark.parametrize("text", [False, True])
def test_a_pipeline_takes_data_frames_and_comes_back_from_disk_the_same(text: bool, tmp_path: Path) -> None:
    pipeline, table = fitted_pipeline(text=text)
    expected = pipeline.predict_proba(table)
    content = dump_pipeline(pipeline)
    (tmp_path / "model.skops").write_bytes(content)
    loaded = load_pipeline(tmp_path / "model.skops")
    np.testing.assert_array_equal(loaded.predict_proba(table.to_pandas()), expected)
    assert list(loaded[0].get_feature_names_out()) == list(pipeline[0].get_feature_names_out())
    assert dump_pipeline(loaded) == content


def test_a_frame_that_is_not_of_the_contracts_types_is_refused() -> None:
    pipeline, table = fitted_pipeline()
    with pytest.raises(ContractError, match="column 'age' is missing"):
        pipeline.predict(table.drop_columns("age"))
    words = table.drop_columns("age").append_column("age", pa.array(["old"] * table.num_rows))
    with pytest.raises(ContractError, match="column 'age', row 1: 'old' is not of type integer"):
        pipeline.predict(words)


@pytest.mark.parametrize("path", [HISTOGRAM, FOREST, "sklearn.ensemble.GradientBoostingClassifier"])
def test_the_file_holds_no_address_no_time_and_no_stray_byte(path: str) -> None:
    one, other = (fitted_pipeline_of_no_missing(path) for _ in range(2))
    assert dump_pipeline(one) == dump_pipeline(other)


def fitted_pipeline_of_no_missing(path: str) -> Pipeline:
    chosen, table = learnable.project(path), learnable.table()
    columns = to_columns(table, chosen.feature_columns)
    encoder = fit_encoder_for(columns, chosen, Traits(keep_missing=False, standardise=False, sparse=False))
    matrix = encoder.encode(columns, table.num_rows)
    estimator = fit_estimator(build_estimator(chosen), matrix, truth(table, chosen))
    return Pipeline([("encode", Encode.of(encoder, chosen.feature_columns, as_sparse=False)), ("model", estimator)])


def test_a_type_that_is_not_listed_is_neither_written(tmp_path: Path) -> None:
    pipeline, _ = fitted_pipeline()
    pipeline.steps.insert(1, ("sneak", FunctionTransformer(np.log1p)))
    with pytest.raises(ModelError, match=r"sklearn\.preprocessing\._function_transformer\.FunctionTransformer"):
        dump_pipeline(pipeline)


@pytest.mark.parametrize(
    ("found", "planted", "message"),
    [
        ('"LogisticRegression"', '"Popen"', r"sklearn\.linear_model\._logistic\.Popen; it is not loaded"),
        ('"sklearn.linear_model._logistic"', '"os"', r"os\.LogisticRegression; it is not loaded"),
        ('"ListNode"', '"MethodNode"', "MethodNode; it is not loaded"),
        ('"ListNode"', '"FunctionNode"', "FunctionNode; it is not loaded"),
    ],
)
def test_nor_read(found: str, planted: str, message: str, tmp_path: Path) -> None:
    content = dump_pipeline(fitted_pipeline()[0])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["schema.json"] = parts["schema.json"].replace(found.encode(), planted.encode())
    json.loads(parts["schema.json"])
    with zipfile.ZipFile(tmp_path / "model.skops", "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    with pytest.raises(BundleError, match=message):
        load_pipeline(tmp_path / "model.skops")


def test_a_file_that_is_no_pipeline_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.skops").write_bytes(b"\x80\x04 a pickle, perhaps")
    with pytest.raises(BundleError, match="is not a pipeline"):
        load_pipeline(tmp_path / "model.skops")
