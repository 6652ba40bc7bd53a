"""What a model costs to serve."""

from collections.abc import Iterator

from components.evaluate.evidence import Evidence
from components.evaluate.judging.check import judged
from components.evaluate.wording import number
from evenkeel.certificate import Check
from evenkeel.config.project import Project


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
        yield judged("latency", "one row", measured, budget, False, reason)


def size(evidence: Evidence, project: Project) -> Iterator[Check]:
    """What a server loads must be small enough to start and to move."""
    budget, measured = project.gates.budget.size_mb, evidence.cost.size_mb
    reason = f"a server loads {number(measured)} MiB, at most {number(budget)} MiB is allowed"
    yield judged("size", "portable form", measured, budget, measured <= budget, reason)
