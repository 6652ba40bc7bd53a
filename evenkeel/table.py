"""Tables in and out: raw data as it came, typed tables as every later stage reads them.

A *raw* table holds a CSV's cells as text (or a Parquet file's as typed). A *typed* table is what
:func:`evenkeel.contract.check` makes of it, per contract column::

    integer -> int64    number -> float64    boolean -> bool    datetime -> timestamp[us], UTC without zone
    category, string, text -> string (a category in its canonical text, see label_text)

and null for what is missing.
"""

import csv
import gzip
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn, TextIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from evenkeel.config.contract import Column, ColumnType
from evenkeel.config.modelling import Data
from evenkeel.config.project import Project
from evenkeel.errors import DataError
from evenkeel.storage import replacing

Columns = dict[str, NDArray[Any]]
"""Columns by name as :func:`to_columns` makes them, each of shape (rows,)."""

_SUFFIXES = (".csv", ".csv.gz", ".parquet")
_BLOCK_BYTES = 2 << 20  # also the longest row a CSV may have
_BATCH_ROWS = 1 << 16


def read_raw(path: Path, data: Data) -> pa.Table:
    """The whole of a .csv, .csv.gz or .parquet file, or of a folder's files one after another in name order.

    CSV cells are text, ``data.missing`` spellings null. Raises DataError naming the file (and line) otherwise.
    """
    return _open(path, data).read_all()


def iter_raw(path: Path, data: Data, rows: int) -> Iterator[pa.Table]:
    """The rows of :func:`read_raw` in tables of ``rows`` rows (the last may be shorter), read when asked for."""
    reader = _open(path, data)
    waiting = reader.schema.empty_table()
    for batch in reader:
        waiting = pa.concat_tables([waiting, pa.Table.from_batches([batch])])
        while waiting.num_rows >= rows:
            yield waiting.slice(0, rows)
            waiting = waiting.slice(rows)
    if waiting.num_rows:
        yield waiting


def read_table(path: Path) -> pa.Table:
    """A Parquet file that a stage wrote. Raises DataError where it is missing or unreadable."""
    try:
        with pq.ParquetFile(path) as file:
            return file.read()
    except (OSError, pa.ArrowException) as exc:
        raise DataError(f"{path}: cannot be read as Parquet: {exc}") from exc


def write_table(table: pa.Table, path: Path) -> None:
    """Write Parquet whose bytes depend on the rows alone: not on chunks, metadata or time. Whole or not at all."""
    with replacing(path) as partial:
        pq.write_table(table.replace_schema_metadata(None).combine_chunks(), partial, compression="zstd")


def label_text(value: str | int | bool) -> str:
    """The canonical text of a category: ``true``/``false``, a whole number's digits, a string itself."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def to_columns(table: pa.Table, columns: Mapping[str, Column]) -> Columns:
    """These columns of a typed table as arrays of shape (rows,).

    integer, number, boolean: float64 with NaN; category, string, text: objects, str or None;
    datetime: datetime64[us] with NaT. Raises DataError for a column the table does not have.
    """
    if absent := [name for name in columns if name not in table.column_names]:
        raise DataError(
            f"the table has no column {', '.join(map(repr, absent))}; it has {', '.join(table.column_names)}"
        )
    return {name: _array(table[name], column.type) for name, column in columns.items()}


def truth(table: pa.Table, project: Project) -> NDArray[Any]:
    """The target of a typed table, shape (rows,): int64 positions in ``project.classes``, or float64 values.

    Raises DataError where a row has none, or one that is not among the classes.
    """
    name = project.target.column
    column = to_columns(table, {name: project.contract.columns[name]})[name]
    if project.target.task == "regression":
        known = np.isfinite(column)
        answer = column
    else:
        texts = pc.cast(table[name], pa.string())
        positions = pc.index_in(texts, value_set=pa.array([label_text(value) for value in project.classes]))
        answer = pc.fill_null(positions, -1).to_numpy().astype(np.int64)
        known = answer >= 0
    if not known.all():
        raise DataError(
            f"{int((~known).sum())} of {len(known)} rows have no usable target {name!r},"
            f" the first is row {int(np.argmin(known)) + 1}; the validate stage sets such rows aside"
        )
    return answer


def _array(column: pa.ChunkedArray, kind: ColumnType) -> NDArray[Any]:
    if kind in (ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.BOOLEAN):
        return np.array(pc.cast(column, pa.float64(), safe=False).to_numpy())
    if kind is ColumnType.DATETIME:
        return np.array(column.to_numpy()).astype("datetime64[us]")
    return _words(pc.cast(column, pa.string()))


def _words(column: pa.ChunkedArray) -> NDArray[Any]:
    """The texts as objects; equal cells share one, which is most of what a large table would weigh."""
    whole = column.dictionary_encode().unify_dictionaries().combine_chunks()
    values = np.array([*whole.dictionary.to_pylist(), None], dtype=object)
    found: NDArray[Any] = values[pc.fill_null(whole.indices, len(values) - 1).to_numpy(zero_copy_only=False)]
    return found


def _open(path: Path, data: Data) -> pa.RecordBatchReader:
    files = _files(path)
    schema = _schema(files[0], data)
    return pa.RecordBatchReader.from_batches(schema, _batches(files, schema, data))


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted((file for file in path.rglob("*") if file.is_file()), key=lambda file: file.parts)
        files = [file for file in found if not file.name.startswith((".", "_"))]
        if not files:
            raise DataError(f"{path}: the folder holds no data; put {', '.join(_SUFFIXES)} files into it")
    elif path.is_file():
        files = [path]
    else:
        raise DataError(f"{path}: does not exist; see data.path in the project, and 'make data-pull'")
    for file in files:
        if not file.name.endswith(_SUFFIXES):
            raise DataError(f"{file}: cannot be read as a table; supported are {', '.join(_SUFFIXES)}")
    return files


def _schema(file: Path, data: Data) -> pa.Schema:
    """The file's columns, each in the plainest type that holds it."""
    if file.name.endswith(".parquet"):
        try:
            schema = pq.read_schema(file)
        except (OSError, pa.ArrowException) as exc:
            raise DataError(f"{file}: cannot be read as Parquet: {exc}") from exc
        schema = pa.schema([(field.name, _plain(field.type)) for field in schema])
    else:
        schema = pa.schema([(name, pa.string()) for name in _header(file, data)])
    if twice := [name for name, count in Counter(schema.names).items() if count > 1]:
        raise DataError(f"{file}: more than one column is named {', '.join(map(repr, twice))}; rename all but one")
    return schema


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    return pa.string() if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) else kind


def _batches(files: list[Path], schema: pa.Schema, data: Data) -> Iterator[pa.RecordBatch]:
    for file in files:
        if (other := _schema(file, data)) != schema:
            differing = sorted({field.name for field in set(schema) ^ set(other)}) or ["their order"]
            raise DataError(
                f"{file}: its columns are not those of {files[0].name}, the folder's first file; they differ in"
                f" {', '.join(differing)}"
            )
        read = _parquet_batches if file.name.endswith(".parquet") else _csv_batches
        yield from read(file, schema, data)


def _parquet_batches(file: Path, schema: pa.Schema, _: Data) -> Iterator[pa.RecordBatch]:
    try:
        with pq.ParquetFile(file) as parquet:
            for batch in parquet.iter_batches(_BATCH_ROWS):
                yield batch.cast(schema)
    except (OSError, pa.ArrowException) as exc:
        raise DataError(f"{file}: cannot be read as Parquet: {exc}") from exc


def _csv_batches(file: Path, schema: pa.Schema, data: Data) -> Iterator[pa.RecordBatch]:
    try:
        reader = pa.csv.open_csv(
            file,
            read_options=pa.csv.ReadOptions(block_size=_BLOCK_BYTES),
            parse_options=pa.csv.ParseOptions(delimiter=data.delimiter, newlines_in_values=True),
            convert_options=pa.csv.ConvertOptions(
                column_types=schema, null_values=list(data.missing), strings_can_be_null=True
            ),
        )
        with reader:
            yield from reader
    except (OSError, pa.ArrowException) as exc:
        _refuse_csv(file, schema, data, exc)


def _header(file: Path, data: Data) -> list[str]:
    try:
        with _text(file) as lines:
            header = next((row for row in csv.reader(lines, delimiter=data.delimiter) if row), None)
    except UnicodeDecodeError as exc:
        raise _not_utf8(file) from exc
    except (OSError, EOFError, csv.Error) as exc:
        raise DataError(f"{file}: cannot be read: {exc}") from exc
    if header is None:
        raise DataError(f"{file}: is empty; a CSV needs a header line with the columns' names")
    return header


def _refuse_csv(file: Path, schema: pa.Schema, data: Data, cause: Exception) -> NoReturn:
    """Find what the fast reader stumbled over by reading again, slowly, with line numbers."""
    try:
        with _text(file) as lines:
            reader = csv.reader(lines, delimiter=data.delimiter)
            for row in reader:
                if row and len(row) != len(schema):
                    raise DataError(
                        f"{file}, line {reader.line_num}: has {len(row)} values where the header has {len(schema)};"
                        " quote values that hold the delimiter, or see data.delimiter"
                    ) from cause
    except UnicodeDecodeError as exc:
        raise _not_utf8(file) from exc
    except (OSError, EOFError, csv.Error) as exc:
        raise DataError(f"{file}: cannot be read: {exc}") from cause
    raise DataError(f"{file}: cannot be read as CSV: {cause}") from cause


def _not_utf8(file: Path) -> DataError:
    return DataError(
        f"{file}: is not UTF-8 text; convert it, for example with:"
        f" iconv -f latin1 -t utf-8 {file.name} > utf8-{file.name} (UTF-16 from a spreadsheet: -f utf-16)"
    )


def _text(file: Path) -> TextIO:
    if file.name.endswith(".gz"):
        return gzip.open(file, "rt", encoding="utf-8-sig", newline="")
    return file.open(encoding="utf-8-sig", newline="")
