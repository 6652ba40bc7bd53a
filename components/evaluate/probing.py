"""What was asked beyond the evaluation rows, for the page."""

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from components.evaluate.evidence import Evidence
from components.evaluate.gaps import Gap
from components.evaluate.probes.behaviour import BehaviourScore
from components.evaluate.wording import number, percent
from evenkeel.config.project import Project
from evenkeel.page import heading, paragraph, table

_MOST = 10

Cells = Sequence[str | Markup]


def gap_rows(evidence: Evidence, project: Project) -> Iterator[Markup]:
    """The gaps between the parts of a column, where the project asks for them."""
    if not evidence.gaps:
        return
    limits = [rule.most for rule in project.gates.gaps]
    headers = ("gap", "best", "worst", "apart", "surely at most", "allowed")
    yield table(headers, [_gap(*pair) for pair in zip(evidence.gaps, limits, strict=True)])
    if without := [found for found in evidence.gaps if found.left_out]:
        named = "; ".join(f"{found.metric} by {found.column}: {', '.join(found.left_out)}" for found in without)
        yield paragraph(f"Not compared, for want of rows: {named}.")


def _gap(found: Gap, most: float) -> Cells:
    return [
        f"{found.metric} by {found.column}",
        found.best,
        found.worst,
        number(found.gap.value),
        _marked(number(found.gap.high), found.gap.high <= most),
        number(most),
    ]


def probing(evidence: Evidence, project: Project) -> Iterator[Markup]:
    """Behavioural tests, columns taken away and training data that moved; each only where there is something."""
    tests, losses, shift = evidence.probes.behaviour, evidence.probes.losses, evidence.shift
    if tests:
        yield heading("Behaviour")
        headers = ("test", "kind", "rows asked", "kept by", "required", "answer moves by")
        yield table(headers, [_test(test) for test in tests])
    if losses:
        most = project.gates.missing_column_drop or 0.0
        yield heading("Missing columns")
        rows = [[loss.column, number(loss.value), _marked(number(loss.drop), loss.drop <= most)] for loss in losses]
        yield table(("missing in every row", project.gates.metric, "worse by"), rows)
        yield paragraph(f"At most {number(most)} worse is allowed.")
    if shift and shift.columns:
        yield heading("Training data")
        rows = [[each.column, _marked(number(each.index), not each.moved, "k-2")] for each in shift.columns[:_MOST]]
        yield table(("column", "stability index"), rows)
        yield paragraph(
            f"How far {shift.rows[0]:,} training rows are from the champion's {shift.rows[1]:,}, the farthest columns;"
            f" above {number(shift.columns[0].limit)} counts as moved."
        )


def _test(test: BehaviourScore) -> Cells:
    kept = test.rows >= test.min_rows and test.kept >= test.share and test.goes
    rows = f"{test.rows:,}" if test.rows >= test.min_rows else f"{test.rows:,}, too few"
    moved = "" if test.kind == "minimum" else number(test.moved)
    return [test.name, test.kind, rows, _marked(percent(test.kept), kept), percent(test.share), moved]


def _marked(text: str, good: bool, kind: str = "k-bad") -> str | Markup:
    return text if good else Markup('<b class="{}">{}</b>').format(kind, text)
