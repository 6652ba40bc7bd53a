"""A bundle's own answers, as servers, gates and MLflow get them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from components.search.step import search
from components.train.portable import to_portable
from components.train.step import train
from evenkeel.bundle import MANIFEST, ONNX, Bundle, open_bundle, seal_bundle
from evenkeel.config.project import Project
from evenkeel.errors import BundleError, ContractError, EncodingError
from evenkeel.learning.skopsfile import load_pipeline
from evenkeel.prediction import FloatArray, Prediction
from evenkeel.predictor import FramePredictor, Predictor, _load_pyfunc
from evenkeel.table import to_columns, write_table
from tests.components import learnable

TREES = "sklearn.ensemble.HistGradientBoostingClassifier"
HEAVY = ("sklearn", "scipy", "pandas", "skops", "onnx", "skl2onnx", "optuna", "mlflow")


def bundle_of(project: Project, folder: Path, task: str = "binary", *, text: bool = False) -> Bundle:
    write_table(learnable.table(task=task, text=text), folder / "train.parquet")
    write_table(learnable.table(80, task, text=text, seed=1), folder / "evaluation.parquet")
    search(project, folder / "train.parquet", 0, folder / "trials.json")
    sides = folder / "train.parquet", folder / "evaluation.parquet"
    train(project, *sides, [folder / "trials.json"], "0" * 32, "c", folder / "model")
    return open_bundle(folder / "model")


@pytest.fixture(scope="module")
def text_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundle_of(learnable.project(text=True), tmp_path_factory.mktemp("text"), text=True)


@pytest.fixture(scope="module")
def tree_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    project = learnable.project(TREES, params={"max_iter": 10, "min_samples_leaf": 5})
    return bundle_of(project, tmp_path_factory.mktemp("trees"))


@pytest.fixture(scope="module")
def skops_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    project = learnable.project("sklearn.neighbors.KNeighborsClassifier", model={"portable": "skops"})
    return bundle_of(project, tmp_path_factory.mktemp("skops"))


def columns_of(bundle: Bundle, rows: int = 100) -> dict[str, np.ndarray]:
    features = bundle.project().feature_columns
    return to_columns(learnable.table(rows, text="review" in features, seed=2), features)


def labels(prediction: Prediction) -> list[int]:
    assert prediction.labels is not None
    return [int(label) for label in prediction.labels]


def chances(prediction: Prediction) -> FloatArray:
    assert prediction.probabilities is not None
    return prediction.probabilities


@pytest.fixture(scope="module")
def dense_text_bundle(text_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle of texts as they were before their terms stood apart: its graph takes a dense matrix."""
    folder = tmp_path_factory.mktemp("dense")
    for name in text_bundle.manifest.files:
        (folder / name).write_bytes((text_bundle.folder / name).read_bytes())
    model = load_pipeline(folder / "model.skops")[-1].estimator_
    (folder / ONNX).write_bytes(to_portable(model, Predictor.load(text_bundle).encoder.width, 2))
    seal_bundle(folder, text_bundle.manifest.model_copy(update={"portable": "onnx", "files": {}}))
    return open_bundle(folder)


@pytest.mark.parametrize("name", ["text_bundle", "dense_text_bundle", "tree_bundle", "skops_bundle"])
def test_it_answers_as_the_saved_pipeline_does(name: str, request: pytest.FixtureRequest) -> None:
    bundle = request.getfixturevalue(name)
    table = learnable.table(100, text="text" in name, seed=2)
    pipeline = load_pipeline(bundle.folder / "model.skops")
    prediction = Predictor.load(bundle).predict(columns_of(bundle))
    np.testing.assert_allclose(chances(prediction), pipeline.predict_proba(table), rtol=0, atol=1e-12)
    assert labels(prediction) == pipeline.predict(table).tolist()


def test_labels_follow_the_tuned_threshold(tree_bundle: Bundle) -> None:
    prediction = Predictor.load(tree_bundle).predict(columns_of(tree_bundle))
    threshold = tree_bundle.manifest.threshold
    assert threshold is not None
    assert labels(prediction) == (chances(prediction)[:, 1] >= threshold).astype(int).tolist()


@pytest.mark.parametrize("name", ["text_bundle", "dense_text_bundle"])
def test_many_rows_are_answered_in_chunks_as_few_are(name: str, request: pytest.FixtureRequest) -> None:
    bundle = request.getfixturevalue(name)
    predictor, columns = Predictor.load(bundle), columns_of(bundle, 10_000)
    whole = predictor.predict(columns)
    part = predictor.predict({name: values[9_000:9_010] for name, values in columns.items()})
    assert len(whole) == 10_000
    np.testing.assert_allclose(chances(whole)[9_000:9_010], chances(part), rtol=0, atol=1e-14)


def test_texts_without_a_known_word_are_answered_as_scikit_learn_does(text_bundle: Bundle) -> None:
    table = learnable.table(4, text=True, seed=2)
    place = table.column_names.index("review")
    odd = table.set_column(place, "review", [[None, "", "unheard of", "great A film great"]])
    columns = to_columns(odd, text_bundle.project().feature_columns)
    predictor, pipeline = Predictor.load(text_bundle), load_pipeline(text_bundle.folder / "model.skops")
    expected = pipeline.predict_proba(odd)
    np.testing.assert_allclose(chances(predictor.predict(columns)), expected, rtol=0, atol=1e-13)
    alone = [predictor.scores({name: values[row : row + 1] for name, values in columns.items()}) for row in range(4)]
    np.testing.assert_allclose(np.concatenate(alone), expected, rtol=0, atol=1e-13)


def test_terms_apart_are_a_form_of_its_own_that_older_readers_refuse(text_bundle: Bundle, tmp_path: Path) -> None:
    assert text_bundle.manifest.portable == "onnx-sparse"
    text = (text_bundle.folder / MANIFEST).read_text(encoding="utf-8")
    (tmp_path / MANIFEST).write_text(text.replace('"onnx-sparse"', '"onnx-later"'), encoding="utf-8")
    with pytest.raises(BundleError, match=r"is not a manifest this version can read: (?s:.*)portable(?s:.*)onnx-later"):
        open_bundle(tmp_path)


@pytest.mark.parametrize("name", ["text_bundle", "tree_bundle"])
def test_no_rows_have_no_answers(name: str, request: pytest.FixtureRequest) -> None:
    bundle = request.getfixturevalue(name)
    none = {name: values[:0] for name, values in columns_of(bundle).items()}
    assert len(Predictor.load(bundle).predict(none)) == 0


@pytest.mark.parametrize("name", ["text_bundle", "dense_text_bundle", "tree_bundle"])
def test_the_fast_path_is_the_same_path(name: str, request: pytest.FixtureRequest) -> None:
    bundle = request.getfixturevalue(name)
    predictor, columns = Predictor.load(bundle), columns_of(bundle)
    fast = predictor.answer(predictor.run(predictor.matrix(columns)))
    np.testing.assert_array_equal(chances(fast), chances(predictor.predict(columns)))


def test_regression_answers_values_between_ends(tmp_path: Path) -> None:
    project = learnable.project("sklearn.linear_model.Ridge", "regression")
    bundle = bundle_of(project, tmp_path, "regression")
    prediction = Predictor.load(bundle).predict(columns_of(bundle))
    assert bundle.manifest.interval is not None
    assert prediction.lower is not None
    np.testing.assert_allclose(prediction.values - prediction.lower, bundle.manifest.interval.half_width)
    frame = _load_pyfunc(str(bundle.folder)).predict(learnable.table(5, "regression").to_pandas())
    assert list(frame.columns) == ["value", "lower", "upper"]


def test_a_missing_column_is_named(tree_bundle: Bundle) -> None:
    columns = columns_of(tree_bundle)
    del columns["town"]
    with pytest.raises(EncodingError, match="'town' is absent"):
        Predictor.load(tree_bundle).predict(columns)


def test_rows_that_scikit_learn_refuses_are_refused(tmp_path: Path) -> None:
    """Forests work in float32; the portable form of one takes larger numbers as infinite, the skops form none."""
    project = learnable.project("sklearn.ensemble.RandomForestClassifier", params={"n_estimators": 2})
    as_skops = project.model_copy(update={"model": project.model.model_copy(update={"portable": "skops"})})
    predictor = Predictor.load(bundle_of(as_skops, tmp_path))
    columns = columns_of(open_bundle(tmp_path / "model"), 1)
    with pytest.raises(EncodingError, match=r"scikit-learn refuses these rows: .*too large for dtype"):
        predictor.predict({**columns, "income": np.array([1e300])})


def test_a_model_that_is_no_onnx_is_a_bundle_error(tree_bundle: Bundle, tmp_path: Path) -> None:
    for file in tree_bundle.folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / ONNX).write_bytes(b"not a model")
    with pytest.raises(BundleError, match=r"ONNX Runtime .* cannot load it"):
        Predictor.load(Bundle(tmp_path, tree_bundle.manifest, None))


# --- MLflow's face --------------------------------------------------------------------------------------------------


@pytest.fixture
def face(tree_bundle: Bundle) -> FramePredictor:
    return _load_pyfunc(str(tree_bundle.folder))


def test_a_data_frame_is_answered_row_by_row_with_its_index(face: FramePredictor, tree_bundle: Bundle) -> None:
    frame = learnable.table(100, seed=2).to_pandas().iloc[::-1]
    answers = face.predict(frame)
    direct = Predictor.load(tree_bundle).predict(columns_of(tree_bundle))
    assert list(answers.columns) == ["label", "probability_no", "probability_yes"]
    assert answers.index.equals(frame.index)
    assert [("no", "yes").index(label) for label in answers["label"]][::-1] == labels(direct)


def test_categories_may_come_as_the_contract_writes_them(face: FramePredictor) -> None:
    frame = learnable.table(20).to_pandas()
    as_whole_numbers = frame.assign(floor=frame["floor"].astype(int))
    assert face.predict(as_whole_numbers).equals(face.predict(frame))


def test_a_data_frame_that_breaks_the_contract_is_refused(face: FramePredictor) -> None:
    frame = learnable.table(20).to_pandas()
    with pytest.raises(ContractError, match="column 'age' is missing"):
        face.predict(frame.drop(columns="age"))
    with pytest.raises(ContractError, match="column 'since', row 1: 'yesterday' is not of type datetime"):
        face.predict(frame.assign(since="yesterday"))
    with pytest.raises(ContractError, match="give each column one type"):
        face.predict(frame.assign(town=["Rome", 3] * 10))


# --- What a server holds --------------------------------------------------------------------------------------------

ANSWER = """
import sys, numpy as np
from evenkeel.bundle import open_bundle
from evenkeel.predictor import Predictor
from pathlib import Path
predictor = Predictor.load(open_bundle(Path(sys.argv[1])))
features = open_bundle(Path(sys.argv[1])).project().feature_columns
none = {"boolean": np.nan, "integer": np.nan, "number": np.nan, "datetime": np.datetime64("NaT", "us")}
columns = {name: np.array([none.get(each.type, None)]) for name, each in features.items()}
assert len(predictor.predict(columns)) == 1
print(" ".join(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def loaded_by(bundle: Bundle, repository: Path) -> list[str]:
    command = [sys.executable, "-c", ANSWER, str(bundle.folder)]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_a_portable_bundle_is_served_without_scikit_learn(text_bundle: Bundle, repository: Path) -> None:
    assert not set(HEAVY) & set(loaded_by(text_bundle, repository))


def test_only_a_bundle_that_says_so_brings_scikit_learn(skops_bundle: Bundle, repository: Path) -> None:
    assert {"sklearn", "skops"} <= set(loaded_by(skops_bundle, repository))
