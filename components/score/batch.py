"""One batch of raw rows: answers for those that keep the contract, and the others with their reasons.

A row gets what the server would answer it: the columns are the features, the rules hold for each row alone
(``mostly`` and ``unique`` are about tables), and ``on_request`` says what a broken rule means.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evenkeel.config import Contract, Project
from evenkeel.contract import Finding, check
from evenkeel.errors import ContractError
from evenkeel.predictor import Predictor, answer_columns
from evenkeel.table import to_columns

ROW = "row"
"""Column of both outputs: the row's number in the source, from 1, a header not counted."""
REASONS = "reasons"
"""Column of the quarantine that says why a row is there."""
_UNREADABLE = ("type", "finite")
"""Rules whose breach leaves nothing that a model could be given."""


@dataclass(frozen=True)
class Scored:
    """A batch after scoring: each of its rows is in one of the two, in order."""

    answers: pa.Table
    """``row``, the id column where the source has it, and the prediction's columns."""
    refused: pa.Table
    """``row``, the source's columns as they came, and ``reasons``."""


class Scorer:
    """A bundle's predictor behind its contract."""

    def __init__(self, predictor: Predictor, project: Project) -> None:
        self._predictor = predictor
        self._project = project
        self._contract = _row_contract(project)

    def score(self, raw: pa.Table, first: int) -> Scored:
        """Score raw rows, the first of them being row number ``first``.

        Raises ContractError where a column that no row can do without is missing, or one has a name of ours.
        """
        self._require_columns(raw)
        checked = check(raw, self._contract)
        table, reasons = checked.table, _Reasons(raw.num_rows)
        for finding in checked.findings:
            if self._refuses(finding):
                reasons.add(finding)
            elif finding.column is not None and self._contract.columns[finding.column].on_request == "impute":
                table = _emptied(table, finding.column, finding.rows)
        numbers = pa.array(np.arange(first, first + raw.num_rows, dtype=np.int64))
        good = pa.array(~reasons.bad)
        prediction = self._predictor.predict(to_columns(table.filter(good), self._contract.columns))
        named = pa.table({ROW: numbers, **{name: raw[name] for name in self._kept(raw)}})
        answers = named.filter(good)
        for name, values in answer_columns(prediction, self._project.classes).items():
            kind = pa.string() if values.dtype == object else None
            answers = answers.append_column(name, pa.array(np.ascontiguousarray(values), kind))
        refused = raw.add_column(0, ROW, numbers).filter(pa.array(reasons.bad))
        return Scored(answers, refused.append_column(REASONS, reasons.column()))

    def _refuses(self, finding: Finding) -> bool:
        """Whether the rows of a finding get no answer."""
        policy = "reject" if finding.column is None else self._contract.columns[finding.column].on_request
        return policy == "reject" or (policy == "warn" and finding.rule in _UNREADABLE)

    def _require_columns(self, raw: pa.Table) -> None:
        optional = {name for name, it in self._contract.columns.items() if it.nullable or it.on_request != "reject"}
        missing = [
            finding.message
            for finding in check(raw.slice(0, 0), self._contract).findings
            if finding.rule == "column" and finding.column not in optional
        ]
        if missing:
            raise ContractError("; ".join(missing))
        ours = {ROW, REASONS} | {name for name in self._kept(raw) if _is_answer(name)}
        if taken := sorted(ours & set(raw.column_names)):
            raise ContractError(f"column {taken[0]!r} has a name that the answers need for themselves; rename it")

    def _kept(self, raw: pa.Table) -> list[str]:
        return [name for name in raw.column_names if name == self._project.data.id]


def _is_answer(name: str) -> bool:
    return name in ("label", "value", "lower", "upper") or name.startswith("probability_")


def _row_contract(project: Project) -> Contract:
    alone = {"severity": "error", "mostly": 1.0, "unique": False}
    columns = {name: column.model_copy(update=alone) for name, column in project.feature_columns.items()}
    return Contract(columns=columns, extra_columns="ignore")


def _emptied(table: pa.Table, name: str, rows: NDArray[np.int64]) -> pa.Table:
    kept = np.ones(table.num_rows, dtype=np.bool_)
    kept[rows] = False
    cells = pc.if_else(pa.array(kept), table[name], pa.scalar(None, table[name].type))
    return table.set_column(table.column_names.index(name), name, cells)


class _Reasons:
    """Why rows are refused: each broken rule as ``column: rule``."""

    def __init__(self, rows: int) -> None:
        self.bad = np.zeros(rows, dtype=np.bool_)
        self._told: dict[int, list[str]] = {}

    def add(self, finding: Finding) -> None:
        self.bad[finding.rows] = True
        for row in finding.rows.tolist():
            self._told.setdefault(row, []).append(f"{finding.column}: {finding.rule}")

    def column(self) -> pa.Array:
        """One text for each bad row, in order."""
        return pa.array(["; ".join(self._told[row]) for row in sorted(self._told)], pa.string())
