"""What the average hides: slices, and the gaps between them."""

import math
from collections.abc import Iterator

from components.evaluate.evidence import Evidence
from components.evaluate.gaps import Gap
from components.evaluate.judging.check import judged, skipped
from components.evaluate.slices import SliceScore
from components.evaluate.wording import number, percent, with_interval
from evenkeel.certificate import Check
from evenkeel.config.project import Project
from evenkeel.metrics import find_metric
from evenkeel.metrics.metric import Metric


def slices(evidence: Evidence, project: Project) -> Iterator[Check]:
    """No part of the rows may fall below the floor."""
    gates, metric = project.gates, find_metric(project.gates.metric, project.target.task)
    floor = gates.slices.floor
    if not evidence.slices or floor is None:
        missing = "no slices" if not evidence.slices else "no floor (gates.slices.floor)"
        yield skipped("slices", gates.metric, f"the project names {missing}, so no part was judged on its own")
        return
    for part in evidence.slices:
        yield _slice(part, metric, floor, gates.slices.min_rows)


def _slice(part: SliceScore, metric: Metric, floor: float, min_rows: int) -> Check:
    if part.rows < min_rows:
        return skipped(
            "slices", part.name, f"{part.name} has {part.rows} rows, {min_rows} are needed to judge it", floor
        )
    if math.isnan(part.score.value) and part.classes == 1:
        reason = f"all {part.rows:,} rows of {part.name} are of one class, there is nothing to tell apart"
        return skipped("slices", part.name, reason, floor)
    side = "at least" if metric.larger_is_better else "at most"
    reason = (
        f"{metric.name} is {with_interval(part.score)} on the {part.rows:,} rows of {part.name},"
        f" {side} {number(floor)} is required of every slice"
    )
    return judged("slices", part.name, part.score.value, floor, metric.reaches(part.score.value, floor), reason)


def gaps(evidence: Evidence, project: Project) -> Iterator[Check]:
    """No part may surely or possibly be better off than another by more than the limit."""
    gates = project.gates
    if not gates.gaps:
        yield skipped("gaps", gates.metric, "the project sets no limit (gates.gaps)")
    for rule, found in zip(gates.gaps, evidence.gaps, strict=True):
        yield _gap(found, rule.most, gates.confidence)


def _gap(found: Gap, most: float, confidence: float) -> Check:
    subject = f"{found.metric} by {found.column}"
    if found.parts < 2 and found.finite:
        reason = f"fewer than two parts of {found.column} have enough rows to compare their {found.metric}"
        return skipped("gaps", subject, reason, most)
    if math.isnan(found.gap.high):
        reason = f"how far apart the parts of {found.column} are in {found.metric} cannot be told from these rows"
        return judged("gaps", subject, math.nan, most, False, reason)
    reason = (
        f"{found.metric} is {number(found.gap.value)} better for {found.column}: {found.best} than for {found.worst},"
        f" with {percent(confidence)} confidence no two of {found.parts} parts are more than {number(found.gap.high)}"
        f" apart, at most {number(most)} is allowed"
    )
    return judged("gaps", subject, found.gap.high, most, found.gap.high <= most, reason)
