"""The process: it starts, is loaded, drains, leaves, and loses nothing."""

import http.client
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from evenkeel.bundle import Bundle
from evenkeel.ledger import read_predictions
from evenkeel.targets.local import LocalTarget
from tests.serving.bundles import certify, make_bundle, make_project, make_rows
from tests.serving.running import Running, wait_until

Serve = Callable[..., Running]
BODY = json.dumps({"rows": make_rows(1)})
JSON = {"content-type": "application/json"}


class Client(threading.Thread):
    """Asks until it is refused: by the balancer's view, ``Connection: close`` means a new connection next time."""

    def __init__(self, port: int, *, keep_alive: bool) -> None:
        super().__init__()
        self.port = port
        self.keep_alive = keep_alive
        self.seen: Counter[str] = Counter()

    def run(self) -> None:
        connection = None
        while True:
            if connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
                try:
                    connection.connect()
                except OSError:
                    self.seen["refused"] += 1  # nothing was sent, so nothing was lost
                    return
            try:
                connection.request("POST", "/predict", BODY, JSON)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.seen[f"lost: {error!r}"] += 1
                return
            self.seen[str(answer.status)] += 1
            if answer.will_close or not self.keep_alive:
                connection.close()
                connection = None


@pytest.mark.parametrize("keep_alive", [True, False])
def test_sigterm_under_16_clients_loses_not_one_request(
    serve: Serve, bundle: Bundle, tmp_path: Path, keep_alive: bool
) -> None:
    server = serve("--bundle", str(bundle.folder), "--ledger", str(tmp_path / "ledger"), "--drain", "0.5")
    clients = [Client(server.port, keep_alive=keep_alive) for _ in range(16)]
    for client in clients:
        client.start()
    time.sleep(0.5)
    assert server.terminate() == 0
    seen: Counter[str] = Counter()
    for client in clients:
        client.join()
        seen += client.seen
    assert set(seen) == {"200", "refused"}, seen
    assert seen["refused"] == 16
    table = read_predictions(str(tmp_path / "ledger"), "people")
    assert table.num_rows == seen["200"]


def test_sigterm_means_not_ready_at_once_and_still_serving(serve: Serve, bundle: Bundle) -> None:
    server = serve("--bundle", str(bundle.folder), "--ledger", "none", "--drain", "2")
    server.process.terminate()
    server.wait_for("/readyz", 503)
    answer = httpx.post(f"{server.url}/predict", content=BODY, headers=JSON)
    assert answer.status_code == 200
    assert answer.headers["connection"] == "close"
    assert httpx.get(f"{server.url}/healthz").status_code == 200
    assert server.process.wait(10) == 0


def test_a_bundle_without_a_passing_certificate_is_refused_unless_said_so(serve: Serve, tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle", make_project())
    certify(bundle, passed=False)
    server = serve("--bundle", str(bundle.folder), "--ledger", "none", ready=False)
    assert server.process.wait(20) == 1
    assert "GateError" in server.log.read_text()
    server = serve("--bundle", str(bundle.folder), "--ledger", "none", "--allow-uncertified")
    assert server.metric("ml_uncertified") == 1
    assert httpx.get(f"{server.url}/v2/models/people").json()["parameters"]["certified"] is False


def test_a_tampered_bundle_is_refused(serve: Serve, tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle", make_project())
    (bundle.folder / "model.onnx").write_bytes(b"other")
    server = serve("--bundle", str(bundle.folder), ready=False)
    assert server.process.wait(20) == 1
    assert "TamperedBundleError" in server.log.read_text()


def test_another_bundle_than_the_rollout_named_is_refused(
    serve: Serve, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENKEEL_BUNDLE_DIGEST", bundle.digest)
    assert serve("--bundle", str(bundle.folder), "--ledger", "none").process.poll() is None
    other = make_bundle(tmp_path / "other", make_project(), seed=1)
    server = serve("--bundle", str(other.folder), ready=False)
    assert server.process.wait(20) == 1
    assert "TamperedBundleError" in server.log.read_text()


def test_model_dir_and_name_as_kserve_gives_them(serve: Serve, tmp_path: Path) -> None:
    make_bundle(tmp_path / "models" / "1", make_project())
    server = serve("--model-dir", str(tmp_path / "models"), "--model-name", "front", "--ledger", "none")
    assert httpx.get(f"{server.url}/v2/models/front/ready").status_code == 200
    answer = httpx.post(f"{server.url}/v1/models/front:predict", json={"instances": make_rows(2)})
    assert len(answer.json()["predictions"]) == 2
    assert "server" not in answer.headers


def test_following_starts_without_a_release_and_switches_under_load(
    serve: Serve, bundle: Bundle, tmp_path: Path
) -> None:
    releases = tmp_path / "releases"
    record = releases / "people" / "release.json"
    server = serve("--follow", str(record), "--interval", "0.05", "--ledger", "none", "--drain", "0", ready=False)
    server.wait_for("/healthz", 200)
    assert httpx.get(f"{server.url}/readyz").status_code == 503
    assert httpx.post(f"{server.url}/predict", content=BODY, headers=JSON).status_code == 503
    LocalTarget(releases).apply(make_project(), bundle, "1")
    server.wait_for("/readyz", 200)
    client = Client(server.port, keep_alive=True)
    client.start()
    LocalTarget(releases).apply(make_project(), make_bundle(tmp_path / "next", make_project(), seed=2), "2")
    wait_until(lambda: httpx.get(f"{server.url}/model").json()["version"] == "2", 20)
    assert server.terminate() == 0
    client.join()
    assert set(client.seen) <= {"200", "refused"}, client.seen
    assert "0.1" not in [line.get("value") for line in server.lines()]


def test_a_slow_client_is_cut_off_and_others_are_not_kept_waiting(serve: Serve, tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle", make_project(timeout_seconds=0.5))
    server = serve("--bundle", str(bundle.folder), "--ledger", "none")
    slow = socket.create_connection(("127.0.0.1", server.port))
    slow.sendall(b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{")
    assert httpx.post(f"{server.url}/predict", content=BODY, headers=JSON).status_code == 200
    slow.settimeout(10)
    assert slow.recv(1000).startswith(b"HTTP/1.1 408")
    slow.close()


def test_more_requests_than_allowed_are_refused_fast(serve: Serve, tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle", make_project(max_concurrency=2, timeout_seconds=5))
    server = serve("--bundle", str(bundle.folder), "--ledger", "none")
    head = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"
    waiting = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(2)]
    for connection in waiting:
        connection.sendall(head)
    wait_until(lambda: httpx.post(f"{server.url}/predict", content=BODY, headers=JSON).status_code == 429, 4)
    answer = httpx.post(f"{server.url}/predict", content=BODY, headers=JSON)
    assert answer.headers["retry-after"] == "1"
    assert httpx.get(f"{server.url}/readyz").status_code == 200
    for connection in waiting:
        connection.close()
    wait_until(lambda: httpx.post(f"{server.url}/predict", content=BODY, headers=JSON).status_code == 200, 4)


def test_a_port_in_use_is_said_plainly(serve: Serve, bundle: Bundle) -> None:
    first = serve("--bundle", str(bundle.folder), "--ledger", "none")
    second = serve("--bundle", str(bundle.folder), "--ledger", "none", "--port", str(first.port), ready=False)
    assert second.process.wait(20) == 1
    assert "SettingsError" in second.log.read_text()


def test_logs_are_json_and_hold_no_feature_value(serve: Serve, bundle: Bundle) -> None:
    server = serve("--bundle", str(bundle.folder), "--ledger", "none", "--drain", "0")
    httpx.post(f"{server.url}/predict", json={"rows": [{**make_rows(1)[0], "age": 987654}]})
    server.terminate()
    text = server.log.read_text()
    assert all(line.startswith("{") for line in text.splitlines())
    assert "987654" not in text
