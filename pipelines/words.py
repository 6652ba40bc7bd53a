"""A few words about each box that ended well: what a person looks for first."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from evenkeel.bundle import MANIFEST, Manifest
from evenkeel.certificate import Interval, read_certificate
from pipelines.local import Stage


def words(stage: Stage, metric: str) -> str:
    """The words about this box, '' where there is nothing to say; ``metric`` is the one that decides."""
    about = WORDS.get(stage.task)
    return about(stage.outputs, metric) if about else ""


def interval(value: Interval) -> str:
    """``0.712 [0.700, 0.724]``."""
    return f"{value.value:.3g} [{value.low:.3g}, {value.high:.3g}]"


def _pulled(outputs: Mapping[str, Any], _metric: str) -> str:
    return f"data {outputs['Output'][:12]}"


def _validated(outputs: Mapping[str, Any], _metric: str) -> str:
    report = json.loads(Path(outputs["report"].path).read_bytes())
    return f"{report['kept']:,} of {report['rows']:,} rows, {len(report['findings'])} findings"


def _split(outputs: Mapping[str, Any], _metric: str) -> str:
    report = json.loads(Path(outputs["report"].path).read_bytes())
    return f"{report['train']['rows']:,} rows to train, {report['evaluation']['rows']:,} to evaluate"


def _searched(outputs: Mapping[str, Any], _metric: str) -> str:
    trials = json.loads(Path(outputs["trials"].path).read_bytes())
    failed = sum(trial["error"] is not None for trial in trials)
    return f"{len(trials)} trials" + (f", {failed} failed" if failed else "")


def _trained(outputs: Mapping[str, Any], _metric: str) -> str:
    manifest = Manifest.model_validate_json((Path(outputs["model"].path) / MANIFEST).read_bytes())
    return f"{manifest.estimator.rpartition('.')[2]}, bundle {manifest.digest[:12]}"


def _evaluated(outputs: Mapping[str, Any], metric: str) -> str:
    certificate = read_certificate(Path(outputs["certified"].path))
    if certificate is None:
        return ""
    value = certificate.metrics.get(metric)
    verdict = "gate passed" if certificate.passed else "gate refused"
    return f"{metric} {interval(value)}, {verdict}" if value else verdict


def _registered(outputs: Mapping[str, Any], _metric: str) -> str:
    return f"version {outputs['Output']}"


def _deployed(outputs: Mapping[str, Any], _metric: str) -> str:
    return str(outputs["Output"])


WORDS: Mapping[str, Callable[[Mapping[str, Any], str], str]] = {
    "pull": _pulled,
    "validate": _validated,
    "split": _split,
    "search": _searched,
    "train": _trained,
    "evaluate": _evaluated,
    "register": _registered,
    "deploy-local": _deployed,
    "deploy-kubernetes": _deployed,
    "deploy-kserve": _deployed,
    "deploy-ecs": _deployed,
}
