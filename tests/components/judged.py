"""Evidence to judge: answers to rows whose truth is known, without a bundle."""

import dataclasses
from typing import Any

import numpy as np

from components.evaluate.cost import Cost
from components.evaluate.evidence import Answers, Champion, Evidence, Probes, gather
from components.evaluate.gates import GATES
from components.evaluate.probes.canary import Canary
from evenkeel.certificate import Check, Reference
from evenkeel.config import Project
from evenkeel.intervals import clusters_of
from evenkeel.prediction import FloatArray, Prediction, classify
from tests.components.exam import exam_project

CHEAP = Cost(latency_ms=0.3, size_mb=0.5)
PROBES = Probes(Canary("roc_auc", 0.5, problem="the project asks for none"))
OLD = Reference(version="4", digest="b" * 64)
ROWS = 1200


def project(metric: str = "roc_auc", task: str = "binary", **gates: Any) -> Project:
    least = {"roc_auc": 0.7, "rmse": 2.0}.get(metric, 0.1)
    settings = {"metric": metric, "require": {metric: least}, "bootstrap": 200}
    return exam_project(task, gates=settings | gates, slices=[{"column": "region"}])


def binary(scores: FloatArray) -> Prediction:
    return classify(np.column_stack([1 - scores, scores]), 0.5)


def world(seed: int = 0) -> tuple[FloatArray, Answers]:
    """True probabilities, and answers of a candidate that knows them."""
    rng = np.random.default_rng(seed)
    chance = rng.beta(0.7, 0.7, ROWS)
    truth = (rng.random(ROWS) < chance).astype(np.int64)
    region = np.where(np.arange(ROWS) % 4 == 0, "south", "north").astype(object)
    return chance, Answers(truth, binary(chance), clusters_of(None, ROWS), {"region": region})


def evidence(
    answers: Answers,
    wanted: Project,
    champion: Champion | None = None,
    cost: Cost = CHEAP,
    probes: Probes = PROBES,
) -> Evidence:
    return gather("a" * 64, answers, champion, cost, probes, wanted)


def checks_of(gate: str, found: Evidence, wanted: Project) -> list[Check]:
    return list(GATES[gate](found, wanted))


def only(gate: str, found: Evidence, wanted: Project) -> Check:
    (check,) = checks_of(gate, found, wanted)
    return check


def answering(answers: Answers, candidate: Prediction) -> Answers:
    return dataclasses.replace(answers, candidate=candidate)
