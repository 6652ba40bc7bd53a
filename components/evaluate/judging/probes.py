"""What a model does when it is asked more than the evaluation rows, and what it was trained on."""

from collections.abc import Iterator

from components.evaluate.evidence import Evidence
from components.evaluate.judging.check import judged, skipped
from components.evaluate.probes.behaviour import BehaviourScore
from components.evaluate.probes.canary import MARGIN
from components.evaluate.probes.shift import Shift
from components.evaluate.wording import number, percent
from evenkeel.certificate import Check
from evenkeel.config.project import Project

_MOST_NAMED = 3


def behaviour(evidence: Evidence, project: Project) -> Iterator[Check]:  # noqa: ARG001
    """Each behavioural test of the project."""
    if not evidence.probes.behaviour:
        yield skipped("behaviour", "tests", "the project has no behavioural tests (gates.behaviour)")
    for test in evidence.probes.behaviour:
        yield _behaviour(test)


def _behaviour(test: BehaviourScore) -> Check:
    if test.rows < test.min_rows:
        reason = f"'{test.name}' changes {test.rows} evaluation rows, {test.min_rows} are needed to judge it"
        return skipped("behaviour", test.name, reason, test.share)
    rows = "1 row" if test.rows == 1 else f"{test.rows:,} rows"
    kept = f"'{test.name}' ({test.kind}) holds for {percent(test.kept)} of {rows}"
    reason = f"{kept}{_moved(test)}, {percent(test.share)} are required"
    return judged("behaviour", test.name, test.kept, test.share, test.kept >= test.share and test.goes, reason)


def _moved(test: BehaviourScore) -> str:
    if test.kind == "minimum":
        return ""
    if test.goes:
        return f", the answer moves by {number(test.moved)} on average"
    return f", but on average the answer moves by {number(test.moved)}, which is not {test.expect}"


def missing_columns(evidence: Evidence, project: Project) -> Iterator[Check]:
    """The model must still work where a nullable column is missing in every row."""
    gates, losses = project.gates, evidence.probes.losses
    most = gates.missing_column_drop
    if most is None:
        yield skipped("missing_columns", gates.metric, "the project sets no limit (gates.missing_column_drop)")
    elif not losses:
        yield skipped("missing_columns", gates.metric, "no feature may be missing (nullable), so none was taken away")
    for loss in losses if most is not None else ():
        change = f"{number(loss.drop)} worse" if loss.drop > 0 else "no worse"
        reason = (
            f"{gates.metric} is {number(loss.value)} where {loss.column} is missing in every row, {change},"
            f" at most {number(most or 0.0)} worse is allowed"
        )
        yield judged("missing_columns", loss.column, loss.drop, most or 0.0, loss.drop <= (most or 0.0), reason)


def canary(evidence: Evidence, project: Project) -> Iterator[Check]:  # noqa: ARG001
    """Models that learnt from shuffled answers must know nothing."""
    bird = evidence.probes.canary
    subject = f"{bird.metric} after shuffling"
    if bird.problem:
        yield skipped("canary", subject, f"no canary: {bird.problem}")
        return
    most = bird.chance + MARGIN
    mean = sum(bird.scores) / len(bird.scores)
    reason = (
        f"{len(bird.scores)} models that learnt from shuffled answers reach {bird.metric} {number(mean)} on average,"
        f" surely above {number(bird.low)}, where knowing nothing is {number(bird.chance)} and {number(most)} allowed"
    )
    yield judged("canary", subject, bird.low, most, bird.low <= most, reason)


def training_drift(evidence: Evidence, project: Project) -> Iterator[Check]:
    """Training data that moved since the champion's: a warning, for that may be why one retrains."""
    champion, shift = evidence.champion, evidence.shift
    if champion is None or shift is None:
        missing = "a bundle has no profile of its training data" if champion else "there is no champion yet"
        yield skipped("training_drift", "training data", f"{missing}, so there is nothing to compare with")
    else:
        yield _drift(shift, champion.reference.version, project.monitoring.min_rows)


def _drift(shift: Shift, version: str, min_rows: int) -> Check:
    if min(shift.rows) < min_rows or not shift.columns:
        reason = f"{min(shift.rows):,} training rows tell no drift, {min_rows:,} are needed (monitoring.min_rows)"
        return skipped("training_drift", "training data", reason)
    moved, first = [each for each in shift.columns if each.moved], shift.columns[0]
    named = ", ".join(f"{each.column} ({number(each.index)})" for each in moved[:_MOST_NAMED])
    more = f" and {len(moved) - _MOST_NAMED} more" if len(moved) > _MOST_NAMED else ""
    said = f"{len(moved)} of {len(shift.columns)} columns moved: {named}{more}" if moved else "no column moved"
    reason = (
        f"{said} since the training data of champion version {version}, a stability index above"
        f" {number(first.limit)} counts"
    )
    return judged("training_drift", first.column, first.index, first.limit, not moved, reason, otherwise="warn")
