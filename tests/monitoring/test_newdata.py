import datetime as dt
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from evenkeel.config.modelling import Data
from evenkeel.config.project import Project
from evenkeel.contract import check
from evenkeel.datasets.insurance import START, stream, write
from evenkeel.errors import DataError
from evenkeel.table import read_raw
from monitoring.governor.newdata import (
    NewRows,
    absent_from,
    grow,
    labelled_rows,
    next_cutoff,
    read_ids,
    write_ids,
    write_raw,
)
from tests.monitoring.ledgers import NOW, insurance, write_labels, write_predictions
from tests.monitoring.windows import window

NONE = pa.array([], pa.string())
LATER = NOW + dt.timedelta(hours=1)


def _rows(
    root: Path, project: Project | None = None, known: pa.Array = NONE, results: tuple[object, ...] = ()
) -> NewRows:
    return labelled_rows(str(root), project or insurance(), known, results, LATER)  # type: ignore[arg-type]


@pytest.fixture
def base(tmp_path: Path) -> pa.Table:
    write(tmp_path / "insurance.csv")
    return read_raw(tmp_path / "insurance.csv", insurance().data)


def test_labelled_predictions_become_rows_of_the_file(tmp_path: Path, base: pa.Table) -> None:
    sent = write_predictions(tmp_path, 50)
    write_labels(tmp_path, sent.slice(10, 30))
    new = _rows(tmp_path)
    assert new.ids.to_pylist() == sent["key"].slice(10, 30).to_pylist()
    grown = grow(base, new, insurance(), LATER)
    assert grown.schema == base.schema
    assert grown.num_rows == base.num_rows + 30
    checked = check(grown.slice(base.num_rows), insurance().contract)
    assert not checked.bad.any()
    for name in ("Age", "Gender", "RegionID", "AnnualPremium", "Result", "id"):
        told = pc.cast(checked.table[name], pa.string()).to_pylist()
        assert told == pc.cast(sent[name].slice(10, 30), pa.string()).to_pylist(), name
    assert checked.table["Timestamp"].to_pylist()[0] == NOW.replace(tzinfo=None) + dt.timedelta(seconds=10)


def test_without_labels_there_is_nothing_new(tmp_path: Path) -> None:
    write_predictions(tmp_path, 5)
    assert len(_rows(tmp_path)) == 0
    assert len(_rows(tmp_path / "empty")) == 0


def test_what_a_version_holds_is_not_added_again(tmp_path: Path) -> None:
    sent = write_predictions(tmp_path, 20)
    write_labels(tmp_path, sent.slice(0, 12))
    first = _rows(tmp_path)
    write_ids(tmp_path / "ids", "v1", first.ids)
    write_labels(tmp_path, sent, at=NOW + dt.timedelta(minutes=5))
    again = _rows(tmp_path, known=read_ids(tmp_path / "ids", "v1"))
    assert again.ids.to_pylist() == sent["key"].slice(12).to_pylist()
    assert len(read_ids(tmp_path / "ids", "never")) == 0


def test_the_same_ledger_makes_the_same_bytes(tmp_path: Path, base: pa.Table) -> None:
    write_labels(tmp_path, write_predictions(tmp_path, 20))
    for name in ("a.csv", "b.csv", "a.csv.gz", "b.csv.gz", "a.parquet", "b.parquet"):
        write_raw(grow(base, _rows(tmp_path), insurance(), LATER), tmp_path / name, insurance().data)
    for suffix in ("csv", "csv.gz", "parquet"):
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()
        assert read_raw(tmp_path / f"a.{suffix}", insurance().data).num_rows == base.num_rows + 20


def test_rows_of_broken_windows_are_left_out(tmp_path: Path) -> None:
    sent = write_predictions(tmp_path, 60)
    write_labels(tmp_path, sent)
    edges = [NOW + dt.timedelta(seconds=second) for second in (0, 20, 40, 60)]
    sound = window("insurance", start=edges[0], end=edges[1])
    broken = window("insurance", "data_quality", start=edges[1], end=edges[2])
    after = window("insurance", start=edges[2], end=edges[3])
    new = _rows(tmp_path, results=(sound, broken, after))
    assert new.ids.to_pylist() == [*sent["key"].to_pylist()[:20], *sent["key"].to_pylist()[40:]]


def test_rows_wait_for_the_check_of_their_window(tmp_path: Path) -> None:
    write_labels(tmp_path, write_predictions(tmp_path, 60))
    checked = window("insurance", start=NOW, end=NOW + dt.timedelta(seconds=20))
    assert len(_rows(tmp_path, results=(checked,))) == 20


def test_of_a_unique_id_the_newest_row_counts(tmp_path: Path) -> None:
    for minute in (0, 5):
        write_labels(tmp_path, write_predictions(tmp_path, 10, at=NOW + dt.timedelta(minutes=minute)))
    new = _rows(tmp_path)
    assert len(new) == 10
    assert min(new.times.to_pylist()) == (NOW + dt.timedelta(minutes=5)).replace(tzinfo=None)


def test_an_id_that_the_base_has_is_not_added(tmp_path: Path, base: pa.Table) -> None:
    write_labels(tmp_path, write_predictions(tmp_path, 10, first=START))
    assert len(_rows(tmp_path)) == 10
    assert len(absent_from(base, _rows(tmp_path), insurance())) == 0


def test_rows_without_a_needed_id_are_refused(tmp_path: Path) -> None:
    write_labels(tmp_path, write_predictions(tmp_path, 10, entity=False))
    with pytest.raises(DataError, match=r"insurance: 10 labelled predictions .* column 'id' is needed, and no request"):
        _rows(tmp_path)


@pytest.mark.parametrize("how", ["hash", "drop"])
def test_a_sensitive_column_cannot_be_learnt_from_the_ledger(tmp_path: Path, how: str) -> None:
    write_labels(tmp_path, write_predictions(tmp_path, 10))
    contract = insurance().contract.model_dump(mode="json", exclude_defaults=True)
    contract["columns"]["Age"]["sensitive"] = how
    with pytest.raises(DataError, match=f"column 'Age' is sensitive: {how}"):
        _rows(tmp_path, insurance(contract=contract))


def test_window_days_drops_old_rows(tmp_path: Path, base: pa.Table) -> None:
    write_labels(tmp_path, write_predictions(tmp_path, 10))
    project = insurance(retraining={"data": {"window_days": 1}})
    assert grow(base, _rows(tmp_path, project), project, LATER).num_rows == 10
    assert len(labelled_rows(str(tmp_path), project, NONE, [], NOW + dt.timedelta(days=3))) == 0


def test_max_rows_keeps_the_newest(tmp_path: Path, base: pa.Table) -> None:
    write_labels(tmp_path, write_predictions(tmp_path, 10))
    project = insurance(retraining={"data": {"max_rows": 100}})
    grown = grow(base, _rows(tmp_path, project), project, LATER)
    assert grown.num_rows == 100
    assert grown["id"].to_pylist()[:90] == base["id"].to_pylist()[-90:]


def test_balance_evens_classes_and_leaves_the_judging_rows_alone(base: pa.Table) -> None:
    project = insurance(retraining={"data": {"balance": True}})
    none = NewRows(NONE, pa.array([], pa.timestamp("us")), pa.table({"id": NONE}))
    grown = grow(base, none, project, LATER)
    cutoff = pc.greater_equal(grown["Timestamp"], "2024-05-13")
    teaching, judging = grown.filter(pc.invert(cutoff)), grown.filter(cutoff)
    counts = {entry["values"]: entry["counts"] for entry in teaching["Result"].value_counts().to_pylist()}
    assert counts["0"] == counts["1"] > 1000
    assert judging.num_rows == base.filter(pc.greater_equal(base["Timestamp"], "2024-05-13")).num_rows
    assert grown == grow(base, none, project, LATER)


def test_a_group_that_requests_do_not_carry_is_named_with_the_way_out(tmp_path: Path) -> None:
    contract = insurance().contract.model_dump(mode="json", exclude_defaults=True)
    contract["columns"]["household"] = {"type": "string"}
    project = insurance(contract=contract, split={"by": "hash", "group": "household"})
    write_labels(tmp_path, write_predictions(tmp_path, 10))
    with pytest.raises(DataError, match=r"'household' is split\.group, which requests do not carry.*--trigger data"):
        _rows(tmp_path, project)


def test_a_time_split_moves_on_with_the_new_rows(tmp_path: Path) -> None:
    write_labels(tmp_path, write_predictions(tmp_path, 100))
    cutoff = next_cutoff(_rows(tmp_path), insurance())
    assert cutoff == (NOW + dt.timedelta(seconds=80)).replace(tzinfo=None)
    ahead = insurance(split={"by": "time", "cutoff": "2030-01-01T00:00:00"})
    assert next_cutoff(_rows(tmp_path), ahead) == dt.datetime(2030, 1, 1)
    assert next_cutoff(_rows(tmp_path), insurance(split={"by": "hash"})) is None
    assert next_cutoff(_rows(tmp_path / "empty"), insurance()) is None


def test_missing_values_are_spelt_as_the_project_reads_them(tmp_path: Path) -> None:
    table = pa.table({"a": pa.array(["1", None, "x;y"]), "b": pa.array(["", "ja", None])})
    data = Data(path="data/x.csv", missing=("?",), delimiter=";")
    write_raw(table, tmp_path / "x.csv", data)
    assert (tmp_path / "x.csv").read_text().splitlines()[2].startswith("?")
    assert read_raw(tmp_path / "x.csv", data)["a"].to_pylist() == ["1", None, "x;y"]


def test_typed_files_get_typed_rows(tmp_path: Path) -> None:
    write_labels(tmp_path, write_predictions(tmp_path, 10))
    base = stream(START, 20)
    grown = grow(base, _rows(tmp_path), insurance(), LATER)
    assert grown.schema == base.schema
    wrong = base.set_column(base.column_names.index("Gender"), "Gender", pa.array([1] * 20))
    with pytest.raises(DataError, match="'Gender': ledger rows do not fit the data file's int64"):
        grow(wrong, _rows(tmp_path), insurance(), LATER)
