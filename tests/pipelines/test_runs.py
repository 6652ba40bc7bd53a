"""Which folders of runs stay: the ones used last, and any that somebody may still be reading."""

import datetime as dt
import os
from pathlib import Path

import pytest
from kfp import dsl

from pipelines.runs import KEPT, REST, mark_used, new_folder, prune

NOW = dt.datetime(2026, 11, 21, 12, 0, tzinfo=dt.UTC)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three more than are kept, a day and some minutes old; the first is the oldest."""
    for number in range(KEPT + 3):
        folder = tmp_path / f"20261101-{number:06d}-abcd"
        (folder / "train").mkdir(parents=True)
        (folder / "train" / "model").write_text("x")
        used = (NOW - REST - dt.timedelta(minutes=KEPT + 3 - number)).timestamp()
        os.utime(folder, (used, used))
    return tmp_path


def names(runs: Path) -> list[int]:
    return [int(folder.name.split("-")[1]) for folder in sorted(runs.iterdir())]


def test_those_used_last_stay(runs: Path) -> None:
    prune(runs, NOW)
    assert names(runs) == list(range(3, KEPT + 3))
    prune(runs, NOW)
    assert len(names(runs)) == KEPT


def test_a_folder_whose_outputs_a_cached_run_used_stays(runs: Path) -> None:
    oldest = runs / "20261101-000000-abcd"
    elsewhere = dsl.Model(uri="/elsewhere/model")
    outputs = {"train": {"model": dsl.Model(uri=str(oldest / "train" / "model")), "Output": "1"}, "x": {"y": elsewhere}}
    mark_used(runs, outputs, NOW)
    prune(runs, NOW)
    assert names(runs) == [0, *range(4, KEPT + 3)]


def test_what_was_used_within_a_day_stays_however_many_there_are(runs: Path) -> None:
    prune(runs, NOW - dt.timedelta(minutes=KEPT + 4))
    assert len(names(runs)) == KEPT + 3


def test_what_a_killed_run_left_half_deleted_goes(runs: Path) -> None:
    (runs / "20261101-000022-abcd").rename(runs / "20261101-000022-abcd.going")
    prune(runs, NOW)
    assert not list(runs.glob("*.going"))


def test_new_folders_are_ones_own_and_sort_by_time(tmp_path: Path) -> None:
    made = [new_folder(tmp_path, NOW), new_folder(tmp_path, NOW), new_folder(tmp_path, NOW + dt.timedelta(seconds=1))]
    assert len({*made}) == 3
    assert max(made) == made[2]
