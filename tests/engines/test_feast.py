"""A real feature store: what a model is trained on is what the server looks up, to the bit."""

import datetime as dt
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from components.pull.featurestore import JOINED
from components.pull.step import pull
from evenkeel.config import Project
from evenkeel.contract import check
from evenkeel.errors import DataError
from evenkeel.table import Columns, read_raw, to_columns
from serving.lookup import FeatureServer, StoreDoor
from tests.engines.store import HISTORY, NOW, TTL_DAYS, feature_server, make_project, make_store

pytest.importorskip("feast", reason="needs .evenkeel/engines: run tools/engines")
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:feast"),
]

PEOPLE = [*sorted({person for person, *_ in HISTORY}), "nobody"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a feature store."""
    root = tmp_path_factory.mktemp("workspace")
    make_store(root)
    return root


@pytest.fixture(scope="module")
def url(root: Path) -> Iterator[str]:
    with feature_server(root) as url:
        yield url


@pytest.fixture(autouse=True)
def _workspace(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENKEEL_WORKSPACE", str(root))
    monkeypatch.setenv("EVENKEEL_HOME", str(root / "home"))


def _line(person: str, days_ago: float) -> str:
    return f"{person},{(NOW - dt.timedelta(days=days_ago)).isoformat()},30,true\n"


def _pulled(project: Project, to: Path) -> Any:
    """What the pull stage writes, as the validate stage reads it."""
    assert pull(project, "", to) == project.data.version
    assert [path.name for path in to.iterdir()] == [JOINED]
    checked = check(read_raw(to, project.data), project.contract)
    assert checked.findings == ()
    return checked.table


def _rows(*lines: str) -> str:
    return "person,at,age,ill\n" + "".join(lines)


def test_training_and_serving_see_the_same(root: Path, url: str, tmp_path: Path) -> None:
    project = make_project(_rows(*(_line(person, 0) for person in PEOPLE)), root)
    offline = to_columns(_pulled(project, tmp_path / "out"), project.feature_columns)
    online = _looked_up(project, url)
    assert list(offline) == list(online)
    for name, values in offline.items():
        np.testing.assert_array_equal(values, online[name], err_msg=name)
    known = dict(zip(PEOPLE, offline["score"].tolist(), strict=True))
    assert known["ann"] == 2.5
    assert known["dan"] == 0.1 + 0.2
    assert offline["visits_before"][PEOPLE.index("dan")] == 2.0**53 - 1
    assert np.isnan([known["bob"], known["cid"], known["nobody"]]).all(), "null, too old, unknown"


def _looked_up(project: Project, url: str) -> Columns:
    feast = project.features.feast
    assert feast is not None
    with closing(FeatureServer(url, CollectorRegistry())) as server:
        door = StoreDoor(project, feast, server)
        return dict(door.records([{"person": person, "age": 30} for person in PEOPLE]).columns)


def test_without_an_age_limit_the_server_would_answer_what_training_never_saw(root: Path, url: str) -> None:
    """Why max_age_hours is there: Feast's server gives values beyond the ttl."""
    old = _looked_up(make_project(max_age_hours=None), url)["score"][PEOPLE.index("cid")]
    assert old == 4.0


def test_a_row_gets_what_was_known_at_its_time(root: Path, tmp_path: Path) -> None:
    days = [0, 100, 101, 299, 301, TTL_DAYS + 299, 301]
    project = make_project(_rows(*(_line("ann", ago) for ago in days)), root)
    table = _pulled(project, tmp_path / "out")
    assert table["visits_before"].to_pylist() == [2, 2, 1, 1, None, None, None]
    assert table["plan"].to_pylist() == ["full", "full", "basic", "basic", None, None, None]


def test_rows_keep_their_order_and_number_with_or_without_a_key(root: Path, tmp_path: Path) -> None:
    lines = [_line("dan", 0), ",2026-01-01,31,false\n", "ann,,32,true\n", _line("ann", 0), _line("dan", 0)]
    project = make_project(_rows(*lines), root)
    table = _pulled(project, tmp_path / "out")
    assert table["person"].to_pylist() == ["dan", None, "ann", "ann", "dan"]
    assert table["age"].to_pylist() == [30, 31, 32, 30, 30]
    assert table["plan"].to_pylist() == ["basic", None, None, "full", "basic"]


@pytest.mark.parametrize(
    ("feast", "told"),
    [
        ({"columns": ["score", "plan"]}, "gives plan, score, smoker, visits_before; features.feast.columns names"),
        ({"max_age_hours": None}, "has a ttl of 9600 hours: say features.feast.max_age_hours: 9600"),
        ({"max_age_hours": 24}, "has a ttl of 9600 hours"),
        ({"service": "people_v2"}, "FeatureServiceNotFound"),
        ({"repo": "elsewhere"}, "Feast in elsewhere cannot join people_v1"),
    ],
)
def test_a_store_that_is_not_what_the_project_says(
    feast: dict[str, Any], told: str, root: Path, tmp_path: Path
) -> None:
    project = make_project(_rows(_line("ann", 0)), root, **feast)
    with pytest.raises(DataError, match=told):
        pull(project, "", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_column_that_is_in_both_is_named(root: Path, tmp_path: Path) -> None:
    project = make_project("person,at,age,ill,score\nann,2026-01-01,30,true,1\n", root)
    with pytest.raises(DataError, match=r"has the column 'score', and features.feast.columns too"):
        pull(project, "", tmp_path / "out")
