"""What a model can do: absolute minima, the baseline, the champion, calibration."""

import math
from collections.abc import Iterator

from components.evaluate.comparison import Lead
from components.evaluate.evidence import Evidence, Rival
from components.evaluate.judging.check import judged, skipped
from components.evaluate.wording import number, percent, with_interval
from evenkeel.certificate import Check, Interval
from evenkeel.config.project import Project
from evenkeel.metrics import find_metric

_ROUNDING = 1e-12
"""Differences below this are floating-point noise between equal models, not a loss."""


def require(evidence: Evidence, project: Project) -> Iterator[Check]:
    """Absolute minima: each metric of ``gates.require`` on all evaluation rows."""
    for name, threshold in project.gates.require.items():
        metric = find_metric(name, project.target.task)
        score = evidence.scores[name]
        side = "at least" if metric.larger_is_better else "at most"
        reason = f"{name} is {with_interval(score)} on {evidence.rows:,} rows, {side} {number(threshold)} is required"
        yield judged("require", name, score.value, threshold, metric.reaches(score.value, threshold), reason)


def baseline(evidence: Evidence, project: Project) -> Iterator[Check]:
    """The candidate must beat an answer that does not look at the row, and not by luck of the draw."""
    gates = project.gates
    own, rival = evidence.scores[gates.metric], evidence.baseline
    constant = "the mean" if project.target.task == "regression" else "the commonest class"
    if not math.isnan(own.value) and math.isnan(rival.scores[gates.metric].value):
        yield skipped("baseline", gates.metric, f"{gates.metric} is not defined for always answering {constant}")
        return
    low = rival.advantage.low
    reason = (
        f"{_versus(own, rival, rival.leads[0], f'always answering {constant}')},"
        f" better by more than {number(gates.baseline_margin)} is required"
    )
    yield judged("baseline", gates.metric, low, gates.baseline_margin, low > gates.baseline_margin, reason)


def champion(evidence: Evidence, project: Project) -> Iterator[Check]:
    """The candidate must in no metric lose against the champion by more than its margin, with the confidence."""
    gates, rule, now = project.gates, project.gates.champion, evidence.champion
    if now is None:
        yield skipped("champion", gates.metric, "there is no champion yet to compare with")
        return
    name = f"champion version {now.reference.version}"
    if now.reference.digest == evidence.bundle:
        yield judged("champion", gates.metric, 0.0, -rule.margin, True, f"unchanged: the candidate is {name}")
    elif evidence.beside_champion is None:
        yield judged("champion", gates.metric, math.nan, -rule.margin, False, f"{name} {now.problem}")
    else:
        for lead in evidence.beside_champion.leads:
            yield _beside_champion(evidence.scores[lead.metric], evidence.beside_champion, lead, name)


def _beside_champion(own: Interval, rival: Rival, lead: Lead, name: str) -> Check:
    low, margin, count = lead.advantage.low, lead.margin, len(rival.leads)
    together = f" (one of {count} metrics)" if count > 1 else ""
    reason = f"{_versus(own, rival, lead, name)}{together}, up to {number(margin)} worse is allowed"
    return judged("champion", lead.metric, low, -margin, low >= -margin - _ROUNDING, reason)


def calibration(evidence: Evidence, project: Project) -> Iterator[Check]:
    """Probabilities must mean what they say."""
    highest = project.gates.calibration_error
    subject = "expected calibration error"
    if project.target.task == "regression":
        yield skipped("calibration", subject, "a regression has no probabilities")
    elif highest is None:
        yield skipped("calibration", subject, "the project sets no limit (gates.calibration_error)")
    else:
        error = evidence.calibration_error
        reason = (
            f"probabilities are off by {number(error)} on average over {len(evidence.reliability)} groups of rows,"
            f" at most {number(highest)} is allowed"
        )
        yield judged("calibration", subject, error, highest, error <= highest, reason)


def _versus(own: Interval, rival: Rival, lead: Lead, other: str) -> str:
    """A comparison in words; ends with the bound that is judged."""
    start = f"{lead.metric} is {number(own.value)} against {number(rival.scores[lead.metric].value)} for {other}"
    low = lead.advantage.low
    if math.isnan(low):
        return f"{start}, how far apart they are cannot be told from these rows"
    bound = f"better by at least {number(low)}" if low >= 0 else f"no more than {number(-low)} worse"
    return f"{start}, {bound} with {percent(lead.confidence)} confidence"
