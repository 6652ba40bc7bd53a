"""The ledger: what was predicted, and what turned out to be true. Servers write it, monitoring and retraining read it.

::

    <root>/predictions/model=<name>/date=<YYYY-MM-DD>/hour=<HH>/<file>.parquet
    <root>/labels/model=<name>/date=<YYYY-MM-DD>/<file>.parquet

Dates and hours are those of the prediction (of the label's arrival), UTC. Files are written beside their place and
renamed into it; a name that starts with a dot is one that is being written. Model and date stand in the path only, as
pandas, DuckDB and pyarrow read them.

A prediction's row holds its features as validated, one column ``feature_<name>`` each: integer int64, number float64,
boolean bool, datetime timestamp[us], others text; what the project marks as sensitive is hashed (text) or absent.
"""

import datetime as dt
import io
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evenkeel.errors import StorageError
from evenkeel.storage import list_below, read_bytes

PREDICTIONS = "predictions"
LABELS = "labels"
FEATURE = "feature_"
"""What the names of feature columns start with."""
LIVE = "live"
SHADOW = "shadow"

_PART_ROWS = 1 << 16
_MOMENT = pa.timestamp("us", tz="UTC")

PREDICTION_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),  # <prediction id>-<row>: what a label names
        pa.field("time", _MOMENT, nullable=False),
        pa.field("model_version", pa.string(), nullable=False),
        pa.field("digest", pa.string(), nullable=False),
        pa.field("role", pa.string(), nullable=False),  # live, or shadow: nobody was told that answer
        pa.field("request_id", pa.string()),  # the caller's X-Request-Id
        pa.field("entity", pa.string()),  # the project's id column, where the request had it
        pa.field("latency_ms", pa.float64()),  # of the whole request, up to the answer
        pa.field("label", pa.string()),  # canonical text of the predicted class; null for regression
        pa.field("value", pa.float64()),  # the predicted value, or the predicted class's probability
        pa.field("probabilities", pa.list_(pa.float64())),  # in the order of the manifest's classes
        pa.field("lower", pa.float64()),
        pa.field("upper", pa.float64()),
    ]
)
"""Columns of every prediction; the features' columns follow."""

LABEL_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("time", _MOMENT, nullable=False),  # when it arrived
        pa.field("label", pa.string()),  # canonical text of the true class; null for regression
        pa.field("value", pa.float64()),  # the true value; null for classes
    ]
)


def prediction_folder(model: str, moment: dt.datetime) -> str:
    """Where predictions of this hour are, below the root."""
    return f"{PREDICTIONS}/model={model}/date={moment:%Y-%m-%d}/hour={moment:%H}"


def label_folder(model: str, moment: dt.datetime) -> str:
    """Where labels that arrived on this day are, below the root."""
    return f"{LABELS}/model={model}/date={moment:%Y-%m-%d}"


def iter_predictions(
    root: str,
    model: str,
    *,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
    role: str = LIVE,
    columns: Sequence[str] | None = None,
    encoded: Sequence[str] = (),
) -> Iterator[pa.Table]:
    """The predictions of ``since <= time < until``, part by part of each file, in order of hours.

    Of the ``columns`` named (None: all) those that a file has, and always time and role; text columns in ``encoded``
    come dictionary-encoded. Raises StorageError, for a file that is not Parquet too.
    """
    below = f"{root.rstrip('/')}/{PREDICTIONS}/model={model}"
    for name in list_below(below):
        if _parquet(name) and _hour_overlaps(name, since, until):
            for table in _parts(f"{below}/{name}", columns, encoded):
                kept = _between(table, since, until)
                yield where(kept, pc.equal(kept["role"], role))


def read_predictions(
    root: str,
    model: str,
    *,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
    role: str = LIVE,
) -> pa.Table:
    """The predictions of ``since <= time < until`` as one table; columns that a file lacks are null in its rows."""
    tables = list(iter_predictions(root, model, since=since, until=until, role=role))
    return pa.concat_tables([PREDICTION_SCHEMA.empty_table(), *tables], promote_options="permissive")


def read_labels(
    root: str, model: str, *, since: dt.datetime | None = None, until: dt.datetime | None = None
) -> pa.Table:
    """The labels that arrived in ``since <= time < until``, one row an id: the one that arrived last."""
    below = f"{root.rstrip('/')}/{LABELS}/model={model}"
    names = [name for name in list_below(below) if _parquet(name) and _day_overlaps(name, since, until)]
    tables = [_between(_read(f"{below}/{name}"), since, until) for name in names]
    every = pa.concat_tables([LABEL_SCHEMA.empty_table(), *tables]).sort_by("time")
    columns = [(name, "last") for name in LABEL_SCHEMA.names if name != "id"]
    # "last" passes over nulls: a row's label and value are never both from one task, so no row is mixed
    latest = every.group_by("id", use_threads=False).aggregate(columns)
    return latest.rename_columns([name.removesuffix("_last") for name in latest.column_names]).select(
        LABEL_SCHEMA.names
    )


def where(table: pa.Table, mask: pa.ChunkedArray) -> pa.Table:
    """The rows where the mask is true; the table itself, uncopied, where that is all of them, as it mostly is."""
    return table if pc.all(mask, min_count=0).as_py() else table.filter(mask)


def _read(uri: str) -> pa.Table:
    return pa.concat_tables(_parts(uri, None, ()))


def _parts(uri: str, columns: Sequence[str] | None, encoded: Sequence[str]) -> Iterator[pa.Table]:
    """A file's rows in small tables, so that memory does not grow with it; at least one, which may be empty."""
    content = io.BytesIO(read_bytes(uri))
    try:
        names = pq.read_schema(content).names
        wanted = [name for name in names if columns is None or name in {*columns, "time", "role"}]
        # pre_buffer would hold a whole row group's columns at once
        with pq.ParquetFile(content, read_dictionary=[n for n in encoded if n in names], pre_buffer=False) as file:
            if not file.metadata.num_rows:
                yield file.schema_arrow.empty_table().select(wanted)
            for batch in file.iter_batches(_PART_ROWS, columns=wanted):
                yield pa.Table.from_batches([batch])
    except (pa.ArrowException, OSError) as exc:
        raise StorageError(f"{uri}: cannot be read as a part of the ledger: {exc}; set it aside or restore it") from exc


def _parquet(name: str) -> bool:
    return name.endswith(".parquet") and not name.rpartition("/")[2].startswith(".")


def _between(table: pa.Table, since: dt.datetime | None, until: dt.datetime | None) -> pa.Table:
    if since is not None:
        table = where(table, pc.greater_equal(table["time"], pa.scalar(since, _MOMENT)))
    if until is not None:
        table = where(table, pc.less(table["time"], pa.scalar(until, _MOMENT)))
    return table


def _hour_overlaps(name: str, since: dt.datetime | None, until: dt.datetime | None) -> bool:
    day, hour, _ = name.split("/")
    start = dt.datetime.strptime(f"{day} {hour} +0000", "date=%Y-%m-%d hour=%H %z")
    return _overlaps(start, dt.timedelta(hours=1), since, until)


def _day_overlaps(name: str, since: dt.datetime | None, until: dt.datetime | None) -> bool:
    start = dt.datetime.strptime(f"{name.split('/')[0]} +0000", "date=%Y-%m-%d %z")
    return _overlaps(start, dt.timedelta(days=1), since, until)


def _overlaps(start: dt.datetime, length: dt.timedelta, since: dt.datetime | None, until: dt.datetime | None) -> bool:
    return (since is None or start + length > since) and (until is None or start < until)
