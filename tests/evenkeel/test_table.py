import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evenkeel.config import Column, ColumnType, Contract, Project
from evenkeel.config.gates import Gates
from evenkeel.config.modelling import Data, Model, Target
from evenkeel.contract import check
from evenkeel.errors import DataError
from evenkeel.table import iter_raw, label_text, read_raw, read_table, to_columns, truth, write_table

DATA = Data(path="data.csv")


def _csv(folder: Path, content: str | bytes, name: str = "data.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def _project(target: Column, task: str = "binary", positive: str | bool | None = None) -> Project:
    return Project(
        name="demo",
        data=DATA,
        target=Target.model_validate({"column": "y", "task": task, "positive": positive}),
        contract=Contract(columns={"x": Column(type=ColumnType.NUMBER), "y": target}),
        model=Model(estimator="a.b"),
        gates=Gates(metric="roc_auc", require={"roc_auc": 0.5}),
    )


def test_csv_cells_are_text_and_missing_spellings_null(tmp_path: Path) -> None:
    path = _csv(tmp_path, 'a,b\n007,NA\n?,"x, ""y""\nz"\n1e3,-\n')
    table = read_raw(path, DATA)
    assert table.schema.types == [pa.string(), pa.string()]
    assert table.to_pydict() == {"a": ["007", None, "1e3"], "b": [None, 'x, "y"\nz', None]}


def test_the_project_says_what_is_missing_and_what_delimits(tmp_path: Path) -> None:
    path = _csv(tmp_path, "a;b\nn.d.;NA\n")
    assert read_raw(path, Data(path="d", missing=("n.d.",), delimiter=";")).to_pydict() == {"a": [None], "b": ["NA"]}


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    assert read_raw(_csv(tmp_path, b"\xef\xbb\xbfa,b c\n1,2\n"), DATA).column_names == ["a", "b c"]


def test_a_header_alone_is_a_table_without_rows(tmp_path: Path) -> None:
    table = read_raw(_csv(tmp_path, "a,b\n"), DATA)
    assert (table.column_names, table.num_rows) == (["a", "b"], 0)
    assert list(iter_raw(_csv(tmp_path, "a,b\n"), DATA, 10)) == []


def test_gzip_reads_as_the_plain_file_does(tmp_path: Path) -> None:
    plain = _csv(tmp_path, "a,b\n1,2\n")
    packed = _csv(tmp_path, gzip.compress(plain.read_bytes()), "data.csv.gz")
    assert read_raw(packed, DATA) == read_raw(plain, DATA)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "data.csv: is empty; a CSV needs a header line"),
        (b"\n\n", "is empty"),
        (b"a,b,a\n1,2,3\n", "data.csv: more than one column is named 'a'; rename all but one"),
        (b'a,b\n"x\ny",2\n1,2,3\n', "data.csv, line 4: has 3 values where the header has 2"),
        (b"a,b\n1\n", "data.csv, line 2: has 1 values where the header has 2"),
        ("a,b\ncaf\u00e9,1\n".encode("latin-1"), "is not UTF-8 text; convert it, for example with: iconv -f latin1"),
        ("caf\u00e9,b\n1,2\n".encode("latin-1"), "is not UTF-8 text"),
        ("a,b\n1,2\n".encode("utf-16"), "is not UTF-8 text"),
        (b"a,b\n" + b"1,2\n" * 50_000 + b"\xff,1\n", "is not UTF-8 text"),
    ],
)
def test_a_csv_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(DataError) as caught:
        read_raw(_csv(tmp_path, content), DATA)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["data.csv.gz", "data.parquet"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=rf"{name}: cannot be read"):
        read_raw(_csv(tmp_path, b"neither", name), DATA)


def test_a_torn_gzip_is_named(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(size=5000)
    packed = gzip.compress(("a\n" + "\n".join(map(str, noise))).encode())
    with pytest.raises(DataError, match=r"data\.csv\.gz: cannot be read"):
        read_raw(_csv(tmp_path, packed[: len(packed) // 2], "data.csv.gz"), DATA)


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data\.xlsx: cannot be read as a table; supported are \.csv, \.csv\.gz"):
        read_raw(_csv(tmp_path, "", "data.xlsx"), DATA)
    with pytest.raises(DataError, match=r"nowhere: does not exist; see data\.path"):
        read_raw(tmp_path / "nowhere", DATA)


def test_a_folder_is_its_files_in_name_order(tmp_path: Path) -> None:
    _csv(tmp_path, "a,b\n3,4\n", "2.csv")
    _csv(tmp_path, "a,b\n1,2\n", "1.csv")
    _csv(tmp_path, "not data", ".gitignore")
    _csv(tmp_path, gzip.compress(b"a,b\n5,6\n"), "3.csv.gz")
    assert read_raw(tmp_path, DATA).to_pydict() == {"a": ["1", "3", "5"], "b": ["2", "4", "6"]}


def test_a_folder_whose_files_differ_names_the_file_and_the_columns(tmp_path: Path) -> None:
    _csv(tmp_path, "a,b\n1,2\n", "1.csv")
    _csv(tmp_path, "a,c\n1,2\n", "2.csv")
    with pytest.raises(DataError, match=r"2\.csv: its columns are not those of 1\.csv.* they differ in b, c"):
        read_raw(tmp_path, DATA)
    _csv(tmp_path, "b,a\n1,2\n", "2.csv")
    with pytest.raises(DataError, match="they differ in their order"):
        read_raw(tmp_path, DATA)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the folder holds no data"):
        read_raw(tmp_path, DATA)


def test_parquet_keeps_its_types_but_not_its_encodings(tmp_path: Path) -> None:
    table = pa.table(
        {
            "word": pa.array(["x", None]).dictionary_encode(),
            "long": pa.array(["x", "y"], pa.large_string()),
            "number": [1.5, None],
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    read = read_raw(tmp_path / "t.parquet", DATA)
    assert read.schema.types == [pa.string(), pa.string(), pa.float64()]
    assert read.to_pydict() == table.to_pydict()


@pytest.mark.parametrize("rows", [1, 3, 4, 1000])
def test_streaming_gives_the_same_rows_in_even_tables(tmp_path: Path, rows: int) -> None:
    for part in range(3):
        _csv(tmp_path, "a\n" + "".join(f"{part}{i}\n" for i in range(4)), f"{part}.csv")
    tables = list(iter_raw(tmp_path, DATA, rows))
    assert pa.concat_tables(tables).equals(read_raw(tmp_path, DATA))
    assert {table.num_rows for table in tables[:-1]} <= {rows}
    assert 0 < tables[-1].num_rows <= rows


def test_parquet_bytes_depend_on_the_rows_alone(tmp_path: Path) -> None:
    table = pa.table({"a": list(range(1000)), "b": [str(i) for i in range(1000)]})
    chunked = pa.concat_tables([table.slice(0, 10), table.slice(10)]).replace_schema_metadata({"made": "now"})
    write_table(table, tmp_path / "one.parquet")
    write_table(chunked, tmp_path / "deep" / "two.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "deep" / "two.parquet").read_bytes()
    assert read_table(tmp_path / "one.parquet").equals(table)


def test_a_table_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_table(pa.table({"a": [1]}), tmp_path / "t.parquet")
    before = (tmp_path / "t.parquet").read_bytes()
    union = pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])])
    with pytest.raises(pa.ArrowNotImplementedError):
        write_table(pa.table({"a": union}), tmp_path / "t.parquet")
    assert (tmp_path / "t.parquet").read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["t.parquet"]


def test_a_missing_parquet_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.parquet: cannot be read as Parquet"):
        read_table(tmp_path / "none.parquet")


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (False, "false"), (3, "3"), ("True", "True"), ("", "")])
def test_a_category_has_one_text(value: str | int | bool, text: str) -> None:
    assert label_text(value) == text


def test_columns_become_arrays_by_their_type() -> None:
    columns = {
        "i": Column(type=ColumnType.INTEGER, nullable=True),
        "b": Column(type=ColumnType.BOOLEAN, nullable=True),
        "c": Column(type=ColumnType.CATEGORY, categories=(1, 2), nullable=True),
        "t": Column(type=ColumnType.DATETIME, nullable=True),
    }
    raw = pa.table({"i": ["3", None], "b": ["yes", None], "c": ["1", None], "t": ["2024-02-29T12:00Z", None]})
    arrays = to_columns(check(raw, Contract(columns=columns, min_rows=1)).table, columns)
    np.testing.assert_array_equal(arrays["i"], [3.0, np.nan])
    np.testing.assert_array_equal(arrays["b"], [1.0, np.nan])
    assert arrays["c"].tolist() == ["1", None]
    assert arrays["c"].dtype == object
    np.testing.assert_array_equal(arrays["t"], np.array(["2024-02-29T12:00", "NaT"], dtype="datetime64[us]"))
    assert [array.dtype for array in arrays.values()] == [np.float64, np.float64, object, np.dtype("datetime64[us]")]


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(DataError, match="the table has no column 'z'; it has x"):
        to_columns(pa.table({"x": [1.0]}), {"z": Column(type=ColumnType.NUMBER)})


def test_the_truth_is_positions_among_the_classes() -> None:
    words = _project(Column(type=ColumnType.CATEGORY, categories=("yes", "no")), positive="yes")
    assert words.classes == ("no", "yes")
    assert truth(pa.table({"y": ["yes", "no", "yes"]}), words).tolist() == [1, 0, 1]
    boolean = _project(Column(type=ColumnType.BOOLEAN), positive=False)
    assert truth(pa.table({"y": [True, False]}), boolean).tolist() == [0, 1]
    value = _project(Column(type=ColumnType.NUMBER), "regression")
    assert truth(pa.table({"y": [0.5, 2.0]}), value).tolist() == [0.5, 2.0]


@pytest.mark.parametrize("unusable", [None, "maybe"])
def test_a_row_without_truth_is_named(unusable: str | None) -> None:
    project = _project(Column(type=ColumnType.CATEGORY, categories=("yes", "no")), positive="yes")
    with pytest.raises(DataError, match="1 of 3 rows have no usable target 'y', the first is row 2"):
        truth(pa.table({"y": ["yes", unusable, "no"]}), project)


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of one process alone is read from /proc")
def test_half_a_million_rows_stay_well_below_the_limit(tmp_path: Path) -> None:
    row = ",".join(["0.123456789"] * 20)
    with (tmp_path / "big.csv").open("w") as file:
        file.write(",".join(f"c{i}" for i in range(20)) + "\n")
        for _ in range(50):
            file.write(f"{row}\n" * 10_000)
    code = (
        "import re, sys; from pathlib import Path; from evenkeel.table import read_raw;"
        "from evenkeel.config.modelling import Data;"
        "assert read_raw(Path(sys.argv[1]), Data(path='x')).num_rows == 500_000;"
        "print(re.search(r'VmHWM:\\s+(\\d+) kB', Path('/proc/self/status').read_text())[1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "big.csv"], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) / 1024 < 800
