"""HTTP/1.1 as bytes over a real socket: order, limits, and what is no request."""

import asyncio
import re
import socket
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evenkeel.bundle import Bundle
from serving.app import create_app
from serving.connection import wire_form
from serving.http import Call, Reply
from serving.metrics import Metrics
from serving.model import Slot
from serving.turns import Turns
from tests.serving.bundles import make_rows
from tests.serving.running import Running, start, wait_until

BODY = orjson.dumps({"rows": make_rows(1)})
PROBE = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"


def post(body: bytes, *headers: str, path: str = "/predict") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "host: x", "content-type: application/json", *headers]
    if not any(header.startswith("transfer-encoding") for header in headers):
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(body: bytes, size: int) -> bytes:
    parts = [body[i : i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in [*parts, b""])


@pytest.fixture(scope="module")
def server(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = start(tmp_path_factory.mktemp("server"), "--bundle", str(bundle.folder), "--ledger", "none", ready=True)
    yield running
    running.kill()


@pytest.fixture
def say(server: Running) -> Callable[..., list[tuple[int, dict[bytes, bytes], bytes]]]:
    """Send pieces on one connection, end it, and read every answer."""

    def run(*pieces: bytes) -> list[tuple[int, dict[bytes, bytes], bytes]]:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            for piece in pieces:
                connection.sendall(piece)
            connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            content = b""
            while part := connection.recv(1 << 16):
                content += part
        return list(answers(content))

    return run


def answers(content: bytes) -> Iterator[tuple[int, dict[bytes, bytes], bytes]]:
    while content:
        head, _, content = content.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        status = int(first.split()[1])
        headers = dict(line.split(b": ", 1) for line in lines)
        length = int(headers.get(b"content-length", b"0"))
        yield status, headers, content[:length]
        content = content[length:]


Say = Callable[..., list[tuple[int, dict[bytes, bytes], bytes]]]


def test_requests_sent_ahead_are_answered_in_order(say: Say) -> None:
    ids = [f"x-request-id: r{i}" for i in range(100)]
    told = say(b"".join(post(BODY, each) if i % 3 else PROBE for i, each in enumerate(ids)))
    assert [status for status, _, _ in told] == [200] * 101
    assert [headers.get(b"x-request-id") for _, headers, _ in told[:-1]] == [
        f"r{i}".encode() if i % 3 else None for i in range(100)
    ]


def test_a_large_request_between_small_ones_keeps_its_place(say: Say) -> None:
    large = orjson.dumps({"rows": make_rows(1000)})
    told = say(post(BODY) + post(large) + PROBE)
    assert [len(orjson.loads(body).get("predictions", [])) for _, _, body in told] == [1, 1000, 0, 0]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, 400), max_size=6), size=st.integers(1, 300), whole=st.booleans())
def test_however_the_bytes_are_cut_the_answer_is_the_same(say: Say, cuts: list[int], size: int, whole: bool) -> None:
    request = post(BODY) if whole else post(chunked(BODY, size), "transfer-encoding: chunked")
    edges = sorted({0, *(cut for cut in cuts if cut < len(request)), len(request)})
    told = say(*(request[a:b] for a, b in pairwise(edges)))
    assert [status for status, _, _ in told] == [200, 200]
    assert orjson.loads(told[0][2])["model"] == "people"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n", 400),
        (b"POST /predict HTTP/1.1\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc", 400),
        (b"POST /predict HTTP/1.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\nabc", 400),
        (b"POST /predict HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET /healthz HTTP/1.1\r\nx: " + b"a" * (1 << 20), 431),
        (post(b"", "content-length: 99999999999"), 400),
        (post(b"")[:-2].replace(b"content-length: 0", b"content-length: 99999999") + b"\r\n", 413),
        (post(b"abc", path="/nothing"), 404),
    ],
)
def test_what_is_no_request_gets_one_answer_and_never_a_5xx(server: Running, request_: bytes, status: int) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(request_)
        assert connection.recv(100).startswith(b"HTTP/1.1 %d " % status)
    assert httpx.get(f"{server.url}/healthz").status_code == 200


def test_a_body_that_grows_beyond_its_limit_is_answered_before_it_ends(server: Running) -> None:
    head = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(head)
        for _ in range(20):
            connection.sendall(b"100000\r\n" + b" " * (1 << 20) + b"\r\n")
        answer = connection.recv(1000)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer


def test_a_refused_request_keeps_its_connection(say: Say) -> None:
    told = say(post(b"abc", path="/nothing"), post(b"{", "x-request-id: a"))
    assert [status for status, _, _ in told] == [404, 400, 200]


def test_expectations_upgrades_old_clients_and_heads(server: Running, say: Say) -> None:
    told = say(post(BODY, "expect: 100-continue"))
    assert [status for status, _, _ in told] == [100, 200, 200]
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(
            b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\n\r\n"
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        content = b""
        while part := connection.recv(1000):
            content += part
    assert content.endswith(b'{"live":true}')
    answer = httpx.head(f"{server.url}/healthz")
    assert (answer.content, answer.headers["content-length"]) == (b"", "13")


def test_a_client_that_reads_nothing_is_not_answered_without_end(server: Running) -> None:
    large = post(orjson.dumps({"rows": make_rows(2000)}))
    with socket.create_connection(("127.0.0.1", server.port), timeout=2) as connection:
        with pytest.raises(TimeoutError):
            connection.sendall(large * 500)
        assert httpx.get(f"{server.url}/readyz", timeout=10).status_code == 200


def test_what_an_answer_is_as_bytes() -> None:
    reply = Reply(200, b"{}")
    assert wire_form(reply, ((b"x-request-id", b"a"),), ends=True, body=False) == (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: a\r\nconnection: close\r\n"
        b"content-length: 2\r\n\r\n"
    )


def test_servers_hold_nothing_that_can_unpickle(serve: Callable[..., Running], bundle: Bundle, tmp_path: Path) -> None:
    """Though it is installed here: pyarrow would import pandas with its first array."""
    folder = tmp_path / "ledger"
    server = serve("--bundle", str(bundle.folder), "--ledger", str(folder), "--ledger-interval", "0.1", "--drain", "0")
    assert httpx.post(f"{server.url}/predict", content=BODY).status_code == 200
    wait_until(lambda: list(folder.rglob("*.parquet")), 10)
    held = Path(f"/proc/{server.process.pid}/maps").read_text(encoding="utf-8")
    assert "pyarrow" in held
    assert not {"pandas", "sklearn", "scipy"} & set(re.findall(r"site-packages/(\w+)/", held))


def test_the_loop_looks_up_between_slices_and_keeps_the_order(slot: Slot, metrics: Metrics) -> None:
    """A probe waits for a slice, never for a backlog."""
    gate = create_app(slot, metrics)
    told: list[int] = []

    def call(turns: Turns, number: int) -> None:
        asked = Call("POST", "/predict", b"", {})
        gate.open(asked)
        asked.add(BODY)
        if turns.take(asked, lambda _: told.append(number)) is not None:
            told.append(number)

    async def run() -> list[int]:
        turns = Turns(gate)
        for number in range(500):
            call(turns, number)
        rounds = [len(told)]
        while len(told) < 500:
            await asyncio.sleep(0)
            rounds.append(len(told))
        turns.stop()
        return rounds

    rounds = asyncio.run(run())
    assert rounds[0] >= 1  # a lone request does not wait
    assert len([count for count in rounds if count < 500]) >= 3
    assert told == list(range(500))
