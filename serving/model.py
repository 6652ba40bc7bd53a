"""A bundle made ready to answer, and the slot that holds the one in use."""

import datetime as dt
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from evenkeel.bundle import SAMPLES, Bundle, Manifest, open_bundle
from evenkeel.config import Project
from evenkeel.encoder.row import RowEncoder
from evenkeel.errors import BundleError
from evenkeel.prediction import Prediction
from evenkeel.predictor import Predictor
from evenkeel.signature import require_signature
from evenkeel.table import label_text
from serving.door import AnyEntry, Door, SingleEntry
from serving.problem import RefusedError


@dataclass(frozen=True, eq=False)
class Model:
    """A verified, loaded and warmed bundle with its contract compiled."""

    name: str
    version: str
    bundle: Bundle
    project: Project
    predictor: Predictor
    door: Door
    certified: bool
    since: dt.datetime
    classes: tuple[str | int | bool, ...]
    class_texts: tuple[str, ...]
    row_encoder: RowEncoder | None
    """None where the model has texts or computed features."""

    @property
    def manifest(self) -> Manifest:
        """What the bundle is."""
        return self.bundle.manifest

    @cached_property
    def digest(self) -> str:
        """The bundle's, made once: it takes a third of a millisecond."""
        return self.bundle.digest

    def predict(self, entry: AnyEntry) -> Prediction:
        """The answers for rows that kept the contract."""
        if self.row_encoder is None or not isinstance(entry, SingleEntry):
            return self.predictor.predict(entry.columns)
        return self.predictor.answer(self.predictor.run(self.row_encoder.encode(entry.row)))


class Slot:
    """The model in use. Switching is one assignment: a request sees the old one or the new one, never both."""

    def __init__(self) -> None:
        self.model: Model | None = None
        self.draining = False
        """The server is about to leave: it answers, but is not ready."""
        self.inside = 0
        """Requests for the model whose head is here and whose answer is not."""

    @property
    def ready(self) -> bool:
        """Whether new traffic should come here."""
        return self.model is not None and not self.draining


def load_model(
    folder: Path,
    *,
    version: str | None = None,
    name: str | None = None,
    digest: str | None = None,
    allow_uncertified: bool = False,
    verify_keys: Path | None = None,
) -> Model:
    """Verify every digest, and the signature where keys are given, then load and warm.

    Raises BundleError, or GateError without a passing certificate.
    """
    bundle = open_bundle(folder, digest=digest)
    if verify_keys:
        require_signature(bundle, verify_keys)
    certified = True
    if allow_uncertified:
        certified = bundle.certificate is not None and bundle.certificate.passed
    else:
        bundle.require_certificate()
    project = bundle.project()
    predictor = Predictor.load(bundle, threads=1)
    door = Door(project)
    rehearse(bundle, door, predictor)
    return Model(
        name=name or bundle.manifest.name,
        version=version or bundle.digest[:12],
        bundle=bundle,
        project=project,
        predictor=predictor,
        door=door,
        certified=certified,
        since=dt.datetime.now(dt.UTC),
        classes=bundle.manifest.classes,
        class_texts=tuple(label_text(value) for value in bundle.manifest.classes),
        row_encoder=None if predictor.encoder.whole_columns else RowEncoder(predictor.encoder),
    )


def rehearse(bundle: Bundle, door: Door, predictor: Predictor) -> None:
    """Warm the model, on the rows it was sealed with where it has them.

    Raises BundleError where it answers them otherwise here than where it was made: another processor or library.
    """
    for rows in (1, 2):  # texts have another way, and tables of their own, for several rows
        predictor.predict(door.missing(rows))
    path = bundle.folder / SAMPLES
    for sample in json.loads(path.read_bytes()) if path.is_file() else []:
        try:
            entry = door.records([sample["features"]])
        except RefusedError:  # a row that training let pass with a warning
            continue
        if not _same(predictor.predict(entry.columns), sample["answer"]):
            raise BundleError(f"{path}: the model answers its own sample rows otherwise here; do not serve it")


def _same(prediction: Prediction, answer: dict[str, Any]) -> bool:
    """Whether one row's answer is the recorded one, but for what another order of additions may do."""
    scores = prediction.values if prediction.probabilities is None else prediction.probabilities[0]
    recorded = answer["value"] if prediction.probabilities is None else answer["probabilities"]
    return bool(np.allclose(scores, recorded, rtol=1e-9, atol=1e-12))


def find_bundle(folder: Path) -> Path:
    """The bundle at this place or in its only sub-folder, as storage initializers unpack it. Raises BundleError."""
    places = [folder, *sorted(path for path in folder.glob("*") if path.is_dir())] if folder.is_dir() else []
    found = [place for place in places if (place / "manifest.json").is_file()]
    if len(found) != 1:
        count = "no bundle" if not found else f"{len(found)} bundles"
        raise BundleError(f"{folder}: holds {count}; give a folder with one manifest.json")
    return found[0]
