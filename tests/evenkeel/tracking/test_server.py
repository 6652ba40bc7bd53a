import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.request import urlopen

import pytest

from evenkeel.bundle import Bundle
from evenkeel.errors import RegistryError
from evenkeel.settings import Settings
from evenkeel.tracking import (
    champion,
    champion_version,
    download_bundle,
    log_candidate,
    promote,
    version,
)
from evenkeel.tracking.registry import by_alias
from evenkeel.tracking.store import connect
from tests.evenkeel.toy_bundle import (
    certify,
    migrated_home,
    toy_bundle,
    toy_candidate,
    toy_project,
)


class _FakeServer(BaseHTTPRequestHandler):
    """Answers as told and remembers what it was asked with. A fake of an MLflow server, for what a real one cannot."""

    def do_GET(self) -> None:
        server: Any = self.server
        server.asked.append((self.path, self.headers.get("Authorization")))
        status, headers, body = server.answer
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args: Any) -> None:
        """Nothing: the tests look at ``asked``."""


@contextmanager
def fake_server(status: int, body: str = "", **headers: str) -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), _FakeServer)
    server.asked, server.answer = [], (status, headers, body)
    server.uri = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


FOUND = json.dumps({"model_version": {"name": "visits", "version": "4", "source": "s3://x", "tags": []}})


@pytest.fixture(scope="module")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real MLflow server, its database made before it starts."""
    home = migrated_home(tmp_path_factory, tmp_path_factory.mktemp("server") / "home")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {
        "--backend-store-uri": f"sqlite:///{home}/mlflow.db",
        "--artifacts-destination": (home / "artifacts").as_uri(),
        "--host": "127.0.0.1",
        "--port": str(port),
        "--workers": "1",
    }
    command = [sys.executable, "-m", "mlflow", "server", *(part for option in options.items() for part in option)]
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (home / "log").open("w") as log:
        server = subprocess.Popen(
            command, env={**os.environ, **quiet}, stdout=log, stderr=log, cwd=home, start_new_session=True
        )
    try:
        _wait_until_up(f"http://127.0.0.1:{port}/health", server, home / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def _wait_until_up(address: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urlopen(address, timeout=5):  # noqa: S310 - our own server
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"mlflow server did not come up: {log.read_text()}")


def test_a_token_is_sent_as_bearer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")
    with fake_server(200, FOUND) as server:
        assert champion_version(Settings(tracking_uri=server.uri), "visits") == "4"
    assert server.asked == [("/api/2.0/mlflow/registered-models/alias?name=visits&alias=champion", "Bearer t0ken")]


def test_user_and_password_are_sent_as_basic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "joe")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "hunter2")
    with fake_server(200, FOUND) as server:
        champion_version(Settings(tracking_uri=server.uri + "/"), "visits")
    assert server.asked[0][1] == "Basic " + base64.b64encode(b"joe:hunter2").decode()


def test_credentials_do_not_follow_a_redirect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")
    with fake_server(200, FOUND) as elsewhere, fake_server(302, Location=elsewhere.uri) as server:
        champion_version(Settings(tracking_uri=server.uri), "visits")
    assert [header for _, header in (*server.asked, *elsewhere.asked)] == ["Bearer t0ken", None]


def test_a_refusal_says_which_variables_to_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")
    with (
        fake_server(401, "no") as server,
        pytest.raises(RegistryError, match=r"401.*MLFLOW_TRACKING_TOKEN") as caught,
    ):
        champion_version(Settings(tracking_uri=server.uri), "visits")
    assert "t0ken" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("status", "body"), [(404, "<html>not here</html>"), (500, '{"error_code": "INTERNAL_ERROR"}'), (200, "<html>")]
)
def test_what_is_no_mlflow_is_an_error_not_an_absent_champion(status: int, body: str) -> None:
    with fake_server(status, body) as server, pytest.raises(RegistryError, match=server.uri):
        champion_version(Settings(tracking_uri=server.uri), "visits")


def test_a_server_that_is_down_is_an_error() -> None:
    with fake_server(200) as server:
        pass
    with pytest.raises(RegistryError, match=r"refused.*and up\?"):
        champion_version(Settings(tracking_uri=server.uri), "visits")


def test_a_candidate_becomes_champion_at_a_real_server(mlflow_server: str, passing: Bundle, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", tracking_uri=mlflow_server)
    assert champion_version(settings, "visits") == "", "no such model"
    made = log_candidate(settings, toy_candidate(passing))
    assert champion_version(settings, "visits") == "", "no such alias"
    promote(settings, made, None)
    assert champion(settings, "visits") == version(settings, "visits", "1") == made
    with connect(settings) as client:
        assert by_alias(client, "visits", "champion") == made
        assert client.get_run(made.run).info.status == "FINISHED"
    with pytest.raises(RegistryError, match=r"visits has no version '9' at http.*champion is 1"):
        version(settings, "visits", "9")
    fetched = download_bundle(settings, made, tmp_path / "fetched")
    assert fetched.digest == passing.digest
    assert fetched.require_certificate().passed
    assert log_candidate(settings, toy_candidate(passing)) == made
    assert not (tmp_path / "home").exists()


def test_of_two_versions_made_at_once_the_first_stays(
    mlflow_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server has no lock: the other process registers while this one uploads."""
    from mlflow.tracking import MlflowClient

    settings = Settings(home=tmp_path / "home", tracking_uri=mlflow_server)
    project = toy_project("twice")
    ours = toy_candidate(certify(toy_bundle(tmp_path / "bundle", project=project)))
    upload = MlflowClient.log_artifacts

    def overtaken(*args: Any) -> None:
        monkeypatch.setattr(MlflowClient, "log_artifacts", upload)
        log_candidate(settings, ours)
        upload(*args)

    monkeypatch.setattr(MlflowClient, "log_artifacts", overtaken)
    assert log_candidate(settings, ours).version == "1"
    with connect(settings) as client:
        assert [str(each.version) for each in client.search_model_versions("name = 'twice'")] == ["1"]
