"""A released model of flats with a ledger: small, made by hand, every file real.

Rent is high where flats are large and have a garden. The model knows that; the world may change its mind.
"""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from evenkeel.bundle import ENCODER, EVALUATION, ONNX, PROFILE, PROJECT, Bundle, Manifest, open_bundle, seal_bundle
from evenkeel.certificate import Certificate, Check, Interval
from evenkeel.config import Project
from evenkeel.encoder import fit_encoder
from evenkeel.ledger import FEATURE, LABEL_SCHEMA, PREDICTION_SCHEMA, label_folder, prediction_folder
from evenkeel.predictor import Predictor
from evenkeel.reference import build_reference
from evenkeel.release import Release
from evenkeel.table import label_text, to_columns, truth, write_table
from monitoring.check import Watched, watch

START = dt.datetime(2026, 11, 2, tzinfo=dt.UTC)
"""When the model was released, and its first window begins."""
HOUR = dt.timedelta(hours=1)
ROWS = 400
"""Rows that an hour has; fewer than 200 are merged with the next."""
WORDS = ("bright", "quiet", "central", "old", "new")

_COLUMNS: dict[str, Any] = {
    "size": {"type": "number", "nullable": True},
    "rooms": {"type": "integer"},
    "heating": {"type": "category", "categories": ["gas", "oil", "wood"]},
    "garden": {"type": "boolean"},
    "about": {"type": "text"},
    "tenant": {"type": "category", "categories": ["Smith", "Jones"], "sensitive": "hash"},
    "built": {"type": "datetime"},
    "dear": {"type": "boolean"},
}


def flats_project(**monitoring: Any) -> Project:
    """Windows of an hour, two in a row for an alarm, labels an hour late."""
    rules = {"window_minutes": 60, "min_rows": 200, "windows": 2, "label_delay_hours": 1, "label_coverage": 0.5}
    return Project.model_validate(
        {
            "name": "flats",
            "data": {"path": "data/flats.csv"},
            "target": {"column": "dear", "task": "binary", "positive": True},
            "contract": {"columns": _COLUMNS},
            "model": {"estimator": "sklearn.linear_model.LogisticRegression"},
            "gates": {"metric": "roc_auc", "require": {"roc_auc": 0.7}},
            "monitoring": {**rules, **monitoring},
        }
    )


def draw(rows: int, seed: int, *, larger: float = 0.0, turned: bool = False, lost: float = 0.0) -> pa.Table:
    """Flats, ``larger`` by that many standard deviations; ``turned``: small ones are dear now; ``lost`` sizes."""
    random = np.random.default_rng(seed)
    size = random.normal(70 + 20 * larger, 20, rows)
    garden = random.random(rows) < 0.3
    odds = (size - 70) / 10 + 2 * garden - 0.6
    dear = random.random(rows) < 1 / (1 + np.exp(odds if turned else -odds))
    known = np.where(random.random(rows) < lost, np.nan, size)
    return pa.table(
        {
            "size": pa.array(known, pa.float64(), from_pandas=True),
            "rooms": pa.array(random.integers(1, 6, rows)),
            "heating": pa.array(random.choice(["gas", "oil", "wood"], rows, p=[0.6, 0.3, 0.1])),
            "garden": pa.array(garden),
            "about": pa.array([" ".join(random.choice(WORDS, 3)) for _ in range(rows)]),
            "tenant": pa.array(random.choice(["Smith", "Jones"], rows)),
            "built": pa.array(np.datetime64("1970-01-01", "us") + random.integers(0, 10**15, rows), pa.timestamp("us")),
            "dear": pa.array(dear),
        }
    )


def make_bundle(folder: Path, project: Project) -> Bundle:
    """A certified bundle with a linear model that knows size and garden, and its reference."""
    folder.mkdir(parents=True)
    rows, frozen = draw(4000, 1), draw(1000, 2)
    columns = to_columns(rows, project.feature_columns)
    encoder = fit_encoder(columns, project, standardise=True)
    encoded = encoder.encode(columns, rows.num_rows)
    weights, *_ = np.linalg.lstsq(np.column_stack([encoded, np.ones(len(encoded))]), truth(rows, project) - 0.5)
    (folder / PROJECT).write_text(project.to_parameter())
    (folder / ENCODER).write_text(encoder.to_json())
    (folder / ONNX).write_bytes(_linear(np.asarray(6 * weights, np.float64)))
    write_table(frozen, folder / EVALUATION)
    manifest = Manifest(
        name=project.name,
        task="binary",
        classes=project.classes,
        threshold=0.4,
        portable="onnx",
        estimator=project.model.estimator,
        params={},
        data_version="0" * 32,
        code_version="1" * 64,
        lock="2" * 64,
        train_rows=rows.num_rows,
        evaluation_rows=frozen.num_rows,
    )
    predictor = Predictor.load(seal_bundle(folder, manifest))
    answers = predictor.predict(to_columns(frozen, project.feature_columns))
    words = {text.column: text.positions for text in encoder.texts}
    reference = build_reference(project, columns, truth(rows, project), answers, words, None)
    (folder / PROFILE).write_text(reference.to_json())
    bundle = seal_bundle(folder, manifest)
    check = Check(gate="require", subject="roc_auc", value=0.9, threshold=0.7, verdict="pass", reason="as told")
    Certificate(
        project=project.name,
        bundle=bundle.digest,
        data_version=manifest.data_version,
        evaluation="3" * 64,
        champion=None,
        metrics={"roc_auc": Interval(value=0.9, low=0.88, high=0.92)},
        checks=(check,),
        passed=True,
    ).write(folder)
    return open_bundle(folder)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Made once; nobody writes to it."""
    return make_bundle(tmp_path_factory.mktemp("flats") / "bundle", flats_project())


class Flats:
    """A home with a ledger, the released model, and what has been asked of it."""

    def __init__(self, home: Path, bundle: Bundle) -> None:
        self.home = home
        self.ledger = home / "ledger"
        self.bundle = bundle
        self._asked = 0

    def watched(self, version: str = "1") -> Watched:
        """The model as released at START."""
        release = Release(
            project="flats",
            version=version,
            digest=self.bundle.digest,
            certificate="4" * 64,
            bundle="bundles/x",
            data_version="0" * 32,
            released_at=START,
        )
        return watch(release, self.bundle, str(self.ledger))

    def serve(self, table: pa.Table, start: dt.datetime, version: str = "1", files: int = 1) -> list[str]:
        """Answer these rows in the hour from ``start`` on, into ``files`` files; the ids of the answers."""
        project = self.bundle.project()
        columns = to_columns(table, project.feature_columns)
        answers = Predictor.load(self.bundle).predict(columns)
        assert answers.labels is not None
        assert answers.probabilities is not None
        rows = table.num_rows
        ids = [f"{self._asked + row:08d}-0" for row in range(rows)]
        self._asked += rows
        texts = np.array([label_text(value) for value in project.classes])
        known: dict[str, Any] = {
            "id": ids,
            "time": [start + HOUR * row / (rows + 1) for row in range(rows)],
            "model_version": [version] * rows,
            "digest": [self.bundle.digest] * rows,
            "role": ["live"] * rows,
            "label": texts[answers.labels].tolist(),
            "value": answers.values,
            "probabilities": answers.probabilities.tolist(),
        }
        empty = {name: pa.nulls(rows) for name in PREDICTION_SCHEMA.names if name not in known}
        full = pa.table({**known, **empty}).select(PREDICTION_SCHEMA.names).cast(PREDICTION_SCHEMA)
        for name in project.feature_columns:
            hidden = project.contract.columns[name].sensitive == "hash"
            full = full.append_column(FEATURE + name, pa.array(["5" * 64] * rows) if hidden else table[name])
        folder = self.ledger / prediction_folder("flats", start)
        folder.mkdir(parents=True, exist_ok=True)
        for number, part in enumerate(np.array_split(np.arange(rows), files)):
            pq.write_table(full.take(part), folder / f"{self._asked}-{number}.parquet")
        return ids

    def label(self, ids: list[str], dear: "pa.ChunkedArray | NDArray[Any]", at: dt.datetime) -> None:
        """The truth of these answers arrives."""
        rows = len(ids)
        texts = [label_text(bool(value)) for value in np.asarray(dear)]
        content = {"id": ids, "time": [at] * rows, "label": texts, "value": [None] * rows}
        folder = self.ledger / label_folder("flats", at)
        folder.mkdir(parents=True, exist_ok=True)
        number = len(list(folder.iterdir()))
        pq.write_table(pa.table(content, schema=LABEL_SCHEMA), folder / f"{number}.parquet")


@pytest.fixture
def flats(tmp_path: Path, bundle: Bundle) -> Flats:
    """A home of its own."""
    return Flats(tmp_path, bundle)


def _linear(weights: NDArray[np.float64]) -> bytes:
    """Softmax over (0, x @ w + b)."""
    both = np.column_stack([np.zeros(len(weights)), weights])
    constants = [numpy_helper.from_array(both[:-1], "w"), numpy_helper.from_array(both[-1], "b")]
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["xw"]),
        helper.make_node("Add", ["xw", "b"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["y"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.DOUBLE, [None, len(both) - 1])],
        [helper.make_tensor_value_info("y", TensorProto.DOUBLE, [None, 2])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content
