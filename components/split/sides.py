"""Which side of the split a row is on.

A row's side is a function of its own identity (or time) alone, so it never changes while data grows.
"""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evenkeel.cells import Mask
from evenkeel.config import Project
from evenkeel.errors import DataError
from evenkeel.identity import Keys, content_keys, exact_keys, positions


@dataclass(frozen=True)
class Sides:
    """Each row's side; a row on neither was dropped."""

    train: Mask
    evaluation: Mask
    duplicates: int
    """Training rows dropped because an evaluation row has the same features."""


def divide(table: pa.Table, project: Project) -> Sides:
    """The side of every row of a typed table. Raises DataError where a time split meets a row without time."""
    content = content_keys(table, project.feature_columns)
    time, cutoff = project.data.time, project.split.cutoff
    evaluation = _late(table, time, cutoff) if time and cutoff else _drawn(table, project, content)
    seen = np.isin(content, content[evaluation])
    return Sides(train=~seen & ~evaluation, evaluation=evaluation, duplicates=int((seen & ~evaluation).sum()))


def identity(project: Project) -> str:
    """What a row is told by, in words for the report."""
    if project.split.by == "time":
        return f"data.time {project.data.time!r}"
    if project.split.group is not None:
        return f"split.group {project.split.group!r}"
    if project.data.id is not None:
        return f"data.id {project.data.id!r}"
    return f"the content of {len(project.feature_columns)} feature columns"


def _drawn(table: pa.Table, project: Project, content: Keys) -> Mask:
    """By group, else id, else content; a row without group or id by the next of them."""
    keys = content
    for name in (project.data.id, project.split.group):
        if name is not None:
            known = pc.is_valid(table[name]).to_numpy()
            keys = np.where(known, exact_keys(table, name, project.contract.columns[name]), keys)
    return np.asarray(positions(keys, project.split.salt) < project.split.evaluation)


def _late(table: pa.Table, name: str, cutoff: dt.datetime) -> Mask:
    if missing := table[name].null_count:
        raise DataError(
            f"column {name!r} is missing in {missing:,} of {table.num_rows:,} rows, and split.by is time;"
            " make it nullable: false in the contract and set such rows aside with contract.quarantine"
        )
    moment = cutoff if cutoff.tzinfo is None else cutoff.astimezone(dt.UTC).replace(tzinfo=None)
    return np.array(pc.greater_equal(table[name], pa.scalar(moment, pa.timestamp("us"))).to_numpy())
