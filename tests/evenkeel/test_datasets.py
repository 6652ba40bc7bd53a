"""Bundled data is the same bytes everywhere, keeps its contract, gives no answer away; its truth is what it says."""

import csv
import datetime as dt
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from evenkeel.config import load_project
from evenkeel.datasets import DATASETS, insurance, make_dataset, reviews
from evenkeel.datasets.insurance import BROKEN_COLUMNS, COVARIATE_COLUMNS, START, Drift, stream
from evenkeel.datasets.source import package_file
from evenkeel.digest import data_version
from evenkeel.errors import DataError
from evenkeel.versions import read_pointer

PROJECTS = ["visits", "visits-count", "tumours", "wine", "insurance", "reviews"]
PER_ROW = ("id", "Timestamp", "Result")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with all bundled data."""
    root = tmp_path_factory.mktemp("workspace")
    for name in DATASETS:
        make_dataset(name, root / name)
    return root


@pytest.mark.parametrize("name", DATASETS)
def test_bytes_are_what_the_committed_pointer_says(name: str, made: Path, repository: Path) -> None:
    assert data_version(made / name) == read_pointer(repository / f"{name}.dvc")


@pytest.mark.parametrize("name", DATASETS)
def test_made_twice_in_another_process_is_the_same(name: str, made: Path, tmp_path: Path, repository: Path) -> None:
    code = "import sys; from evenkeel.datasets import *; make_dataset(sys.argv[1], Path(sys.argv[2], 'x'))"
    command = [sys.executable, "-c", code, name, str(tmp_path)]
    subprocess.run(command, check=True, cwd=repository, env={"PYTHONHASHSEED": "5"})
    assert (tmp_path / "x").read_bytes() == (made / name).read_bytes()


@pytest.mark.parametrize("project", PROJECTS)
def test_columns_are_the_contracts(project: str, made: Path, repository: Path) -> None:
    conf = load_project(repository / "conf" / f"{project}.yaml")
    path = made / conf.data.path
    columns = pq.read_schema(path).names if path.suffix == ".parquet" else next(csv.reader(_lines(path)))
    assert columns == list(conf.contract.columns)


@pytest.mark.parametrize("project", PROJECTS)
def test_values_keep_the_contract(project: str, made: Path, repository: Path) -> None:
    from evenkeel.contract import check
    from evenkeel.table import read_raw

    conf = load_project(repository / "conf" / f"{project}.yaml")
    checked = check(read_raw(made / conf.data.path, conf.data), conf.contract)
    assert [finding.message for finding in checked.findings if finding.count] == []


def test_visits_are_20190_person_years_and_hold_nothing_of_the_year_itself(made: Path) -> None:
    rows = list(csv.DictReader(_lines(made / "data/visits.csv")))
    counts = list(csv.DictReader(_lines(made / "data/visits-count.csv")))
    assert len(rows) == len(counts) == 20_190
    assert len({row["person"] for row in rows}) == 5_912
    assert len({row["record"] for row in rows}) == 20_190
    assert [row["visited"] == "true" for row in rows] == [int(row["visits"]) > 0 for row in counts]
    assert "visits" not in rows[0]
    assert Counter(row["physical_limitation"] for row in rows)[""] == 1_052  # the source holds means here


def test_the_package_is_not_imported(repository: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from evenkeel.datasets import make_dataset;"
        f"make_dataset('data/visits.csv', Path({str(tmp_path)!r}, 'v'));"
        "sys.exit(bool({'statsmodels', 'pandas', 'sklearn', 'pyarrow'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=repository)


def test_unknown_names_and_absent_packages_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"not a bundled dataset; these are: data/visits\.csv"):
        make_dataset("data/visit.csv", tmp_path / "x")
    with pytest.raises(DataError, match="not installed"):
        package_file("no_such_package", "x.csv")
    with pytest.raises(DataError, match=r"requirements\.lock"):
        package_file("evenkeel", "x.csv")
    assert list(tmp_path.iterdir()) == []


def test_reviews_differ_and_lie_as_often_as_stated() -> None:
    rows = reviews.corpus(3_000, seed=3)
    assert len({text for text, _ in rows}) == 3_000
    happy = ("recommended", "Go and see", "watch it again", "8/10")
    sad = ("Save your money", "Avoid", "evening back", "3/10")
    told = [(label, any(word in text for word in happy)) for text, label in rows if any(w in text for w in happy + sad)]
    wrong = np.mean([(label == "positive") != praises for label, praises in told])
    assert wrong == pytest.approx(reviews.WRONG_LABELS, abs=0.02)


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _share(table: pa.Table, name: str, value: object) -> float:
    return float(pc.mean(pc.cast(pc.fill_null(pc.equal(table[name], value), False), pa.float64())).as_py())


def _rate(table: pa.Table) -> float:
    return float(pc.mean(table["Result"]).as_py())


def _distance(one: pa.Table, other: pa.Table, name: str) -> float:
    """Largest gap between two columns' distribution functions, missing as a value of its own."""
    texts = pa.types.is_string(one[name].type)
    a, b = (np.array(pc.fill_null(table[name], "" if texts else -1).to_pylist()) for table in (one, other))
    values = np.unique(np.concatenate([a, b]))
    return max(abs(float(np.mean(a <= value)) - float(np.mean(b <= value))) for value in values)


def _features(table: pa.Table) -> list[str]:
    return [name for name in table.column_names if name not in PER_ROW]


@pytest.fixture(scope="module")
def calm() -> pa.Table:
    return stream(START, 8_000, seed=1)


def test_a_stream_is_a_function_of_its_arguments(calm: pa.Table) -> None:
    assert stream(START, 8_000, seed=1).equals(calm)
    assert not stream(START, 8_000, seed=2).equals(calm)


def test_parts_of_a_stream_share_no_ids_and_differ(calm: pa.Table) -> None:
    later = stream(START + 8_000 * insurance.EVERY, 8_000, seed=1)
    assert not set(calm["id"].to_pylist()) & set(later["id"].to_pylist())
    assert calm["Age"] != later["Age"]
    assert later["Timestamp"][0].as_py() - calm["Timestamp"][-1].as_py() == insurance.EVERY


def test_a_stream_can_begin_before_the_file_and_be_dense() -> None:
    table = stream(START - dt.timedelta(days=1), 100, every=dt.timedelta(seconds=1))
    assert table["Timestamp"][99].as_py() == START - dt.timedelta(days=1) + dt.timedelta(seconds=99)
    assert len(set(table["id"].to_pylist())) == 100


def test_without_drift_an_eighth_is_interested(calm: pa.Table) -> None:
    assert _rate(calm) == pytest.approx(insurance.RATE, abs=0.015)
    assert calm["PastAccident"].null_count > 500
    other = stream(START, 8_000, seed=2)
    assert max(_distance(calm, other, name) for name in _features(calm)) < 0.03


def test_covariate_drift_moves_its_columns_and_no_other(calm: pa.Table) -> None:
    drifted = stream(START, 8_000, seed=2, drift=Drift(covariate=1))
    moved = {name for name in _features(calm) if _distance(calm, drifted, name) > 0.05}
    assert moved == set(COVARIATE_COLUMNS)


def test_prior_drift_moves_the_rate_and_no_column_within_a_result(calm: pa.Table) -> None:
    drifted = stream(START, 8_000, seed=2, drift=Drift(prior=1))
    assert _rate(drifted) == pytest.approx(insurance.PRIOR_RATE, abs=0.02)
    for result in (0, 1):
        one, other = (table.filter(pc.equal(table["Result"], result)) for table in (calm, drifted))
        assert max(_distance(one, other, name) for name in _features(calm)) < 0.07


def test_concept_drift_moves_no_column_but_what_they_mean(calm: pa.Table) -> None:
    drifted = stream(START, 8_000, seed=2, drift=Drift(concept=1))
    assert max(_distance(calm, drifted, name) for name in _features(calm)) < 0.03
    rates = [_rate(table.filter(pc.equal(table["Switch"], 1))) for table in (calm, drifted)]
    assert rates[0] < 0.05
    assert rates[1] > 0.2


def test_breakage_breaks_the_stated_share_of_its_columns() -> None:
    whole, broken = (stream(START, 8_000, drift=Drift(breakage=share)) for share in (0.0, 0.3))
    changed = {name for name in whole.column_names if whole[name] != broken[name]}
    assert changed == set(BROKEN_COLUMNS)
    assert _share(broken, "VehicleAge", "1-2 yrs") == pytest.approx(0.1, abs=0.02)
    assert broken["Age"].null_count / 8_000 == pytest.approx(0.1, abs=0.02)
    premiums = pc.max(broken["AnnualPremium"]).as_py()
    assert premiums > 500_000  # above the contract's limit: cents where it says pounds


def test_the_truth_is_the_chance_of_the_result() -> None:
    """Rows whose chance is known to be p are positive with frequency p, in every tenth of p (no missing values)."""
    table = stream(START, 60_000)
    complete = table.drop_null()
    codes = {"VehicleAge": insurance.VEHICLE_AGES, "SalesChannelID": insurance.CHANNELS, "PastAccident": ("No", "Yes")}
    columns = {
        name: np.array([codes[name].index(v) for v in complete[name].to_pylist()])
        if name in codes
        else complete[name].to_numpy()
        for name in ("Age", "Switch", "HasDrivingLicense", *codes)
    }
    chance = insurance.chance(columns)
    results = complete["Result"].to_numpy()
    for part in np.array_split(np.argsort(chance), 10):
        tolerance = 4 * float(np.sqrt(chance[part].mean() / len(part)))
        assert results[part].mean() == pytest.approx(chance[part].mean(), abs=tolerance)


@pytest.mark.parametrize("strength", [-0.1, 1.1])
def test_strengths_are_shares(strength: float) -> None:
    with pytest.raises(ValueError, match="must be from 0 to 1"):
        Drift(prior=strength)
