"""Pipelines on disk: the same when they come back, and nothing that could run code."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from evenkeel.errors import BundleError, ContractError, ModelError
from evenkeel.learning.crossfit import fit_estimator
from evenkeel.learning.estimator import Traits, build_estimator, traits
from evenkeel.learning.matrix import Encode, encode_rows, fit_encoder_for
from evenkeel.learning.skopsfile import dump_pipeline, load_pipeline
from evenkeel.table import to_columns, truth
from tests.components import learnable

LINEAR = "sklearn.linear_model.LogisticRegression"
FOREST = "sklearn.ensemble.RandomForestClassifier"
HISTOGRAM = "sklearn.ensemble.HistGradientBoostingClassifier"


def fitted_pipeline(path: str = LINEAR, *, text: bool = False) -> tuple[Pipeline, pa.Table]:
    chosen, table = learnable.project(path, text=text), learnable.table(text=text)
    estimator = build_estimator(chosen)
    wanted = traits(estimator, chosen)
    columns = to_columns(table, chosen.feature_columns)
    encoder = fit_encoder_for(columns, chosen, wanted)
    matrix = encode_rows(encoder, columns, table.num_rows, as_sparse=wanted.sparse)
    step = Encode.of(encoder, chosen.feature_columns, as_sparse=wanted.sparse)
    return Pipeline([("encode", step), ("model", fit_estimator(estimator, matrix, truth(table, chosen)))]), table


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
