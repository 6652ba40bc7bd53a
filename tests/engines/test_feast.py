"""Training with a real feature store: each row gets what was known at its time (test_online has what servers get)."""

import datetime as dt
import traceback
from pathlib import Path
from typing import Any

import pytest

from components.pull.featurestore import JOINED
from components.pull.step import pull
from evenkeel.config import Project
from evenkeel.contract import check
from evenkeel.errors import DataError
from evenkeel.table import read_raw
from tests.engines.store import NOW, TTL_DAYS, make_project, make_store

pytest.importorskip("feast", reason="needs .evenkeel/engines: run tools/engines")
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:feast"),
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a feature store."""
    root = tmp_path_factory.mktemp("workspace")
    make_store(root)
    return root


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


def test_a_store_that_cannot_be_configured_is_said_without_its_password(root: Path, tmp_path: Path) -> None:
    (root / "wrong").mkdir()
    (root / "wrong" / "feature_store.yaml").write_text(
        "project: people\nprovider: local\nregistry: registry.db\nentity_key_serialization_version: 3\n"
        "online_store: {type: redis, conection_string: 'redis:6379,password=hunter2'}\n"
    )
    project = make_project(_rows(_line("ann", 0)), root, repo="wrong")
    with pytest.raises(DataError, match=r"(?s)wrong/feature_store.yaml.*conection_string.*Extra inputs") as caught:
        pull(project, "", tmp_path / "out")
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
