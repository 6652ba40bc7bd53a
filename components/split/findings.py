"""What is wrong with a split: ids, groups and periods on both sides, and features that give the answer away."""

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from components.split.sides import Sides
from evenkeel.config import Project
from evenkeel.leaks import find_leaks

MANY_DUPLICATES = 0.1
"""Share of training rows; above it the features are too coarse to tell rows apart."""

Severity = Literal["error", "warn"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a split."""

    check: str
    """id_overlap, group_overlap, time_overlap, duplicates, derived, missing, single_feature."""
    column: str | None
    severity: Severity
    message: str
    score: float | None = None
    threshold: float | None = None


def find_all(train: pa.Table, evaluation: pa.Table, sides: Sides, project: Project) -> tuple[Finding, ...]:
    """Every finding about a split of typed tables; errors first. Leaks are looked for among the training rows."""
    found = [
        _group_overlap(train, evaluation, project),
        _id_overlap(train, evaluation, project),
        _time_overlap(train, evaluation, project),
        _many_duplicates(train, sides),
        *_leaks(train, project),
    ]
    return tuple(sorted((finding for finding in found if finding), key=lambda finding: finding.severity))


def _leaks(train: pa.Table, project: Project) -> list[Finding]:
    """A column that is the target in other words is always an error, one that predicts it as the project says."""
    leaks = project.split.leaks
    findings = []
    for leak in find_leaks(train, project):
        alone = leak.check == "single_feature"
        severity: Severity = leaks.on_single_feature if alone else "error"
        threshold = leaks.single_feature if alone else None
        findings.append(Finding(leak.check, leak.column, severity, leak.message, leak.score, threshold))
    return findings


def _group_overlap(train: pa.Table, evaluation: pa.Table, project: Project) -> Finding | None:
    """Only a split by time can tear a group apart."""
    name = project.split.group
    if name is None or not (both := _shared(train, evaluation, name)):
        return None
    message = (
        f"column {name!r}: {both:,} of its values are on both sides, since split.by is time; split.group keeps a value"
        " on one side: use split.by: hash, or remove split.group"
    )
    return Finding("group_overlap", name, "error", message)


def _id_overlap(train: pa.Table, evaluation: pa.Table, project: Project) -> Finding | None:
    """By time, to meet a known subject again may be what the model is for; by hash it says that groups cut ids."""
    name = project.data.id
    if name in (None, project.split.group) or not (both := _shared(train, evaluation, str(name))):
        return None
    seen = f"column {name!r}: {both:,} of its values are on both sides of the split"
    if project.split.by == "time":
        message = f"{seen}; the evaluation says little about subjects the model has not met: see split.group"
        return Finding("id_overlap", name, "warn", message)
    message = (
        f"{seen}, since they have several values of split.group {project.split.group!r};"
        " one data.id must have one group: mend the data, or set split.group to data.id"
    )
    return Finding("id_overlap", name, "error", message)


def _shared(train: pa.Table, evaluation: pa.Table, name: str) -> int:
    known = pc.unique(pc.drop_null(train[name]))
    return int(pc.sum(pc.is_in(pc.unique(pc.drop_null(evaluation[name])), value_set=known)).as_py() or 0)


def _time_overlap(train: pa.Table, evaluation: pa.Table, project: Project) -> Finding | None:
    name = project.data.time
    if name is None or project.split.by == "time":
        return None
    last, first = pc.max(train[name]).as_py(), pc.min(evaluation[name]).as_py()
    if last is None or first is None or last < first:
        return None
    message = (
        f"column {name!r}: both sides are from the same time (training until {last}, evaluation from {first}), so the"
        " evaluation says nothing about how the model ages: split.by: time with a split.cutoff would"
    )
    return Finding("time_overlap", name, "warn", message)


def _many_duplicates(train: pa.Table, sides: Sides) -> Finding | None:
    share = sides.duplicates / max(1, train.num_rows + sides.duplicates)
    if share <= MANY_DUPLICATES:
        return None
    message = (
        f"{sides.duplicates:,} training rows ({share:.1%}) were dropped because an evaluation row has the same"
        " features: the features are too coarse to tell rows apart; without data.id and split.group equal rows"
        " stay together on one side and none is dropped"
    )
    return Finding("duplicates", None, "warn", message, share, MANY_DUPLICATES)
