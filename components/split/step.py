"""Divide the rows into training and evaluation rows; refuse a split that would flatter the model."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from components.split.findings import find_all
from components.split.report import describe
from components.split.sides import divide
from evenkeel.config import Project
from evenkeel.errors import DataError, LeakError
from evenkeel.storage import write_bytes
from evenkeel.table import read_table, write_table

_FEWEST_EVALUATED = 2


def split(project: Project, table: Path, train: Path, evaluation: Path, report: Path) -> None:
    """Write the two sides of a typed table, rows in their order, and the JSON report.

    Raises LeakError where evaluation rows or the answer are visible to training, DataError where a side has too few
    rows; the report is written then too, the sides are not.
    """
    rows = read_table(table)
    sides = divide(rows, project)
    parts = rows.filter(pa.array(sides.train)), rows.filter(pa.array(sides.evaluation))
    findings = find_all(*parts, sides, project)
    described = describe(*parts, sides, findings, project)
    write_bytes(report, (json.dumps(described, indent=1, ensure_ascii=False) + "\n").encode())
    if leaks := [finding.message for finding in findings if finding.severity == "error"]:
        raise LeakError(f"{'; '.join(leaks)}. The report is {report}")
    refuse_small_sides(described, project)
    write_table(parts[0], train)
    write_table(parts[1], evaluation)


def refuse_small_sides(described: dict[str, Any], project: Project) -> None:
    """Raise DataError where a side of the report has too few rows, or too few of one class, to learn or to judge."""
    folds = project.model.search.folds
    remedy = "collect more rows, or change split.evaluation"
    if project.split.by == "time":
        remedy = "collect more rows, or move split.cutoff"
    for side, name, fewest in (("train", "training", folds), ("evaluation", "evaluation", 1)):
        for label, count in described[side].get("classes", {}).items():
            if count < fewest:
                raise DataError(
                    f"class {label!r} of {project.target.column!r} has {count} {name} rows, {fewest} are needed"
                    f"{' (model.search.folds)' if side == 'train' else ''}; {remedy}, or leave the class out of"
                    " its categories"
                )
        if described[side]["rows"] < max(fewest, _FEWEST_EVALUATED):
            raise DataError(f"the {name} side has {described[side]['rows']} rows; {remedy}")
