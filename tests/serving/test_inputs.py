"""What callers are told to send is what the server takes: keys in the stead of features that it looks up."""

import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest

from evenkeel.config import Project
from serving.app import create_app
from serving.inputs import input_columns, looked_up
from serving.lookup import FeatureServer, with_store
from serving.metrics import Metrics
from serving.model import Slot, load_model
from serving.openapi import example_row
from tests.serving.bundles import make_bundle, make_project
from tests.serving.feature_server import FakeFeast, serving
from tests.serving.running import Asked, Running

LOOKED_UP = ("income", "height")
ASKED = ["person", "age", "weight", "smoker", "town", "floor", "since"]
FORM = {"person": "p0", "age": "40", "weight": "70", "smoker": "true", "town": "Rome", "floor": "", "since": ""}


def fed(folder: Path, *, sensitive: str = "no", drop: tuple[str, ...] = (), **feast: Any) -> Path:
    """A bundle whose project takes income and height from Feast."""
    described = make_project().model_dump(mode="json")
    described["data"]["time"], described["features"]["columns"] = "since", [*ASKED[1:], *LOOKED_UP]
    described["features"]["drop"] = drop
    described["contract"]["columns"]["person"]["sensitive"] = sensitive
    store = {"repo": "features", "service": "people_v1", "entities": {"person": "person"}, "columns": LOOKED_UP}
    described["features"]["feast"] = {**store, **feast}
    return make_bundle(folder, Project.model_validate(described)).folder


@pytest.fixture
def feast() -> Iterator[FakeFeast]:
    with serving(FakeFeast({"p0": {"income": 20000.0, "height": 171.5}})) as server:
        yield server


@pytest.fixture
def looking(tmp_path: Path, metrics: Metrics, feast: FakeFeast) -> Iterator[Callable[..., Slot]]:
    """A slot with a bundle of this project that looks up."""

    def load(**project: Any) -> Slot:
        slot = Slot()
        slot.model = with_store(store, load_model(fed(tmp_path / "bundle", **project)))
        return slot

    with closing(FeatureServer(feast.url, metrics.registry)) as store:
        yield load


@pytest.fixture
def server(tmp_path: Path, feast: FakeFeast, serve: Callable[..., Running], monkeypatch: pytest.MonkeyPatch) -> Running:
    """A server process that looks up."""
    monkeypatch.setenv("EVENKEEL_FEAST_URL", feast.url)
    return serve("--bundle", str(fed(tmp_path / "bundle")), "--ledger", "none")


def test_the_document_asks_for_keys_and_its_examples_are_answered(server: Running) -> None:
    document = httpx.get(f"{server.url}/openapi.json").json()
    row = document["components"]["schemas"]["Row"]
    assert list(row["properties"]) == ASKED
    assert "person" in row["required"]
    assert row["properties"]["person"]["description"] == "income, height are looked up by it"
    columns = document["components"]["schemas"]["Predict"]["oneOf"][1]["properties"]["columns"]
    assert list(columns["properties"]) == columns["required"] == ASKED
    posts = {path: one["post"] for path, one in document["paths"].items() if "post" in one and path != "/feedback"}
    assert len(posts) == 3
    for path, operation in posts.items():
        example = operation["requestBody"]["content"]["application/json"]["example"]
        answer = httpx.post(server.url + path, json=example)
        assert answer.status_code == 200, f"{path}: {answer.text}"
    assert server.metric('ml_feature_lookup_rows_total{outcome="found"}') == 3
    inputs = httpx.get(f"{server.url}/v2/models/people").json()["inputs"]
    assert [one["name"] for one in inputs] == ASKED
    assert inputs[0] == {"name": "person", "datatype": "BYTES", "shape": [-1]}


def test_the_page_for_people_is_answered_as_it_stands(server: Running) -> None:
    text = httpx.get(server.url).text
    assert re.findall(r'<(?:input|select|textarea) name="(\w+)"', text) == ASKED
    curl, python = (unescape(one) for one in re.findall(r"<pre>(.*?)</pre>", text, re.DOTALL))
    words = shlex.split(curl)
    name, _, value = words[words.index("-H") + 1].partition(": ")
    pasted = httpx.post(words[2], content=words[words.index("-d") + 1].encode(), headers={name: value})
    assert pasted.status_code == 200, pasted.text
    told = subprocess.run([sys.executable, "-c", python], capture_output=True, text=True, check=True).stdout
    assert "'predictions': [{" in told
    form = httpx.post(server.url, data=FORM)
    assert form.status_code == 200
    assert "what turned out to be true" in form.text
    assert server.metric('ml_feature_lookup_rows_total{outcome="found"}') == 3


def test_the_page_tells_a_store_that_is_away_from_a_row_that_is_wrong(
    looking: Callable[..., Slot], metrics: Metrics, feast: FakeFeast
) -> None:
    feast.status = 500
    failed = Asked(create_app(looking(), metrics)).ask("POST", "/", data=FORM)
    assert failed.status_code == 503
    assert "There is no answer now" in failed.text
    assert "feature service people_v1 does not answer" in failed.text
    assert 'value="p0"' in failed.text, "the form keeps what was entered"


def test_without_a_store_all_features_are_asked_for(tmp_path: Path) -> None:
    model = load_model(fed(tmp_path / "bundle"))
    assert set(input_columns(model)) == set(example_row(model)) == {*ASKED[1:], *LOOKED_UP}


def test_a_sensitive_key_is_never_shown(looking: Callable[..., Slot], metrics: Metrics) -> None:
    slot = looking(sensitive="hash")
    assert slot.model is not None
    assert example_row(slot.model)["person"] == "text"
    asked = Asked(create_app(slot, metrics))
    assert not re.search(r"\bp\d+\b", asked.get("/").text + asked.get("/openapi.json").text)


def test_keys_that_are_features_too_stand_once_and_as_they_are_sent(
    looking: Callable[..., Slot], metrics: Metrics
) -> None:
    slot = looking(entities={"person": "floor", "at": "since"})
    assert slot.model is not None
    row = example_row(slot.model)
    assert list(row) == ASKED[1:]
    assert row["floor"] in (1, 2, 3)
    assert re.fullmatch(r"2020-\d\d-11T10:00:00", row["since"])
    assert not input_columns(slot.model)["floor"].nullable
    assert Asked(create_app(slot, metrics)).post("/predict", {"rows": [row]}).status_code == 200


def test_many_looked_up_features_are_named_in_short(looking: Callable[..., Slot]) -> None:
    slot = looking(columns=["age", "income", "height", "weight", "town"])
    assert slot.model is not None
    assert looked_up(slot.model) == ("age", "income", "height", "weight", "town")
    told = input_columns(slot.model)["person"].description
    assert told == "age, income, height and 2 more are looked up by it"


def test_what_no_model_sees_is_not_looked_up(looking: Callable[..., Slot]) -> None:
    """The service may give columns that the project drops: then nobody needs a key."""
    slot = looking(drop=LOOKED_UP)
    assert slot.model is not None
    assert "person" not in input_columns(slot.model)
