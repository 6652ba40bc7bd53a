"""FastAPI above the hot routes: imported late, behind the same gate, never in the way."""

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import MutableMapping
from typing import Any

import pytest
from fastapi import FastAPI, Request

from serving.app import create_app
from serving.bridge import Application, Bridge, Receive, Send
from serving.gate import Gate
from serving.http import Call, Reply, Route
from serving.metrics import Metrics
from serving.model import Slot
from serving.pages import create_pages
from serving.plane import Plane
from tests.serving.running import REPOSITORY, Asked


def above(application: Application) -> Asked:
    """The application at /page, beside a probe."""
    page = Route(Bridge(lambda: application).answer, aside=True)
    probe = Route(lambda _: Reply(200, b"{}"))
    return Asked(Gate(Slot(), {"/page": {"GET": page, "POST": page}, "/healthz": {"GET": probe}}, {}))


def test_a_server_that_only_predicts_does_not_hold_fastapi() -> None:
    code = "import sys, serving.__main__, serving.run; sys.exit(bool({'fastapi', 'starlette'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=False, timeout=60).returncode == 0


def test_the_application_is_made_by_the_first_page(slot: Slot, metrics: Metrics) -> None:
    made: list[int] = []

    def make() -> Application:
        made.append(threading.get_ident())
        return create_pages(Plane(slot, metrics))

    page = Route(Bridge(make).answer, aside=True)
    asked = Asked(Gate(slot, {"/model": {"GET": page}}, {}))
    assert made == []
    for _ in range(2):
        assert asked.get("/model").json()["name"] == "people"
    assert len(made) == 1
    assert made[0] != threading.get_ident()


def test_a_request_goes_through_whole_and_its_answer_comes_back_whole() -> None:
    app = FastAPI(openapi_url=None)

    @app.api_route("/page", methods=["GET", "POST"])
    async def echo(request: Request) -> dict[str, Any]:
        body = (await request.body()).decode()
        return {"body": body, "query": dict(request.query_params), "agent": request.headers["user-agent"]}

    asked = above(app)
    request = {"content": "a" * 100_000, "headers": {"user-agent": "me", "x-request-id": "r1"}}
    answer = asked.ask("POST", "/page?a=1&b=%20", **request)
    assert answer.json() == {"body": "a" * 100_000, "query": {"a": "1", "b": " "}, "agent": "me"}
    assert answer.headers.get_list("content-length") == [str(len(answer.content))]
    assert answer.headers["x-request-id"] == "r1"
    head, get = asked.ask("HEAD", "/page"), asked.get("/page")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


def test_answers_in_parts_are_one_reply_and_the_body_ends() -> None:
    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        assert (await receive())["body"] == b"x"
        assert (await receive())["type"] == "http.disconnect"
        await send({"type": "http.response.start", "status": 202, "headers": [(b"x-a", b"1"), (b"x-a", b"2")]})
        await send({"type": "http.response.body", "body": b"one ", "more_body": True})
        await send({"type": "http.response.body", "body": b"two"})

    call = Call("POST", "/page", b"", {})
    call.most = 10
    call.add(b"x")
    assert Bridge(lambda: app).answer(call) == Reply(202, b"one two", ((b"x-a", b"1"), (b"x-a", b"2")))


def test_what_breaks_in_an_application_is_logged_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    app = FastAPI(openapi_url=None)

    @app.get("/page")
    async def break_() -> None:
        raise KeyError("a secret")

    with caplog.at_level(logging.ERROR):
        answer = above(app).get("/page")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal"
    assert "secret" not in answer.text
    assert "a secret" in caplog.text


def test_an_application_that_says_nothing_is_a_failure() -> None:
    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None: ...

    assert above(app).get("/page").status_code == 500


def test_a_body_beyond_the_limit_never_reaches_the_application() -> None:
    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        raise AssertionError

    assert above(app).ask("POST", "/page", content=b" " * (64 << 20)).status_code == 413


def test_others_are_answered_while_a_page_takes_its_time() -> None:
    go_on = threading.Event()
    app = FastAPI(openapi_url=None)

    @app.get("/page")
    async def slow() -> bool:
        return go_on.wait(20)

    async def run() -> tuple[int, bool]:
        async with above(app).client() as client:
            page = asyncio.create_task(client.get("/page"))
            await asyncio.sleep(0)
            probe = await client.get("/healthz")
            go_on.set()
            return probe.status_code, (await page).json()

    assert asyncio.run(run()) == (200, True)


def test_the_document_is_the_models_own(asked: Asked, slot: Slot, metrics: Metrics) -> None:
    pages = create_pages(Plane(slot, metrics))
    assert isinstance(pages, FastAPI)
    assert asked.get("/openapi.json").json()["info"]["title"] == "people" == pages.openapi()["info"]["title"]


def test_each_page_of_the_application_is_let_through_by_the_gate(slot: Slot, metrics: Metrics) -> None:
    asked = Asked(create_app(slot, metrics))
    pages = create_pages(Plane(slot, metrics))
    for route in pages.routes:
        for method in route.methods:  # type: ignore[attr-defined]  # of APIRoute
            assert asked.ask(method, route.path).status_code not in (404, 405)  # type: ignore[attr-defined]
