"""The split as a JSON value: how many, of which classes, from when, and what was found."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.split.findings import Finding
from components.split.sides import Sides, identity
from evenkeel.config import Project
from evenkeel.table import label_text, truth


def describe(
    train: pa.Table, evaluation: pa.Table, sides: Sides, findings: tuple[Finding, ...], project: Project
) -> dict[str, Any]:
    """The report."""
    return {
        "project": project.name,
        "by": project.split.by,
        "identity": identity(project),
        "rows": len(sides.train),
        "train": describe_side(train, project),
        "evaluation": describe_side(evaluation, project),
        "duplicates_dropped": sides.duplicates,
        "findings": [asdict(finding) for finding in findings],
    }


def describe_side(table: pa.Table, project: Project) -> dict[str, Any]:
    """Rows, classes (or quantiles of the target), and first and last moment of one side."""
    answer = truth(table, project)
    described: dict[str, Any] = {"rows": table.num_rows}
    if project.classes:
        counts = np.bincount(answer, minlength=len(project.classes))
        described["classes"] = {label_text(label): int(n) for label, n in zip(project.classes, counts, strict=True)}
    elif len(answer):
        quantiles = np.quantile(answer, [0, 0.25, 0.5, 0.75, 1])
        described["target"] = dict(zip(("min", "q25", "median", "q75", "max"), quantiles.tolist(), strict=True))
    if project.data.time is not None:
        ends = pc.min_max(table[project.data.time]).as_py()
        described["times"] = [str(ends["min"]), str(ends["max"])] if ends["min"] is not None else None
    return described
