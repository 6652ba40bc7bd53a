"""All numbers of an evaluation as JSON, for programs; a number that is not defined is null."""

import math
from dataclasses import asdict
from typing import Any

from components.evaluate.evidence import Evidence, Rival
from components.evaluate.summary import Summary
from evenkeel.certificate import Certificate
from evenkeel.digest import canonical_json

FORMAT = "evenkeel.evaluation/v1"


def to_json(certificate: Certificate, evidence: Evidence, summary: Summary) -> bytes:
    """The record's bytes; ``cost`` differs from run to run, all else is the same for the same bundle and champion."""
    record = {
        "format": FORMAT,
        **certificate.model_dump(mode="json", include={"project", "bundle", "data_version", "evaluation", "passed"}),
        "rows": evidence.rows,
        "checks": [check.model_dump(mode="json") for check in certificate.checks],
        "candidate": {name: score.model_dump() for name, score in evidence.scores.items()},
        "champion": _rival(evidence.beside_champion),
        "baseline": _rival(evidence.baseline),
        "slices": [{**asdict(part), "score": part.score.model_dump()} for part in evidence.slices],
        "gaps": [{**asdict(found), "gap": found.gap.model_dump()} for found in evidence.gaps],
        "behaviour": [asdict(test) for test in evidence.probes.behaviour],
        "missing_columns": [asdict(loss) for loss in evidence.probes.losses],
        "canary": asdict(evidence.probes.canary),
        "training_drift": asdict(evidence.shift) if evidence.shift else None,
        "calibration_error": evidence.calibration_error,
        "reliability": [asdict(part) for part in evidence.reliability],
        "cost": asdict(evidence.cost),
        "roc": dict(zip(("false_alarms", "recall", "thresholds"), summary.roc, strict=True)),
        "confusion": {"classes": summary.classes, "rows": summary.confusion},
    }
    return canonical_json(_finite(record))


def _rival(rival: Rival | None) -> dict[str, Any] | None:
    if rival is None:
        return None
    scores = {name: score.model_dump() for name, score in rival.scores.items()}
    leads = [{**asdict(lead), "advantage": lead.advantage.model_dump()} for lead in rival.leads]
    return {"metrics": scores, "advantage": rival.advantage.model_dump(), "leads": leads}


def _finite(value: Any) -> Any:
    """The same, with null for NaN and infinity."""
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
