"""Real online stores behind a real Feast server: what is looked up is what training saw, or is said to be missing."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from components.pull.step import pull
from evenkeel.config import Project
from evenkeel.contract import check
from evenkeel.table import Columns, read_raw, to_columns
from serving.lookup import FeatureServer, StoreDoor, read_answer
from serving.problem import RefusedError
from tests.engines.online import SECRET, STORES, Online, Redis
from tests.engines.store import HISTORY, NOW, feature_server, make_project, make_store
from tests.serving.bundles import make_bundle
from tests.serving.running import Running, start, wait_until

pytest.importorskip("feast", reason="needs .evenkeel/engines: run tools/engines")
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:feast"),
]

PEOPLE = [*sorted({person for person, *_ in HISTORY}), "nobody"]
ANN = {"score": 2.5, "visits_before": 2, "plan": "full", "smoker": False}
AGE = {"age": 30}


@pytest.fixture(scope="module", params=STORES)
def online(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Online]:
    store = STORES[request.param](tmp_path_factory.mktemp(request.param))
    store.start()
    with pytest.MonkeyPatch.context() as environment:
        for name, value in store.environment.items():
            environment.setenv(name, value)
        yield store
    store.stop()


@pytest.fixture(scope="module")
def root(online: Online, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose feature store is online there."""
    root = tmp_path_factory.mktemp("workspace")
    make_store(root, online.described)
    return root


@pytest.fixture(scope="module")
def url(root: Path) -> Iterator[str]:
    with feature_server(root) as url:
        yield url


@pytest.fixture(autouse=True)
def _workspace(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENKEEL_WORKSPACE", str(root))
    monkeypatch.setenv("EVENKEEL_HOME", str(root / "home"))


def _project(root: Path) -> Project:
    """Everybody, as of now; every other one is ill."""
    lines = [f"{person},{NOW.isoformat()},30,{number % 2}\n" for number, person in enumerate(PEOPLE)]
    return make_project("person,at,age,ill\n" + "".join(lines), root)


def _trained_on(project: Project, to: Path) -> Any:
    """The rows that the pull stage joins, as the validate stage types them."""
    pull(project, "", to)
    checked = check(read_raw(to, project.data), project.contract)
    assert checked.findings == ()
    return checked.table


def _looked_up(project: Project, url: str) -> Columns:
    feast = project.features.feast
    assert feast is not None
    with closing(FeatureServer(url, CollectorRegistry())) as server:
        door = StoreDoor(project, feast, server)
        return dict(door.records([{"person": person, **AGE} for person in PEOPLE]).columns)


def test_training_and_serving_see_the_same(root: Path, url: str, tmp_path: Path) -> None:
    project = _project(root)
    offline = to_columns(_trained_on(project, tmp_path / "out"), project.feature_columns)
    online = _looked_up(project, url)
    assert list(offline) == list(online)
    for name, values in offline.items():
        np.testing.assert_array_equal(values, online[name], err_msg=name)
    known = dict(zip(PEOPLE, offline["score"].tolist(), strict=True))
    assert known["ann"] == 2.5
    assert known["dan"] == 0.1 + 0.2
    assert offline["visits_before"][PEOPLE.index("dan")] == 2.0**53 - 1
    assert np.isnan([known["bob"], known["cid"], known["nobody"]]).all(), "null, too old, unknown"


def test_without_an_age_limit_the_server_would_answer_what_training_never_saw(url: str) -> None:
    """Why max_age_hours is there: Feast's server gives values beyond the ttl."""
    feast = make_project(max_age_hours=None).features.feast
    assert feast is not None
    question = {"feature_service": feast.service, "entities": {"person": PEOPLE}}
    answer = httpx.post(f"{url}/get-online-features", json=question, timeout=20).json()
    columns, missing = read_answer(answer, feast, NOW)
    assert columns["score"][PEOPLE.index("cid")] == 4.0
    assert missing == 1, "nobody; Feast says PRESENT of it where the store is Redis"


@pytest.fixture
def server(root: Path, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """A model server, its model fitted on what Feast gave for training."""
    project = _project(root)
    bundle = make_bundle(tmp_path / "bundle", project, table=_trained_on(project, tmp_path / "out"))
    monkeypatch.setenv("EVENKEEL_FEAST_URL", url)
    server = start(tmp_path, "--bundle", str(bundle.folder), "--ledger", "none", ready=True)
    yield server
    server.kill()


def _predict(server: Running, row: dict[str, Any]) -> httpx.Response:
    return httpx.post(f"{server.url}/predict", json={"rows": [row]}, timeout=20)


@pytest.mark.parametrize("online", ["redis", "dynamodb"], indirect=True)
def test_a_server_outlives_its_store(online: Online, server: Running, root: Path) -> None:
    by_key, whole = {"person": "ann", **AGE}, {**ANN, **AGE}
    before = _predict(server, by_key).json()["predictions"][0]["probabilities"]
    assert before == _predict(server, whole).json()["predictions"][0]["probabilities"]

    online.stop()
    asked = time.monotonic()
    refused = _predict(server, by_key)
    assert time.monotonic() - asked < 8
    assert refused.status_code == 503
    assert refused.json()["error"]["code"] == "features"
    assert "feature service people_v1 does not answer" in refused.text
    assert refused.headers["retry-after"] == "1"
    assert _predict(server, whole).status_code == 200, "whole rows need no store"
    assert httpx.get(f"{server.url}/readyz").status_code == 200, "so it stays ready"

    online.start()
    wait_until(lambda: _predict(server, by_key).status_code == 200, 30, server.log.read_text)
    assert _predict(server, by_key).json()["predictions"][0]["probabilities"] == before
    said = httpx.get(f"{server.url}/metrics").text + refused.text + server.log.read_text()
    assert SECRET not in said + (root / "feast.log").read_text()


def test_what_a_real_server_says_of_itself_is_answered(server: Running) -> None:
    document = httpx.get(f"{server.url}/openapi.json").json()
    assert list(document["components"]["schemas"]["Row"]["properties"]) == ["person", "age"]
    for path in ("/predict", "/v1/models/people:predict", "/v2/models/people/infer"):
        example = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["example"]
        assert httpx.post(server.url + path, json=example).status_code == 200
    assert server.metric('ml_feature_lookup_rows_total{outcome="found"}') == 3


@pytest.mark.parametrize("online", ["redis"], indirect=True)
def test_a_redis_that_hangs_is_not_waited_for(online: Redis, url: str) -> None:
    """Feast itself would wait for ever."""
    feast = make_project().features.feast
    assert feast is not None
    with closing(FeatureServer(url, CollectorRegistry())) as server:
        assert server.ask(feast, {"person": ["ann"]})["score"] == [2.5]
        online.hang()
        asked = time.monotonic()
        with pytest.raises(RefusedError, match="people_v1 does not answer"):
            server.ask(feast, {"person": ["ann"]})
        assert time.monotonic() - asked < 8
        online.go_on()
        assert server.ask(feast, {"person": ["ann"]})["score"] == [2.5]
