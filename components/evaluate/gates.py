"""The gates: what a candidate must prove before it may be champion. docs/gates.md says how to read each.

A gate takes the evidence and gives checks; nothing else decides. A value that is not defined never passes.
"""

import math
from collections.abc import Callable, Iterator
from typing import Literal

from components.evaluate.evidence import Evidence, Rival
from components.evaluate.slices import SliceScore
from components.evaluate.wording import number, percent, with_interval
from evenkeel.certificate import Check, Interval
from evenkeel.config.project import Project
from evenkeel.metrics import Metric, find_metric

Verdict = Literal["pass", "fail", "skip"]
Gate = Callable[[Evidence, Project], Iterator[Check]]

_ROUNDING = 1e-12
"""Differences below this are floating-point noise between equal models, not a loss."""


def judge(evidence: Evidence, project: Project) -> tuple[Check, ...]:
    """Every check of every gate, in the table's order. Raises ProjectError for a metric that cannot be."""
    return tuple(check for gate in GATES.values() for check in gate(evidence, project))


def passed(checks: tuple[Check, ...]) -> bool:
    """Whether nothing failed and at least one absolute minimum was reached."""
    return not any(check.verdict == "fail" for check in checks) and any(
        check.gate == "require" and check.verdict == "pass" for check in checks
    )


def require(evidence: Evidence, project: Project) -> Iterator[Check]:
    """Absolute minima: each metric of ``gates.require`` on all evaluation rows."""
    for name, threshold in project.gates.require.items():
        metric = find_metric(name, project.target.task)
        score = evidence.scores[name]
        side = "at least" if metric.larger_is_better else "at most"
        reason = f"{name} is {with_interval(score)} on {evidence.rows:,} rows, {side} {number(threshold)} is required"
        yield _check("require", name, score.value, threshold, metric.reaches(score.value, threshold), reason)


def baseline(evidence: Evidence, project: Project) -> Iterator[Check]:
    """The candidate must beat an answer that does not look at the row, and not by luck of the draw."""
    gates = project.gates
    own, rival = evidence.scores[gates.metric], evidence.baseline
    constant = "the mean" if project.target.task == "regression" else "the commonest class"
    if not math.isnan(own.value) and math.isnan(rival.scores[gates.metric].value):
        yield _skip("baseline", gates.metric, f"{gates.metric} is not defined for always answering {constant}")
        return
    low = rival.advantage.low
    reason = (
        f"{_versus(gates.metric, own, rival, f'always answering {constant}', gates.confidence)},"
        f" better by more than {number(gates.baseline_margin)} is required"
    )
    yield _check("baseline", gates.metric, low, gates.baseline_margin, low > gates.baseline_margin, reason)


def champion(evidence: Evidence, project: Project) -> Iterator[Check]:
    """The candidate must not lose against the champion by more than the margin, with the stated confidence."""
    gates, rule, now = project.gates, project.gates.champion, evidence.champion
    if now is None:
        yield _skip("champion", gates.metric, "there is no champion yet to compare with")
        return
    name = f"champion version {now.reference.version}"
    if now.reference.digest == evidence.bundle:
        yield _check("champion", gates.metric, 0.0, -rule.margin, True, f"unchanged: the candidate is {name}")
    elif evidence.beside_champion is None:
        yield _check("champion", gates.metric, math.nan, -rule.margin, False, f"{name} {now.problem}")
    else:
        rival, own = evidence.beside_champion, evidence.scores[gates.metric]
        allowed = f"up to {number(rule.margin)} worse is allowed"
        reason = f"{_versus(gates.metric, own, rival, name, rule.confidence)}, {allowed}"
        low = rival.advantage.low
        yield _check("champion", gates.metric, low, -rule.margin, low >= -rule.margin - _ROUNDING, reason)


def slices(evidence: Evidence, project: Project) -> Iterator[Check]:
    """No part of the rows may fall below the floor."""
    gates, metric = project.gates, find_metric(project.gates.metric, project.target.task)
    floor = gates.slices.floor
    if not evidence.slices or floor is None:
        missing = "no slices" if not evidence.slices else "no floor (gates.slices.floor)"
        yield _skip("slices", gates.metric, f"the project names {missing}, so no part was judged on its own")
        return
    for part in evidence.slices:
        yield _slice(part, metric, floor, gates.slices.min_rows)


def _slice(part: SliceScore, metric: Metric, floor: float, min_rows: int) -> Check:
    if part.rows < min_rows:
        return _skip("slices", part.name, f"{part.name} has {part.rows} rows, {min_rows} are needed to judge it", floor)
    if math.isnan(part.score.value) and part.classes == 1:
        reason = f"all {part.rows:,} rows of {part.name} are of one class, there is nothing to tell apart"
        return _skip("slices", part.name, reason, floor)
    side = "at least" if metric.larger_is_better else "at most"
    reason = (
        f"{metric.name} is {with_interval(part.score)} on the {part.rows:,} rows of {part.name},"
        f" {side} {number(floor)} is required of every slice"
    )
    return _check("slices", part.name, part.score.value, floor, metric.reaches(part.score.value, floor), reason)


def calibration(evidence: Evidence, project: Project) -> Iterator[Check]:
    """Probabilities must mean what they say."""
    highest = project.gates.calibration_error
    subject = "expected calibration error"
    if project.target.task == "regression":
        yield _skip("calibration", subject, "a regression has no probabilities")
    elif highest is None:
        yield _skip("calibration", subject, "the project sets no limit (gates.calibration_error)")
    else:
        error = evidence.calibration_error
        reason = (
            f"probabilities are off by {number(error)} on average over {len(evidence.reliability)} groups of rows,"
            f" at most {number(highest)} is allowed"
        )
        yield _check("calibration", subject, error, highest, error <= highest, reason)


def latency(evidence: Evidence, project: Project) -> Iterator[Check]:
    """One row must be answered in time.

    A pass holds the verdict and not the time: that differs from run to run, and equal models shall have equal
    certificates. The time stands in the report.
    """
    budget, measured = project.gates.budget.latency_ms, evidence.cost.latency_ms
    if measured <= budget:
        reason = f"one row is answered within {number(budget)} ms (median), the time measured is in the report"
        yield Check(gate="latency", subject="one row", value=None, threshold=budget, verdict="pass", reason=reason)
    else:
        reason = f"one row takes {number(measured)} ms (median), at most {number(budget)} ms is allowed"
        yield _check("latency", "one row", measured, budget, False, reason)


def size(evidence: Evidence, project: Project) -> Iterator[Check]:
    """What a server loads must be small enough to start and to move."""
    budget, measured = project.gates.budget.size_mb, evidence.cost.size_mb
    reason = f"a server loads {number(measured)} MiB, at most {number(budget)} MiB is allowed"
    yield _check("size", "portable form", measured, budget, measured <= budget, reason)


GATES: dict[str, Gate] = {
    "require": require,
    "baseline": baseline,
    "champion": champion,
    "slices": slices,
    "calibration": calibration,
    "latency": latency,
    "size": size,
}
"""All gates, in the order they are read. A new one is one entry here and a test in which it refuses."""


def _versus(metric: str, own: Interval, rival: Rival, other: str, confidence: float) -> str:
    """A comparison in words; ends with the bound that is judged."""
    start = f"{metric} is {number(own.value)} against {number(rival.scores[metric].value)} for {other}"
    low = rival.advantage.low
    if math.isnan(low):
        return f"{start}, how far apart they are cannot be told from these rows"
    bound = f"better by at least {number(low)}" if low >= 0 else f"no more than {number(-low)} worse"
    return f"{start}, {bound} with {percent(confidence)} confidence"


def _check(gate: str, subject: str, value: float, threshold: float, good: bool, reason: str) -> Check:
    finite = math.isfinite(value)
    verdict: Verdict = "pass" if good and finite else "fail"
    return Check(
        gate=gate, subject=subject, value=value if finite else None, threshold=threshold, verdict=verdict, reason=reason
    )


def _skip(gate: str, subject: str, reason: str, threshold: float | None = None) -> Check:
    return Check(gate=gate, subject=subject, value=None, threshold=threshold, verdict="skip", reason=reason)
