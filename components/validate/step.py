"""Hold the data against the contract, write the typed rows, and say what was found, also where it is refused."""

import json
from pathlib import Path
from typing import Any

from components.validate.inspection import Inspection, inspect
from components.validate.page import render
from components.validate.profile import Profile, profile
from evenkeel.config import Project
from evenkeel.contract import Finding
from evenkeel.errors import ContractError
from evenkeel.storage import write_bytes
from evenkeel.table import read_raw, write_table


def validate(project: Project, data: Path, table: Path, report: Path, page: Path, quarantine: Path) -> None:
    """Write typed rows to ``table``, the JSON ``report``, the HTML ``page``, and rows set aside to ``quarantine``.

    Raises ContractError where a rule of the table is broken, or more rows break an error rule than
    ``contract.quarantine`` allows; reports and quarantine are written then too, the table is not.
    """
    inspection = inspect(read_raw(data, project.data), project)
    columns = profile(inspection.kept, project.contract.columns)
    described = json.dumps(describe(project, inspection, columns), indent=1, ensure_ascii=False)
    write_bytes(report, (described + "\n").encode())
    write_bytes(page, render(project.name, inspection, columns).encode())
    write_table(inspection.set_aside, quarantine)
    if inspection.refusal:
        raise ContractError(f"{inspection.refusal}. The report is {page}")
    write_table(inspection.kept, table)


def describe(project: Project, inspection: Inspection, columns: list[Profile]) -> dict[str, Any]:
    """The report as a JSON value."""
    return {
        "project": project.name,
        "verdict": inspection.verdict,
        "refusal": inspection.refusal,
        "rows": inspection.rows,
        "kept": inspection.kept.num_rows,
        "bad": inspection.bad,
        "without_target": inspection.without_target,
        "findings": [_finding(finding) for finding in inspection.findings],
        "columns": columns,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "column": finding.column,
        "rule": finding.rule,
        "severity": finding.severity,
        "count": finding.count,
        "share": finding.share,
        "samples": [{"row": sample.row, "value": sample.value} for sample in finding.samples],
        "message": finding.message,
    }
