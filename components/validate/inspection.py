"""What the contract's findings mean for a run: which rows go on, which are set aside, and whether it goes on at all."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evenkeel.cells import Mask, to_mask
from evenkeel.config import Contract, Project
from evenkeel.contract import Checked, Finding, check

REASONS = "reasons"
"""Column of the quarantine that says why a row is there."""
_TOLD = 5


@dataclass(frozen=True)
class Inspection:
    """A table after its check."""

    kept: pa.Table
    """Typed rows to train on."""
    set_aside: pa.Table
    """All other rows as they came, and a ``reasons`` column."""
    findings: tuple[Finding, ...]
    rows: int
    """Rows that came."""
    bad: int
    """Rows that break an error rule."""
    without_target: int
    """Rows, not bad, that nothing can be learnt from."""
    refusal: str | None
    """Why the run may not go on."""

    @property
    def verdict(self) -> str:
        """pass, warn (goes on, with findings) or fail."""
        if self.refusal:
            return "fail"
        return "warn" if self.findings else "pass"


def inspect(raw: pa.Table, project: Project) -> Inspection:
    """Hold a raw table against the project's contract.

    A row without a target breaks no rule of its own: it is set aside and told as a warning.
    """
    checked = check(raw, judged_contract(project))
    target = to_mask(pc.is_valid(checked.table[project.target.column]))
    kept = checked.table.filter(pa.array(~checked.bad & target))
    missing = ~checked.bad & ~target
    findings = (*checked.findings, *_on_target(project, raw, missing), *_on_rest(project.contract, checked, kept))
    return Inspection(
        kept=kept,
        set_aside=_with_reasons(raw, checked.bad | missing, findings),
        findings=findings,
        rows=raw.num_rows,
        bad=int(checked.bad.sum()),
        without_target=int(missing.sum()),
        refusal=_refusal(project.contract, findings, checked.bad),
    )


def judged_contract(project: Project) -> Contract:
    """The contract that a project's data is held against: a row without a target breaks no rule by that."""
    name = project.target.column
    target = project.contract.columns[name].model_copy(update={"nullable": True})
    return project.contract.model_copy(update={"columns": {**project.contract.columns, name: target}})


def _on_target(project: Project, raw: pa.Table, missing: Mask) -> list[Finding]:
    name = project.target.column
    if name not in raw.column_names or not (count := int(missing.sum())):
        return []
    message = (
        f"column {name!r}: {count:,} of {len(missing):,} rows ({count / len(missing):.2%}) have no target: set aside"
    )
    return [Finding(name, "target", "warn", count, count / len(missing), (), message, np.flatnonzero(missing))]


def _on_rest(contract: Contract, checked: Checked, kept: pa.Table) -> list[Finding]:
    """Setting rows aside may leave too few."""
    if kept.num_rows >= contract.min_rows or any(finding.rule == "min_rows" for finding in checked.findings):
        return []
    message = (
        f"{kept.num_rows:,} of {len(checked.bad):,} rows can be trained on, contract.min_rows is {contract.min_rows:,}"
    )
    return [Finding(None, "min_rows", "error", kept.num_rows, 1.0, (), message, np.empty(0, dtype=np.int64))]


def _refusal(contract: Contract, findings: tuple[Finding, ...], bad: Mask) -> str | None:
    if blocking := [finding.message for finding in findings if finding.blocks_table]:
        return _joined(blocking)
    if not bad.any() or bad.mean() <= contract.quarantine:
        return None
    errors = [finding.message for finding in findings if finding.severity == "error"]
    return (
        f"{_joined(errors)}. {int(bad.sum()):,} rows ({bad.mean():.2%}) break an error rule, contract.quarantine"
        f" allows {contract.quarantine:.2%}"
    )


def _joined(messages: list[str]) -> str:
    more = f"; and {len(messages) - _TOLD} more" if len(messages) > _TOLD else ""
    return "; ".join(messages[:_TOLD]) + more


def _with_reasons(raw: pa.Table, aside: Mask, findings: tuple[Finding, ...]) -> pa.Table:
    reasons: list[list[str]] = [[] for _ in range(int(aside.sum()))]
    places = np.cumsum(aside) - 1
    for finding in findings:
        if finding.severity == "error" or finding.rule == "target":
            for place in places[finding.rows]:
                reasons[place].append(f"{finding.column}: {finding.rule}")
    column = pa.array(["; ".join(reason) for reason in reasons], pa.string())
    return raw.filter(pa.array(aside)).append_column(REASONS, column)
