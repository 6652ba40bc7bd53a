"""The predictor: a bundle's own answers, by the encoder in numpy and the portable model in ONNX Runtime.

It is what servers answer with, what the gate judges and what MLflow loads (``_load_pyfunc``): one code for all.
"""

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from evenkeel.bundle import ENCODER, ONNX, SKOPS, TREES, Bundle, Manifest, open_bundle
from evenkeel.config.contract import Column
from evenkeel.encoder import Encoder
from evenkeel.errors import BundleError
from evenkeel.frame import frame_columns
from evenkeel.prediction import FloatArray, Prediction, classify, estimate
from evenkeel.quickscorer import Nodes, QuickScorer
from evenkeel.table import label_text

if TYPE_CHECKING:
    from pandas import DataFrame

_CHUNK_BYTES = 8 << 20
_CHUNK_ROWS = 4096
_TEXT_ROWS = 128
"""Rows whose terms are apart are as large as their texts. More at once are no faster."""

Scores = Callable[..., FloatArray]
"""Matrix (n, features) -> probabilities (n, classes), or values (n,) for regression.

Of an ``onnx-sparse`` model: matrix (n, dense cells) and the row, position and weight of the terms -> the same.
"""


class Predictor:
    """A bundle that answers. Safe to share between threads."""

    def __init__(self, encoder: Encoder, manifest: Manifest, scores: Scores) -> None:
        self.encoder = encoder
        self.manifest = manifest
        self._scores = scores
        self._terms_apart = manifest.portable == "onnx-sparse"
        width = encoder.dense_width if self._terms_apart else encoder.width
        most = _TEXT_ROWS if self._terms_apart else _CHUNK_ROWS
        self._chunk = max(1, min(most, _CHUNK_BYTES // (8 * max(1, width))))

    @classmethod
    def load(cls, bundle: Bundle, threads: int = 1) -> Self:
        """The predictor of a bundle whose digests were checked (``open_bundle``). Raises BundleError."""
        manifest = bundle.manifest
        encoder = Encoder.from_json((bundle.folder / ENCODER).read_text(encoding="utf-8"))
        if manifest.portable != "skops":
            scores = onnx_scores((bundle.folder / ONNX).read_bytes(), threads)
            trees = bundle.folder / TREES
            return cls(encoder, manifest, quick_scores(trees, scores) if trees.is_file() else scores)
        # By name, so that a server of portable models neither holds scikit-learn nor can reach it.
        skopsfile = importlib.import_module("evenkeel.learning.skopsfile")
        return cls(encoder, manifest, skopsfile.skops_scores(bundle.folder / SKOPS, len(manifest.classes)))

    def predict(self, columns: Mapping[str, NDArray[Any]]) -> Prediction:
        """The answers for columns as ``evenkeel.table.to_columns`` makes them, each of shape (rows,).

        Raises EncodingError for columns that cannot be read.
        """
        return self.answer(self.scores(columns))

    def scores(self, columns: Mapping[str, NDArray[Any]]) -> FloatArray:
        """The model's raw answers for these columns, in chunks, so that memory stays bounded."""
        rows = _height(columns)
        if rows <= self._chunk:
            return self._chunk_scores(columns)
        starts = range(0, rows, self._chunk)
        chunks = ({name: values[i : i + self._chunk] for name, values in columns.items()} for i in starts)
        return np.concatenate([self._chunk_scores(chunk) for chunk in chunks])

    def _chunk_scores(self, columns: Mapping[str, NDArray[Any]]) -> FloatArray:
        rows = _height(columns)
        if self._terms_apart:
            return self._scores(self.encoder.encode_dense(columns, rows), *self.encoder.encode_terms(columns))
        return self._scores(self.encoder.encode(columns, rows))

    def matrix(self, columns: Mapping[str, NDArray[Any]]) -> FloatArray:
        """The encoded rows, shape (rows, features)."""
        return self.encoder.encode(columns, _height(columns))

    def run(self, matrix: FloatArray) -> FloatArray:
        """The model's raw answers to encoded rows: probabilities (rows, classes), or values (rows,)."""
        if not self._terms_apart:
            return self._scores(matrix)
        first = self.encoder.dense_width
        row, position = np.nonzero(matrix[:, first:])
        return self._scores(matrix[:, :first], row, position, matrix[row, first + position])

    def answer(self, scores: FloatArray) -> Prediction:
        """Raw answers as a prediction: labels by the tuned threshold, intervals by the calibrated width."""
        if self.manifest.task == "regression":
            interval = self.manifest.interval
            return estimate(scores, None if interval is None else interval.half_width)
        return classify(scores, self.manifest.threshold)


def _height(columns: Mapping[str, NDArray[Any]]) -> int:
    return len(next(iter(columns.values())))


def onnx_scores(model: bytes, threads: int = 1) -> Scores:
    """The scores of a portable model. Raises BundleError where ONNX Runtime cannot load it."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as exc:  # ONNX Runtime raises its own classes, which share no public base
        raise BundleError(f"{ONNX}: ONNX Runtime {ort.__version__} cannot load it: {exc}") from exc
    inputs = [value.name for value in session.get_inputs()]
    outputs = [session.get_outputs()[0].name]
    run = session.run

    def scores(*values: NDArray[Any]) -> FloatArray:
        answer: FloatArray = run(outputs, dict(zip(inputs, values, strict=True)))[0]
        return answer

    return scores


def quick_scores(trees: Path, few: Scores) -> Scores:
    """The scores of a model of trees: by ``few`` for few rows, by QuickScorer for many. Raises BundleError."""
    nodes = Nodes.load(trees)
    scorer, rest = QuickScorer(nodes), onnx_scores(nodes.rest.tobytes())

    def scores(matrix: FloatArray) -> FloatArray:
        return few(matrix) if len(matrix) < scorer.least else rest(scorer.sums(matrix))

    return scores


class FramePredictor:
    """The face that MLflow shows: a data frame in, a data frame out."""

    def __init__(self, predictor: Predictor, columns: Mapping[str, Column]) -> None:
        self.predictor = predictor
        self._columns = columns

    def predict(self, frame: "DataFrame", params: dict[str, Any] | None = None) -> "DataFrame":  # noqa: ARG002
        """Columns ``label`` and ``probability_<class>``, or ``value`` (with ``lower``, ``upper``); the frame's index.

        Raises ContractError for a column that is absent or not of its type.
        """
        prediction = self.predictor.predict(frame_columns(frame, self._columns))
        return type(frame)(answer_columns(prediction, self.predictor.manifest.classes), index=frame.index)


def answer_columns(prediction: Prediction, classes: tuple[str | int | bool, ...]) -> dict[str, NDArray[Any]]:
    """``label`` and ``probability_<class>``; for regression ``value`` and, where there is an interval, its ends.

    Labels are as the project spells them, texts where the classes are of several kinds.
    """
    if prediction.labels is None or prediction.probabilities is None:
        ends = {"value": prediction.values, "lower": prediction.lower, "upper": prediction.upper}
        return {name: values for name, values in ends.items() if values is not None}
    texts = [label_text(value) for value in classes]
    kinds = set(map(type, classes))
    known = np.array(texts, object) if len(kinds) > 1 or str in kinds else np.array(classes)
    shares = {f"probability_{text}": prediction.probabilities[:, i] for i, text in enumerate(texts)}
    return {"label": known[prediction.labels], **shares}


def _load_pyfunc(path: str) -> FramePredictor:
    """What ``mlflow.pyfunc.load_model`` calls. Every file is checked against the manifest first."""
    bundle = open_bundle(Path(path))
    return FramePredictor(Predictor.load(bundle), bundle.project().feature_columns)
