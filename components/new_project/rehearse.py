"""The split stage played through beforehand, so that what it would refuse is mended while the project is written."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pyarrow as pa

from components.split.findings import Finding, find_all
from components.split.report import describe
from components.split.sides import divide
from components.split.step import refuse_small_sides
from evenkeel.config import Project
from evenkeel.errors import DataError

DEFAULT_SALT = "evenkeel"

_OTHER_SALTS = tuple(f"{DEFAULT_SALT}-{draw}" for draw in range(2, 10))
_WHY = {
    "derived": "LEAK? it is the target in other words",
    "missing": "LEAK? it is missing exactly where the target has one value",
    "single_feature": "LEAK? alone it tells the target ({:.3f}); if it is known beforehand, allow it in split.leaks",
}


@dataclass(frozen=True)
class Plan:
    """A split that the split stage accepts."""

    salt: str = DEFAULT_SALT
    drop: dict[str, str] = field(default_factory=dict)
    """Features that give the answer away, and how."""
    allow: dict[str, str] = field(default_factory=dict)
    """The same where nothing else would be left to learn from."""


def rehearse(labelled: pa.Table, project_of: Callable[[Plan], Project]) -> Plan:
    """The plan with the first salt under which both sides have enough of everything, and no leak among its features.

    Raises DataError where there is none.
    """
    refusals = []
    for salt in (DEFAULT_SALT, *_OTHER_SALTS):
        try:
            return _without_leaks(labelled, Plan(salt), project_of)
        except DataError as exc:
            refusals.append(exc)
    raise refusals[0]


def _without_leaks(labelled: pa.Table, plan: Plan, project_of: Callable[[Plan], Project]) -> Plan:
    project = project_of(plan)
    found = {leak.column: _WHY[leak.check].format(leak.score) for leak in _leaks(labelled, project) if leak.column}
    if not found:
        return plan
    if found.keys() >= project.feature_columns.keys():
        return replace(plan, drop={}, allow={**plan.drop, **found})
    return _without_leaks(labelled, replace(plan, drop={**plan.drop, **found}), project_of)


def _leaks(labelled: pa.Table, project: Project) -> list[Finding]:
    """The columns for which the split stage would refuse this. Raises DataError where a side is too small."""
    sides = divide(labelled, project)
    parts = labelled.filter(pa.array(sides.train)), labelled.filter(pa.array(sides.evaluation))
    refuse_small_sides(describe(*parts, sides, (), project), project)
    return [finding for finding in find_all(*parts, sides, project) if finding.severity == "error"]
