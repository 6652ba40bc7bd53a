"""Labels on their way to the ledger, and the Arrow tables that are made of them."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from evenkeel.ledger import LABEL_SCHEMA, label_folder


@dataclass(frozen=True, slots=True)
class Label:
    """One label, as handed over."""

    model: str
    id: str
    nanoseconds: int
    """Since the epoch."""
    label: str | None
    value: float | None

    @property
    def folder(self) -> str:
        """Where its file is, below the ledger's root."""
        return label_folder(self.model, dt.datetime.fromtimestamp(self.nanoseconds // 10**9, dt.UTC))


def label_table(labels: Sequence[Label]) -> pa.Table:
    """Labels as the ledger's table."""
    times = pa.array([label.nanoseconds // 1000 for label in labels], pa.int64())
    return pa.table(
        [
            pa.array([label.id for label in labels], pa.string()),
            times.cast(LABEL_SCHEMA.field("time").type),
            pa.array([label.label for label in labels], pa.string()),
            pa.array([label.value for label in labels], pa.float64()),
        ],
        schema=LABEL_SCHEMA,
    )
