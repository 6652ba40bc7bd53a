"""Customers of the insurance stream, asking over HTTP; and what became of them, told late."""

import datetime as dt
import json
import urllib.request
from dataclasses import dataclass
from typing import Any

import numpy as np

from evenkeel.config.project import Project
from evenkeel.datasets.insurance import NONE, Drift, stream

_BATCH = 100
"""Rows of a request."""
_START = dt.datetime(2026, 1, 1)
_EVERY = dt.timedelta(minutes=1)


@dataclass(frozen=True)
class Sent:
    """Predictions that were asked for, and the truth about them."""

    ids: tuple[str, ...]
    truth: tuple[int, ...]


class Traffic:
    """Sends rows that never repeat."""

    def __init__(self, url: str, project: Project) -> None:
        self._url, self._project = url, project
        self._next = _START

    def send(self, rows: int, drift: Drift = NONE) -> Sent:
        """Ask for predictions of the next rows of the stream."""
        table = stream(self._next, rows, drift=drift, every=_EVERY)
        self._next += rows * _EVERY
        names = [name for name in (self._project.data.id, *self._project.feature_columns) if name is not None]
        questions = table.select(names).to_pylist()
        ids: list[str] = []
        for start in range(0, rows, _BATCH):
            answer = self._post("/predict", {"rows": questions[start : start + _BATCH]})
            ids += [each["id"] for each in answer["predictions"]]
        return Sent(tuple(ids), tuple(table[self._project.target.column].to_pylist()))

    def label(self, sent: Sent, *, shuffled: bool = False) -> None:
        """Tell the truth about predictions; ``shuffled``: tell it about the wrong ones."""
        truth = np.random.default_rng(0).permutation(sent.truth).tolist() if shuffled else sent.truth
        labels = [{"id": id_, "label": value} for id_, value in zip(sent.ids, truth, strict=True)]
        for start in range(0, len(labels), 1000):
            self._post("/feedback", {"labels": labels[start : start + 1000]})

    def served_version(self) -> str:
        """The version that answers now."""
        with urllib.request.urlopen(f"{self._url}/model", timeout=30) as answer:  # noqa: S310
            return str(json.load(answer)["version"])

    def is_written(self) -> bool:
        """Whether the server has written all that it was asked and told."""
        with urllib.request.urlopen(f"{self._url}/metrics", timeout=30) as answer:  # noqa: S310
            return b"\nml_prediction_log_queue_rows 0.0\n" in answer.read()

    def _post(self, path: str, content: Any) -> Any:
        body = json.dumps(content, default=str).encode()
        request = urllib.request.Request(self._url + path, body, {"content-type": "application/json"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.load(answer)
