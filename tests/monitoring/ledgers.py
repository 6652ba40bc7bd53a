"""Ledgers as the server writes them, of the insurance stream."""

import datetime as dt
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evenkeel.config.load import load_project
from evenkeel.config.project import Project
from evenkeel.datasets.insurance import stream
from evenkeel.ledger import FEATURE, LABEL_SCHEMA, PREDICTION_SCHEMA, label_folder, prediction_folder

NOW = dt.datetime(2026, 11, 21, 12, 0, tzinfo=dt.UTC)
_CONF = Path(__file__).resolve().parents[2] / "conf"


def insurance(**changes: object) -> Project:
    """The insurance project; ``changes`` of whole sections, as in its file."""
    whole = load_project(_CONF / "insurance.yaml").model_dump(mode="json", exclude_defaults=True)
    return Project.model_validate(whole | changes)


def write_predictions(
    root: Path, rows: int, *, at: dt.datetime = NOW, first: dt.datetime = dt.datetime(2026, 1, 1), entity: bool = True
) -> pa.Table:
    """Predictions of ``rows`` rows of the stream, a second apart from ``at`` on; the stream's rows, with ``key``."""
    project = insurance()
    table = stream(first, rows)
    times = pa.array([at + dt.timedelta(seconds=second) for second in range(rows)], pa.timestamp("us", tz="UTC"))
    prefix = f"{int(at.timestamp()):032x}"
    keys = pa.array([f"{prefix}-{row}" for row in range(rows)])
    known = {
        "id": keys,
        "time": times,
        "model_version": pa.repeat("3", rows),
        "digest": pa.repeat("a" * 64, rows),
        "role": pa.repeat("live", rows),
        "entity": pc.cast(table["id"], pa.string()) if entity else pa.nulls(rows, pa.string()),
        "value": pa.array(np.full(rows, 0.5)),
    }
    columns = [known.get(field.name, pa.nulls(rows, field.type)) for field in PREDICTION_SCHEMA]
    ledger = pa.table(columns, schema=PREDICTION_SCHEMA)
    for name, column in project.feature_columns.items():
        values = table[name] if column.type in ("integer", "number") else pc.cast(table[name], pa.string())
        ledger = ledger.append_column(FEATURE + name, values)
    _write(ledger, root / prediction_folder("insurance", at) / f"{prefix}.parquet")
    return table.append_column("key", keys)


def write_labels(root: Path, rows: pa.Table, *, at: dt.datetime = NOW) -> None:
    """The truth about these rows, arrived at ``at``."""
    total = rows.num_rows
    labels = [
        rows["key"].combine_chunks(),
        pa.array([at] * total, pa.timestamp("us", tz="UTC")),
        pc.cast(rows["Result"], pa.string()).combine_chunks(),
        pa.nulls(total, pa.float64()),
    ]
    _write(pa.table(labels, schema=LABEL_SCHEMA), root / label_folder("insurance", at) / f"{at.timestamp()}.parquet")


def _write(table: pa.Table, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
