"""Labelled ledger rows become the next version of the training data.

The base is the version that the released model was trained on; what is added are predictions whose truth is known by
now, as rows of the data file. Which predictions a version holds is kept beside it, so the same ledger and the same
base make the same bytes and no row is ever added twice. Rows of windows with broken data are left out: what an
upstream failure wrote must not be learnt.
"""

import csv
import datetime as dt
import gzip
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evenkeel.cells import read_cells
from evenkeel.config.contract import Column, ColumnType
from evenkeel.config.modelling import Data
from evenkeel.config.operation import TrainingData
from evenkeel.config.project import Project
from evenkeel.errors import DataError
from evenkeel.ledger import FEATURE, iter_predictions, read_labels
from evenkeel.storage import replacing
from monitoring.result import WindowResult

_MOMENT = pa.timestamp("us")
_BATCH_ROWS = 1 << 16
_IDS = pa.schema([("id", pa.string())])


@dataclass(frozen=True)
class NewRows:
    """Labelled predictions, oldest first."""

    ids: pa.Array
    """Prediction ids."""
    times: pa.Array
    """When each was predicted, naive UTC."""
    rows: pa.Table
    """The contract's columns as text, null for missing."""

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, chosen: pa.Array) -> "NewRows":
        """The rows at these positions (or where true), in order."""
        select = pc.filter if pa.types.is_boolean(chosen.type) else pc.take
        rows = self.rows.filter(chosen) if pa.types.is_boolean(chosen.type) else self.rows.take(chosen)
        return NewRows(select(self.ids, chosen), select(self.times, chosen), rows)


def labelled_rows(
    root: str, project: Project, known: pa.Array, results: Sequence[WindowResult], now: dt.datetime
) -> NewRows:
    """The labelled predictions in the ledger at ``root``, of all model versions, that ``known`` does not hold.

    What came after the newest checked window waits for its check. Raises DataError where the ledger does not hold
    what a column of the data needs.
    """
    labels = read_labels(root, project.name)
    broken = [result for result in results if "data_quality" in result.suspicions]
    since = _oldest(project.retraining.data, now)
    until = max((result.end for result in results), default=None)
    found = []
    for table in iter_predictions(root, project.name, since=since, until=until):
        at = pc.index_in(table["id"], value_set=labels["id"].combine_chunks())
        fresh = pc.invert(pc.is_in(table["id"], value_set=known))
        kept = pc.and_(pc.and_(pc.is_valid(at), fresh), _sound(table["time"], broken))
        rows = table.filter(kept)
        if rows.num_rows:
            found.append(_converted(rows, labels.take(at.filter(kept).combine_chunks()), project))
    return _deduplicated(_joined(found, project), project)


def absent_from(base: pa.Table, new: NewRows, project: Project) -> NewRows:
    """The new rows without those whose unique value a row of the base has already."""
    for name, column in project.contract.columns.items():
        if column.unique and name in base.column_names:
            there = pc.cast(base[name], pa.string()).combine_chunks()
            new = new.take(pc.invert(pc.is_in(new.rows[name].combine_chunks(), value_set=there)))
    return new


def grow(base: pa.Table, new: NewRows, project: Project, now: dt.datetime) -> pa.Table:
    """The base and the new rows as one raw table, oldest first, by the project's rules: window, cap, balance."""
    rows = pa.concat_tables([base, _like(base.schema, new.rows)])
    rules = project.retraining.data
    time = project.data.time
    if (since := _oldest(rules, now)) is not None and time is not None:
        moments = read_times(rows, project)
        rows = rows.filter(pc.fill_null(pc.greater_equal(moments, pa.scalar(_naive(since), _MOMENT)), False))
    if rules.balance and project.target.task != "regression":
        rows = _balanced(rows, project)
    if rules.max_rows is not None and rows.num_rows > rules.max_rows:
        rows = rows.slice(rows.num_rows - rules.max_rows)
    return rows


def next_cutoff(new: NewRows, project: Project) -> dt.datetime | None:
    """Where a split by time moves to: the newest ``split.evaluation`` of the new rows judge, the others teach.

    A cutoff that stood still would send every new row to the evaluation side, and nothing would be learnt from them.
    It never moves back, so no row that the champion was trained on comes to judge it. None for other splits.
    """
    if project.split.by != "time" or project.split.cutoff is None or not len(new):
        return None
    order = new.times.sort()
    moment: dt.datetime = order[int(len(order) * (1 - project.split.evaluation))].as_py()
    return max(moment, _naive(project.split.cutoff))


def read_times(rows: pa.Table, project: Project) -> pa.ChunkedArray:
    """The rows' own times, null where unreadable."""
    name = project.data.time or ""
    return read_cells(rows[name], project.contract.columns[name]).values


def write_raw(table: pa.Table, path: Path, data: Data) -> None:
    """Write a raw table in the format that ``path`` is named after; the same rows, the same bytes. Atomic."""
    with replacing(path) as partial:
        if path.name.endswith(".parquet"):
            pq.write_table(table.replace_schema_metadata(None).combine_chunks(), partial, compression="zstd")
            return
        with partial.open("wb") as file:
            # without gzip's own file name and time: the same rows, the same bytes
            raw = gzip.GzipFile("", "wb", mtime=0, fileobj=file) if path.name.endswith(".gz") else file
            with io.TextIOWrapper(raw, encoding="utf-8", newline="") as lines:
                _write_csv(table, lines, data)


def _write_csv(table: pa.Table, lines: io.TextIOBase, data: Data) -> None:
    """As CSVs are commonly written, quotes only where needed; pyarrow's writer quotes every text."""
    spelling = "" if "" in data.missing else data.missing[0]
    writer = csv.writer(lines, delimiter=data.delimiter, lineterminator="\n")
    writer.writerow(table.column_names)
    for batch in table.to_batches(_BATCH_ROWS):
        texts = [pc.fill_null(pc.cast(column, pa.string()), spelling).to_pylist() for column in batch.columns]
        writer.writerows(zip(*texts, strict=True))


def read_ids(folder: Path, version: str) -> pa.Array:
    """Ids of the predictions that a data version holds: none for one that did not come from the ledger."""
    path = folder / f"{version}.parquet"
    return pq.read_table(path)["id"].combine_chunks() if path.is_file() else pa.array([], pa.string())


def write_ids(folder: Path, version: str, ids: pa.Array) -> None:
    """Note which predictions a data version holds. Before the version is used: what is noted is not added again."""
    with replacing(folder / f"{version}.parquet") as partial:
        pq.write_table(pa.table([ids], schema=_IDS), partial, compression="zstd")


def _converted(rows: pa.Table, labels: pa.Table, project: Project) -> NewRows:
    """Ledger rows as text in the contract's columns."""
    columns = {name: _column(name, column, rows, labels, project) for name, column in project.contract.columns.items()}
    times = rows["time"].cast(_MOMENT).combine_chunks()
    return NewRows(rows["id"].combine_chunks(), times, pa.table(columns))


def _column(name: str, column: Column, rows: pa.Table, labels: pa.Table, project: Project) -> pa.Array:
    if name == project.target.column:
        value = labels["value"] if project.target.task == "regression" else labels["label"]
        return _text(value, column)
    if column.sensitive == "no" and FEATURE + name in rows.column_names:
        return _text(rows[FEATURE + name], column)
    if name == project.data.id and column.sensitive == "no":
        return _text(rows["entity"], column)
    if name == project.data.time:
        return _text(rows["time"].cast(_MOMENT), column)
    return pa.nulls(rows.num_rows, pa.string())


def _text(values: pa.ChunkedArray, column: Column) -> pa.Array:
    """Typed values as the contract's cells read them."""
    if pa.types.is_floating(values.type) and column.type is ColumnType.INTEGER:
        values = pc.cast(values, pa.int64())
    if pa.types.is_timestamp(values.type):
        form = column.format
        texts = [None if v is None else (v.strftime(form) if form else v.isoformat()) for v in values.to_pylist()]
        return pa.array(texts, pa.string())
    return pc.cast(values, pa.string()).combine_chunks()


def _joined(found: list[NewRows], project: Project) -> NewRows:
    if not found:
        empty = pa.table({name: pa.array([], pa.string()) for name in project.contract.columns})
        return NewRows(pa.array([], pa.string()), pa.array([], _MOMENT), empty)
    every = NewRows(
        pa.concat_arrays([part.ids for part in found]),
        pa.concat_arrays([part.times for part in found]),
        pa.concat_tables([part.rows for part in found]),
    )
    order = pc.sort_indices(
        pa.table([every.times, every.ids], ["time", "id"]), [(by, "ascending") for by in ("time", "id")]
    )
    return every.take(order)


def _deduplicated(new: NewRows, project: Project) -> NewRows:
    """Only rows that have what the contract needs, and of a unique column's equal values the newest.

    Raises DataError where none has: then it is not the rows but the way they are served.
    """
    total = len(new)
    for name, column in project.contract.columns.items():
        if not column.nullable and new.rows[name].null_count:
            new = new.take(pc.is_valid(new.rows[name].combine_chunks()))
            if not len(new):
                raise DataError(_untold(name, column, total, project))
        if column.unique:
            new = _newest_of_each(new, name)
    return new


def _newest_of_each(new: NewRows, name: str) -> NewRows:
    values = new.rows[name].combine_chunks()
    last = {value: position for position, value in enumerate(values.to_pylist())}
    return new.take(pa.array(sorted(last.values()), pa.int64()))


def _untold(name: str, column: Column, total: int, project: Project) -> str:
    about = f"{project.name}: {total} labelled predictions cannot become training rows: column {name!r}"
    if column.sensitive != "no":
        return f"{about} is sensitive: {column.sensitive}, so the ledger does not hold it; bring new data by hand"
    if name == project.split.group:
        return (
            f"{about} is split.group, which requests do not carry: without it the same {name} could both teach and"
            " judge; bring new data by hand (make data-add, then retrain --trigger data)"
        )
    if name == project.data.id:
        return f"{about} is needed, and no request carried it: send it with each row, or make it nullable"
    return f"{about} is needed, and neither a feature nor the id nor the time: make it nullable, or bring data by hand"


def _like(schema: pa.Schema, rows: pa.Table) -> pa.Table:
    """Text rows in the columns, order and types of the data file; a column that only the file has is null."""
    columns = []
    for field in schema:
        known = field.name in rows.column_names
        texts = rows[field.name] if known else pa.nulls(rows.num_rows, pa.string())
        try:
            columns.append(pc.cast(texts, field.type))
        except pa.ArrowException as exc:
            raise DataError(
                f"column {field.name!r}: ledger rows do not fit the data file's {field.type}: {exc}"
            ) from exc
    return pa.table(columns, schema=schema)


def _balanced(rows: pa.Table, project: Project) -> pa.Table:
    """As many rows of each class as the rarest has, drawn by the project's seed. Where the split is by time, the rows
    that judge are left as they came: a balanced judge would not know how often what it judges happens.
    """
    judging = np.zeros(rows.num_rows, bool)
    if project.split.by == "time" and project.split.cutoff is not None:
        late = pc.greater_equal(read_times(rows, project), pa.scalar(_naive(project.split.cutoff), _MOMENT))
        judging = pc.fill_null(late, False).to_numpy()
    classes = np.asarray(pc.cast(rows[project.target.column], pa.string()).to_numpy(), object)
    names, counts = np.unique(classes[~judging].astype(str), return_counts=True)
    generator = np.random.default_rng(project.model.seed)
    chosen = [np.flatnonzero(judging)]
    for name in names:
        of_class = np.flatnonzero(~judging & (classes.astype(str) == name))
        chosen.append(generator.choice(of_class, counts.min(), replace=False))
    return rows.take(pa.array(np.sort(np.concatenate(chosen))))


def _sound(times: pa.ChunkedArray, broken: Sequence[WindowResult]) -> pa.ChunkedArray:
    """Which times lie in no window of broken data."""
    sound = pc.is_valid(times)
    for window in broken:
        inside = pc.and_(
            pc.greater_equal(times, pa.scalar(window.start, times.type)),
            pc.less(times, pa.scalar(window.end, times.type)),
        )
        sound = pc.and_(sound, pc.invert(inside))
    return sound


def _oldest(rules: TrainingData, now: dt.datetime) -> dt.datetime | None:
    return now - dt.timedelta(days=rules.window_days) if rules.window_days is not None else None


def _naive(moment: dt.datetime) -> dt.datetime:
    return moment if moment.tzinfo is None else moment.astimezone(dt.UTC).replace(tzinfo=None)
