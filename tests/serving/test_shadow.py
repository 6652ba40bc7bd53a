"""The shadow: it answers, is compared and logged, and nothing it does reaches a caller."""

import time
from pathlib import Path

import numpy as np
import pytest

from evenkeel.bundle import Bundle
from evenkeel.ledger import SHADOW, read_predictions
from serving.app import create_app
from serving.ledger import Ledger
from serving.metrics import Metrics
from serving.model import Model, Slot, load_model
from serving.shadow import Shadow
from tests.serving.bundles import make_bundle, make_project, make_rows
from tests.serving.running import Asked, wait_until

ROWS = {"rows": make_rows(10)}


def beside(model: Model) -> Slot:
    slot = Slot()
    slot.model = model
    return slot


def outcomes(metrics: Metrics, outcome: str) -> float:
    return metrics.registry.get_sample_value("ml_shadow_requests_total", {"outcome": outcome}) or 0


def test_its_answers_go_to_the_ledger_and_disagreement_to_metrics(
    slot: Slot, metrics: Metrics, ledger: Ledger, tmp_path: Path
) -> None:
    other = make_bundle(tmp_path / "other", make_project(), seed=5)
    shadow = Shadow(beside(load_model(other.folder, version="8")), 1.0, metrics, ledger)
    asked = Asked(create_app(slot, metrics, ledger=ledger, shadow=shadow))
    asked.post("/predict", ROWS)
    wait_until(lambda: outcomes(metrics, "answered") == 1, 10)
    shadow.close(5)
    ledger.close(5)
    root = str(tmp_path / "ledger")
    live = {row["id"]: row for row in read_predictions(root, "people").to_pylist()}
    told = read_predictions(root, "people", role=SHADOW).to_pylist()
    assert {row["id"] for row in told} == set(live)
    assert {row["model_version"] for row in told} == {"8"}
    differing = sum(row["label"] != live[row["id"]]["label"] for row in told)
    live = {"model": "people", "model_version": "7"}
    assert metrics.registry.get_sample_value("ml_shadow_disagreement_total", live) == differing
    assert metrics.registry.get_sample_value("ml_shadow_rows_total", live) == 10


def test_a_shadow_that_cannot_answer_is_counted_and_the_caller_is_not_told(
    slot: Slot, metrics: Metrics, regression: Bundle, tmp_path: Path
) -> None:
    class Broken:
        def predict(self, columns: object) -> object:
            raise ValueError("no")

    model = load_model(make_bundle(tmp_path / "other", make_project(), seed=5).folder)
    object.__setattr__(model, "predictor", Broken())
    shadow = Shadow(beside(model), 1.0, metrics, None)
    asked = Asked(create_app(slot, metrics, shadow=shadow))
    assert asked.post("/predict", ROWS).status_code == 200
    wait_until(lambda: outcomes(metrics, "failed") == 1, 10)
    assert asked.post("/predict", ROWS).status_code == 200
    shadow.close(5)


def test_a_slow_shadow_is_skipped_and_slows_nobody(slot: Slot, metrics: Metrics, tmp_path: Path) -> None:
    model = load_model(make_bundle(tmp_path / "other", make_project(), seed=5).folder)
    predict = model.predictor.predict

    class Slow:
        def predict(self, columns: dict[str, np.ndarray]) -> object:
            time.sleep(0.2)
            return predict(columns)

    object.__setattr__(model, "predictor", Slow())
    shadow = Shadow(beside(model), 1.0, metrics, None)
    asked = Asked(create_app(slot, metrics, shadow=shadow))
    started = time.perf_counter()
    answers = asked.ask_all([("POST", "/predict", {"json": ROWS})] * 200)
    assert time.perf_counter() - started < 20  # 40 where callers wait for it
    assert {answer.status_code for answer in answers} == {200}
    assert outcomes(metrics, "skipped") >= 100
    shadow.close(5)


@pytest.mark.parametrize("share", [0.0])
def test_a_share_of_nothing_is_nothing(slot: Slot, metrics: Metrics, bundle: Bundle, share: float) -> None:
    shadow = Shadow(beside(load_model(bundle.folder)), share, metrics, None)
    Asked(create_app(slot, metrics, shadow=shadow)).post("/predict", ROWS)
    shadow.close(5)
    assert outcomes(metrics, "answered") == 0


def test_what_has_become_what_is_served_is_not_compared(
    slot: Slot, metrics: Metrics, bundle: Bundle, tmp_path: Path
) -> None:
    same = make_bundle(tmp_path / "same", make_project())
    shadow = Shadow(beside(load_model(same.folder)), 1.0, metrics, None)
    asked = Asked(create_app(slot, metrics, shadow=shadow))
    assert asked.post("/predict", ROWS).status_code == 200
    shadow.close(5)
    assert slot.model is not None
    assert slot.model.bundle.digest == same.digest
    assert outcomes(metrics, "answered") == 0
