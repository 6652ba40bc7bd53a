"""The pages for people: made here, working without JavaScript, escaping what they show."""

import base64
import hashlib
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest

from evenkeel.bundle import Bundle
from serving.app import create_app
from serving.auth import Keys
from serving.metrics import Metrics
from serving.model import Slot, load_model
from tests.serving.bundles import make_rows
from tests.serving.running import Asked

FORM = {
    "age": "40",
    "income": "",
    "height": "170.5",
    "weight": "70",
    "smoker": "true",
    "town": "Rome",
    "floor": "2",
    "since": "2020-01-01",
}
ROW = {**FORM, "age": 40, "income": None, "height": 170.5, "weight": 70.0, "smoker": True, "floor": 2}


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_load_nothing_from_anywhere(asked: Asked, path: str) -> None:
    answer = asked.get(path)
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.search(r"<script|<link|<img|@import|url\(", answer.text)


def test_the_landing_page_is_the_models_card(asked: Asked, bundle: Bundle) -> None:
    text = asked.get("/").text
    for told in ("people", bundle.digest, "0" * 32, "roc_auc", "as told", "curl"):
        assert told in text


def test_the_page_links_to_the_dashboard_where_there_is_one(asked: Asked, slot: Slot, metrics: Metrics) -> None:
    linked = Asked(create_app(slot, metrics, dashboard="https://grafana.example/d/drift?a=1&b=2")).get("/").text
    assert '<a href="https://grafana.example/d/drift?a=1&amp;b=2">drift' in linked
    assert "drift" not in asked.get("/").text


def test_where_keys_are_needed_the_page_asks_for_one_and_tells_nothing(
    slot: Slot, metrics: Metrics, bundle: Bundle, tmp_path: Path
) -> None:
    (tmp_path / "keys").write_text(f"shop:{hashlib.sha256(b'open').hexdigest()}\n")
    asked = Asked(create_app(slot, metrics, keys=Keys(tmp_path / "keys")))
    closed = asked.get("/")
    assert closed.status_code == 401
    assert not re.search(rf"people|roc_auc|{bundle.digest}", closed.text)
    (script,) = re.findall(r"<script>(.*?)</script>", closed.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in closed.headers["content-security-policy"]
    assert asked.ask("POST", "/", data=FORM).status_code == 401
    key = {"authorization": "Bearer open"}
    assert '<form class="try" method="post"' in asked.get("/", headers=key).text
    assert "what turned out to be true" in asked.ask("POST", "/", data=FORM, headers=key).text


def test_the_curl_and_the_form_give_the_answer_of_predict(asked: Asked) -> None:
    expected = asked.post("/predict", {"rows": [ROW]}).json()["predictions"][0]
    answer = asked.ask("POST", "/", data=FORM)
    assert answer.status_code == 200
    share = f"{expected['probabilities']['yes']:.1%}"
    assert f"{expected['label']} (" in answer.text
    assert f"yes {share}" in answer.text
    assert 'value="170.5"' in answer.text
    pre = unescape(re.findall(r"<pre>(.*?)</pre>", asked.get("/").text, re.DOTALL)[0])
    body = re.search(r"-d '(.*)'", pre)
    assert body is not None
    assert asked.ask("POST", "/predict", content=body[1]).status_code == 200


def test_what_breaks_the_contract_is_said_on_the_page_and_kept_in_the_form(asked: Asked) -> None:
    answer = asked.ask("POST", "/", data={**FORM, "age": "<b>", "town": "rome"})
    assert answer.status_code == 422
    assert "age must be an integer, not a string" in answer.text
    assert 'value="&lt;b&gt;"' in answer.text
    assert "<b>" not in answer.text


def test_the_form_takes_forms_only_and_nothing_more(asked: Asked) -> None:
    assert asked.post("/", {"rows": make_rows(1)}).status_code == 415
    assert asked.ask("POST", "/", data={"other": "1"}).status_code == 422
    assert asked.ask("POST", "/", data={**FORM, "age": ["1", "2"]}).status_code == 200


def test_regression_tells_value_and_interval(regression: Bundle, asking: Callable[[Bundle], Asked]) -> None:
    assert re.search(r"[\d.]+, between -?[\d.]+ and", asking(regression).ask("POST", "/", data=FORM).text)


def test_without_a_model_the_page_says_so(metrics: Metrics) -> None:
    asked = Asked(create_app(Slot(), metrics))
    assert asked.get("/").status_code == 503
    assert "No model is loaded" in asked.get("/").text
    assert asked.get("/docs").status_code == 200


def test_an_uncertified_model_is_shown_as_such(bundle: Bundle, metrics: Metrics) -> None:
    slot = Slot()
    slot.model = load_model(bundle.folder)
    object.__setattr__(slot.model, "certified", False)
    assert 'class="badge fail"' in Asked(create_app(slot, metrics)).get("/").text


def test_docs_list_operations_and_columns(asked: Asked) -> None:
    text = asked.get("/docs").text
    for told in ("/v2/models/people/infer", "/predict", "/feedback", "<code>age</code>", "from 0.0; to 120.0"):
        assert told in text
