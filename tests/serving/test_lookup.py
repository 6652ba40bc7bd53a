"""Features by key: what a row lacks is looked up, what cannot be found is missing, and nothing else changes."""

import asyncio
import datetime as dt
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from evenkeel.bundle import Bundle
from evenkeel.config import Project
from evenkeel.errors import SettingsError
from serving.app import create_app
from serving.lookup import FeatureServer, with_store
from serving.metrics import Metrics
from serving.model import Slot, load_model
from tests.serving.bundles import make_bundle, make_project, make_rows
from tests.serving.feature_server import FakeFeast, serving
from tests.serving.running import Asked, Running

ROW = {**make_rows(1)[0], "income": 20000.0, "height": 171.5}
KEYS = {name: value for name, value in ROW.items() if name not in ("income", "height")} | {"person": "ann"}
ANN = {"income": ROW["income"], "height": ROW["height"]}


def feast_project(**feast: Any) -> Project:
    described = make_project().model_dump(mode="json")
    described["data"]["time"] = "since"
    described["features"]["feast"] = {
        "repo": "features",
        "service": "people_v1",
        "entities": {"person": "person"},
        "columns": ["income", "height"],
        **feast,
    }
    return Project.model_validate(described)


@pytest.fixture(scope="module")
def fed(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle whose project takes two columns from Feast."""
    return make_bundle(tmp_path_factory.mktemp("fed") / "bundle", feast_project())


@pytest.fixture
def feast() -> Iterator[FakeFeast]:
    with serving(FakeFeast({"ann": ANN, "bob": {"income": None, "height": 180}})) as server:
        yield server


@pytest.fixture
def store(metrics: Metrics, feast: FakeFeast) -> Iterator[FeatureServer]:
    with closing(FeatureServer(feast.url, metrics.registry)) as server:
        yield server


@pytest.fixture
def looking(fed: Bundle, metrics: Metrics, store: FeatureServer) -> Asked:
    slot = Slot()
    slot.model = with_store(store, load_model(fed.folder, version="7"))
    return Asked(create_app(slot, metrics))


def said(answer: httpx.Response) -> list[Any]:
    """The probabilities of each row."""
    assert answer.status_code == 200, answer.text
    return [row["probabilities"] for row in answer.json()["predictions"]]


def answer(bundle: Bundle, feast: FakeFeast, metrics: Metrics, **body: Any) -> httpx.Response:
    """The answer of a server of this bundle that looks up there."""
    with closing(FeatureServer(feast.url, metrics.registry)) as store:
        slot = Slot()
        slot.model = with_store(store, load_model(bundle.folder))
        return Asked(create_app(slot, metrics)).post("/predict", body)


def rows(metrics: Metrics, outcome: str) -> float | None:
    return metrics.registry.get_sample_value("ml_feature_lookup_rows_total", {"outcome": outcome})


def test_a_key_is_answered_as_the_features_are(looking: Asked, feast: FakeFeast, metrics: Metrics) -> None:
    by_key, whole = (looking.post("/predict", {"rows": [row]}) for row in (KEYS, ROW))
    assert said(by_key) == said(whole)
    question = {"feature_service": "people_v1", "entities": {"person": ["ann"]}}
    assert feast.asked == [("/get-online-features", question)], "a row that has its features is not looked up"
    assert (rows(metrics, "found"), rows(metrics, "missing")) == (1, 0)


def test_every_protocol_looks_up(looking: Asked) -> None:
    columns = {name: [value] for name, value in KEYS.items()}
    asked = [
        looking.post("/predict", {"columns": columns}),
        looking.post("/v1/models/people:predict", {"instances": [KEYS]}),
        looking.post("/predict", {"rows": [ROW]}),
    ]
    first, second, whole = map(said, asked)
    assert first == second == whole
    types = {"age": "INT64", "weight": "FP64", "smoker": "BOOL", "floor": "INT64"}
    inputs = [
        {"name": name, "datatype": types.get(name, "BYTES"), "shape": [1], "data": [value]}
        for name, value in KEYS.items()
    ]
    third = looking.post("/v2/models/people/infer", {"inputs": inputs}).json()
    by_name = {output["name"]: output["data"] for output in third["outputs"]}
    assert by_name["probabilities"] == pytest.approx(list(whole[0].values()), rel=1e-12)


def test_only_rows_that_lack_features_are_looked_up(looking: Asked, feast: FakeFeast) -> None:
    mixed = said(looking.post("/predict", {"rows": [ROW, KEYS, {**KEYS, "height": 171.5}]}))
    assert mixed[0] == mixed[1] == mixed[2]
    assert feast.asked[0][1]["entities"] == {"person": ["ann", "ann"]}
    assert said(looking.post("/predict", {"rows": [{**KEYS, "height": 150.0}]})) != [mixed[0]], "what is sent counts"


def test_what_the_store_does_not_have_is_missing_by_the_contract(looking: Asked, metrics: Metrics) -> None:
    """income may be missing, height warns: as in a request that sends null."""
    unknown = looking.post("/predict", {"rows": [{**KEYS, "person": "nobody"}]})
    null = looking.post("/predict", {"rows": [{**ROW, "income": None, "height": None}]})
    assert said(unknown) == said(null)
    assert unknown.json()["warnings"] == null.json()["warnings"]
    assert looking.post("/predict", {"rows": [{**KEYS, "person": "bob"}]}).status_code == 200
    assert (rows(metrics, "found"), rows(metrics, "missing")) == (1, 1), "a null that the store has is found"


def test_a_missing_feature_that_is_required_is_refused(tmp_path: Path, metrics: Metrics) -> None:
    bundle = make_bundle(tmp_path / "bundle", feast_project(columns=["age"]))
    row = {name: value for name, value in ROW.items() if name != "age"}
    with serving(FakeFeast({}, features=("age",))) as feast:
        refused = answer(bundle, feast, metrics, rows=[{**row, "person": "nobody"}])
    assert refused.status_code == 422
    (problem,) = refused.json()["error"]["problems"]
    assert (problem["rule"], problem["column"], problem["row"]) == ("nullable", "age", 0)
    assert problem["message"] == "age is not known for this key, or too old; send it"


def test_a_null_that_was_sent_is_told_from_one_of_the_store(tmp_path: Path, metrics: Metrics) -> None:
    bundle = make_bundle(tmp_path / "bundle", feast_project(columns=["age", "smoker"]))
    sent = {name: value for name, value in ROW.items() if name != "age"} | {"person": "nobody", "smoker": None}
    with serving(FakeFeast({}, features=("age", "smoker"))) as feast:
        by_row = answer(bundle, feast, metrics, rows=[sent])
        columns = {name: [value] for name, value in sent.items()}
        by_column = answer(bundle, feast, Metrics(CollectorRegistry()), columns=columns)
    for refused in (by_row, by_column):
        told = {problem["column"]: problem["message"] for problem in refused.json()["error"]["problems"]}
        assert told == {
            "age": "age is not known for this key, or too old; send it",
            "smoker": "smoker must not be null",
        }


def test_a_store_that_says_present_of_what_it_does_not_have(looking: Asked, feast: FakeFeast, metrics: Metrics) -> None:
    """As Feast does with Redis: null, of the year 1970."""
    feast.unknown = "PRESENT"
    assert looking.post("/predict", {"rows": [{**KEYS, "person": "nobody"}]}).status_code == 200
    assert (rows(metrics, "found"), rows(metrics, "missing")) == (0, 1)


@pytest.mark.parametrize(("age", "missing"), [(1, 0), (3, 1)])
def test_what_is_too_old_is_missing(age: int, missing: int, tmp_path: Path, metrics: Metrics) -> None:
    bundle = make_bundle(tmp_path / "bundle", feast_project(max_age_hours=2))
    at = (dt.datetime.now(dt.UTC) - dt.timedelta(hours=age)).isoformat()
    with serving(FakeFeast({"ann": ANN}, at=at)) as feast:
        assert answer(bundle, feast, metrics, rows=[KEYS]).status_code == 200
    assert rows(metrics, "missing") == missing


@pytest.mark.parametrize("key", [None, 7, ["ann"], True])
def test_a_key_that_breaks_the_contract_is_not_sent(key: Any, looking: Asked, feast: FakeFeast) -> None:
    refused = looking.post("/predict", {"rows": [KEYS, {**KEYS, "person": key}]})
    assert refused.status_code == 422
    (problem,) = refused.json()["error"]["problems"]
    assert (problem["rule"], problem["column"], problem["row"]) == ("entity_key", "person", 1)
    assert feast.asked == []


@pytest.mark.parametrize(
    "body", [{"rows": []}, {"rows": [1]}, {"rows": 1}, {"columns": {}}, {"columns": {"a": [], "b": [1]}}]
)
def test_what_is_malformed_is_refused_as_ever(body: Any, looking: Asked, feast: FakeFeast) -> None:
    assert looking.post("/predict", body).status_code in (400, 422)
    assert feast.asked == []


def test_too_many_rows_are_refused_before_they_are_looked_up(looking: Asked, feast: FakeFeast) -> None:
    assert looking.post("/predict", {"rows": [KEYS] * 10_001}).status_code == 413
    assert feast.asked == []


def test_a_store_that_fails_is_said_and_counted(looking: Asked, feast: FakeFeast, metrics: Metrics) -> None:
    feast.status = 500
    failed = looking.post("/predict", {"rows": [KEYS]})
    assert (failed.status_code, failed.json()["error"]["code"]) == (503, "features")
    assert failed.headers["retry-after"] == "1"
    assert rows(metrics, "failed") == 1
    assert looking.post("/predict", {"rows": [ROW]}).status_code == 200, "whole rows need no store"
    feast.status = 200
    assert looking.post("/predict", {"rows": [KEYS]}).status_code == 200


@pytest.mark.parametrize("late", [None, 1.1], ids=["no answer", "an error, and late"])
def test_while_the_store_is_silent_one_request_waits_for_it_and_no_other(
    late: float | None, looking: Asked, feast: FakeFeast, metrics: Metrics
) -> None:
    feast.status = 0
    if late is not None:
        feast.status, feast.silent = 500, threading.Event()
        threading.Timer(late, feast.silent.set).start()
    failed = looking.post("/predict", {"rows": [KEYS]})
    assert failed.status_code == 503
    assert "feature service people_v1 does not answer" in failed.text
    feast.status, feast.silent, feast.asked = 200, threading.Event(), []
    silent = feast.silent

    async def ask() -> list[int]:
        async with looking.client() as client:
            first = asyncio.create_task(client.post("/predict", json={"rows": [KEYS]}))
            while not feast.asked:
                await asyncio.sleep(0.01)
            others = await asyncio.gather(*(client.post("/predict", json={"rows": [row]}) for row in (KEYS, KEYS, ROW)))
            silent.set()
            return [(await first).status_code, *(answer.status_code for answer in others)]

    assert asyncio.run(ask()) == [200, 503, 503, 200]
    assert len(feast.asked) == 1
    assert looking.post("/predict", {"rows": [KEYS]}).status_code == 200
    assert rows(metrics, "failed") == 3


def test_a_service_that_gives_other_features_is_not_used(looking: Asked, feast: FakeFeast) -> None:
    feast.features = ("income",)
    assert looking.post("/predict", {"rows": [KEYS]}).status_code == 503


def test_a_store_that_was_restarted_is_found_again(feast: FakeFeast, store: FeatureServer) -> None:
    wanted = feast_project().features.feast
    assert wanted is not None
    for _ in range(2):
        assert store.ask(wanted, {"person": ["ann"]})["height"] == [171.5]
    assert len(feast.connections) == 1
    feast.hang_up = True  # after the next answer
    assert store.ask(wanted, {"person": ["ann"]})["height"] == [171.5]
    assert store.ask(wanted, {"person": ["ann"]})["height"] == [171.5]


def test_requests_do_not_wait_for_each_others_look_ups(looking: Asked) -> None:
    requests = [("POST", "/predict", {"json": {"rows": [KEYS]}})] * 40 + [("GET", "/healthz", {})] * 5
    assert {answer.status_code for answer in looking.ask_all(requests)} == {200}


@pytest.mark.parametrize("url", ["feast:6566", "http://", "http://user:secret@feast", "http://feast:port"])
def test_a_wrong_address_is_told_at_the_start(url: str) -> None:
    with pytest.raises(SettingsError, match="EVENKEEL_FEAST_URL") as caught:
        FeatureServer(url, CollectorRegistry())
    assert "secret" not in str(caught.value)


def test_a_server_process_looks_up_and_imports_no_feast(
    fed: Bundle, feast: FakeFeast, serve: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENKEEL_FEAST_URL", feast.url)
    server = serve("--bundle", str(fed.folder), "--ledger", "none")
    assert httpx.post(f"{server.url}/predict", json={"rows": [KEYS]}).status_code == 200
    assert server.metric('ml_feature_lookup_rows_total{outcome="found"}') == 1
    code = "import sys, serving.run, serving.lookup; print([m for m in ('feast', 'pandas') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_without_a_store_rows_must_be_whole(fed: Bundle, serve: Callable[..., Running]) -> None:
    server = serve("--bundle", str(fed.folder), "--ledger", "none")
    assert httpx.post(f"{server.url}/predict", json={"rows": [ROW]}).status_code == 200
    lacking = httpx.post(f"{server.url}/predict", json={"rows": [KEYS]})
    assert "height is absent" in lacking.text
    assert any("no feature server is configured" in line.get("message", "") for line in server.lines())
