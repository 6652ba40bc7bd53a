"""Windows of the ledger: what is counted, of whom, and that its files' order and number do not matter."""

import datetime as dt
import itertools
import random
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evenkeel.bundle import Bundle
from evenkeel.errors import StorageError
from evenkeel.ledger import FEATURE
from monitoring import window as module
from monitoring.check import judge, read
from monitoring.result import WindowResult
from monitoring.window import Span, count_rows, read_sample
from tests.monitoring.flats import HOUR, ROWS, START, Flats, draw
from tests.monitoring.flats import bundle as bundle
from tests.monitoring.flats import flats as flats

FIRST = Span(START, START + HOUR)


def test_a_window_is_the_rows_of_its_time_and_its_version(flats: Flats) -> None:
    flats.serve(draw(ROWS, 3), START)
    flats.serve(draw(50, 4), START, version="2")
    flats.serve(draw(60, 5), START + HOUR)
    window = read(flats.watched(), FIRST)
    assert window.rows == ROWS
    assert {profile.rows for profile in window.profiles.features.values()} == {ROWS}
    assert read(flats.watched("2"), FIRST).rows == 50


def test_what_is_sensitive_and_time_is_not_watched(flats: Flats) -> None:
    flats.serve(draw(ROWS, 3), START)
    window = read(flats.watched(), FIRST)
    assert set(window.profiles.features) == {"size", "rooms", "heating", "garden", "about"}
    about = flats.watched()
    sample = read_sample(str(flats.ledger), about.project, "1", about.reference, FIRST, 100)
    assert set(sample.column_names) == set(window.profiles.features)
    assert 50 < sample.num_rows <= 100


def test_profiles_are_those_of_the_rows(flats: Flats) -> None:
    table = draw(ROWS, 3, lost=0.2)
    flats.serve(table, START)
    profiles = read(flats.watched(), FIRST).profiles
    size = table["size"].drop_null().to_numpy()
    assert profiles.features["size"].missing == ROWS - len(size)
    assert (profiles.features["size"].low, profiles.features["size"].high) == (size.min(), size.max())  # type: ignore[union-attr]
    heating = profiles.features["heating"]
    assert dict(zip(heating.values, heating.counts.tolist(), strict=False)) == {  # type: ignore[union-attr]
        row["values"]: row["counts"] for row in table["heating"].value_counts().to_pylist()
    }


def test_a_feature_that_the_ledger_lacks_is_all_missing(flats: Flats) -> None:
    flats.serve(draw(ROWS, 3), START)
    for path in flats.ledger.rglob("*.parquet"):
        pq.write_table(pq.read_table(path).drop_columns([FEATURE + "size", FEATURE + "heating"]), path)
    features = read(flats.watched(), FIRST).profiles.features
    assert (features["size"].missing, features["heating"].missing, features["rooms"].missing) == (ROWS, ROWS, 0)


def test_the_latest_label_of_an_answer_counts_and_labels_of_strangers_do_not(flats: Flats) -> None:
    table = draw(ROWS, 3)
    ids = flats.serve(table, START)
    dear = table["dear"].to_numpy(zero_copy_only=False)
    flats.label(ids[:100], ~dear[:100], START + HOUR)
    flats.label(ids[:80], dear[:80], START + 2 * HOUR)
    flats.label(["nobody-0"], dear[:1], START + HOUR)
    window = read(flats.watched(), FIRST)
    assert len(window.labelled.truth) == 100
    assert window.coverage == 0.25
    expected = np.concatenate([dear[:80], ~dear[80:100]]).astype(int)
    assert window.labelled.truth.tolist() == expected.tolist()
    assert np.median(window.labelled.delays) == pytest.approx(2 * 3600, rel=0.1)


def test_an_empty_window_has_no_rows(flats: Flats) -> None:
    window = read(flats.watched(), FIRST)
    assert (window.rows, window.coverage, len(window.prediction.values)) == (0, 0.0, 0)


def test_rows_are_counted_by_window(flats: Flats) -> None:
    flats.serve(draw(30, 3), START)
    flats.serve(draw(20, 4), START + 2 * HOUR)
    flats.serve(draw(9, 5), START, version="2")
    assert count_rows(str(flats.ledger), "flats", "1", START, HOUR, 4) == [30, 0, 20, 0]
    assert count_rows(str(flats.ledger), "flats", "1", START, HOUR, 0) == []


def test_a_file_that_is_not_parquet_is_named(flats: Flats) -> None:
    flats.serve(draw(ROWS, 3), START)
    path = next(flats.ledger.rglob("*.parquet"))
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(StorageError, match=path.name):
        read(flats.watched(), FIRST)


@pytest.mark.parametrize("rows", [5, 1000, 1001, 1003])
@pytest.mark.parametrize("parts", [1, 7])
def test_of_too_many_answers_an_even_share_is_kept(
    flats: Flats, monkeypatch: pytest.MonkeyPatch, rows: int, parts: int
) -> None:
    monkeypatch.setattr(module, "MOST_ANSWERS", 100)
    table = draw(rows, 3)
    ids = flats.serve(table, START, files=parts)
    flats.label(ids, table["dear"].to_numpy(zero_copy_only=False), START + HOUR)
    window = read(flats.watched(), FIRST)
    kept = len(window.prediction.values)
    assert window.rows == rows
    pace = 1 if rows == 5 else 16
    assert kept == -(-rows // pace)
    assert window.coverage == 1


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, bundle: Bundle) -> WindowResult:
    return _judged(Flats(tmp_path_factory.mktemp("whole"), bundle), [ROWS])


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, ROWS - 1), max_size=5, unique=True), order=st.randoms(use_true_random=False))
def test_files_in_any_number_and_order_give_the_same_result(
    whole: WindowResult, bundle: Bundle, tmp_path_factory: pytest.TempPathFactory, cuts: list[int], order: random.Random
) -> None:
    edges = [0, *sorted(cuts), ROWS]
    sizes = [after - before for before, after in itertools.pairwise(edges)]
    flats = Flats(tmp_path_factory.mktemp("parts"), bundle)
    assert _judged(flats, sizes, order) == whole


def _judged(flats: Flats, sizes: list[int], order: "random.Random | None" = None) -> WindowResult:
    """The window of the same rows in files of these sizes, read in another order; figures to 9 digits."""
    table = draw(ROWS, 3, larger=0.3, lost=0.1)
    ids = flats.serve(table, START)
    flats.label(ids[::2], table["dear"].to_numpy(zero_copy_only=False)[::2], START + HOUR)
    _recut(flats.ledger, sizes, order)
    watched = flats.watched()
    result = judge(watched, read(watched, FIRST), [], START + 2 * HOUR)
    return WindowResult.model_validate(_rounded(result.model_dump()))


def _recut(ledger: Path, sizes: list[int], order: "random.Random | None") -> None:
    (path,) = (ledger / "predictions").rglob("*.parquet")
    table = pq.read_table(path)
    path.unlink()
    names = [f"{number}.parquet" for number in range(len(sizes))]
    if order:
        order.shuffle(names)
    start = 0
    for name, rows in zip(names, sizes, strict=True):
        pq.write_table(table.slice(start, int(rows)), path.with_name(name))
        start += int(rows)


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    return round(value, 9) if isinstance(value, float) else value


def test_moments_are_utc(flats: Flats) -> None:
    zone = dt.timezone(dt.timedelta(hours=5))
    flats.serve(draw(30, 3), START)
    there = START.astimezone(zone)
    assert read(flats.watched(), Span(there, there + HOUR)).rows == 30
