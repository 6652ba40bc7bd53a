"""Real processes on free ports: the exporter, Prometheus, Alertmanager, and a webhook that remembers."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
RULES = REPOSITORY / "monitoring" / "rules" / "evenkeel.rules.yml"

T = TypeVar("T")


def needs(*programs: str) -> pytest.MarkDecorator:
    """Skip where a program is not installed; CI installs Debian's packages."""
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed here: {', '.join(missing)}")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(seen: Callable[[], T], what: str, seconds: float = 60) -> T:
    """What ``seen`` answers when it is true; fails after so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if found := seen():
                return found
        except httpx.TransportError:
            pass  # not listening yet
        time.sleep(0.1)
    pytest.fail(f"not within {seconds} s: {what}")


@contextmanager
def running(command: list[str], ready: str, log: Path, **environment: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that answers 200 at ``ready``; ended at the end."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=REPOSITORY, env=os.environ | environment, stdout=out, stderr=out)
    try:
        until(lambda: process.poll() is not None or httpx.get(ready).is_success, f"{command[0]}; see {log}")
        assert process.poll() is None, log.read_text()
        yield process
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def exporter(home: Path, port: int, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """``python -m monitoring exporter`` over a home."""
    command = [sys.executable, "-m", "monitoring", "exporter", f"--port={port}", *arguments]
    with running(
        command, f"http://127.0.0.1:{port}/healthz", home / "exporter.log", EVENKEEL_HOME=str(home)
    ) as process:
        yield process


@contextmanager
def prometheus(folder: Path, targets: dict[str, int], alertmanager: int | None = None) -> Iterator["Prometheus"]:
    """Prometheus with the project's rules, scraping and judging each second."""
    port = free_port()
    config: dict[str, Any] = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{to}"]}]} for job, to in targets.items()
        ],
    }
    if alertmanager:
        to = [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager}"]}]}]
        config["alerting"] = {"alertmanagers": to}
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(config))
    command = [
        "prometheus",
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    url = f"http://127.0.0.1:{port}"
    with running(command, f"{url}/-/ready", folder / "prometheus.log"):
        yield Prometheus(url)


class Prometheus:
    """What a running Prometheus answers."""

    def __init__(self, url: str) -> None:
        self.url = url

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an instant query."""
        answer = httpx.get(f"{self.url}/api/v1/query", params={"query": expression}).json()
        assert answer["status"] == "success", f"{expression}: {answer}"
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def firing(self) -> set[str]:
        """Names of the alerts that fire."""
        return {series["metric"]["alertname"] for series in self.query('ALERTS{alertstate="firing"}')}


@contextmanager
def alertmanager(folder: Path, config: dict[str, Any]) -> Iterator[int]:
    """Alertmanager alone (no cluster); yields its port."""
    port = free_port()
    file = folder / "alertmanager.yml"
    file.write_text(yaml.safe_dump(config))
    command = [
        "prometheus-alertmanager",
        f"--config.file={file}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with running(command, f"http://127.0.0.1:{port}/-/ready", folder / "alertmanager.log"):
        yield port


class Webhook(HTTPServer):
    """Keeps what Alertmanager posts: (Authorization, body)."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Post)
        self.got: list[tuple[str | None, dict[str, Any]]] = []

    @property
    def alerts(self) -> list[dict[str, Any]]:
        """All alerts of all posts, in order."""
        return [alert for _, body in self.got for alert in body["alerts"]]


class _Post(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.got.append((self.headers["Authorization"], body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
        pass


@contextmanager
def webhook() -> Iterator[Webhook]:
    """A receiver on this machine."""
    with Webhook() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
