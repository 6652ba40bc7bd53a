"""Ways to ask: an application in this process, and a server in its own."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from serving.connection import Connection
from serving.gate import Gate
from serving.turns import Turns

REPOSITORY = Path(__file__).resolve().parents[2]


class Asked:
    """An application behind a real socket, for as long as it is asked."""

    def __init__(self, app: Gate) -> None:
        self.app = app

    def ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        """One request, one answer."""
        return self.ask_all([(method, path, request)])[0]

    def ask_all(self, requests: list[tuple[str, str, dict[str, Any]]]) -> list[httpx.Response]:
        """Requests at the same time."""

        async def run() -> list[httpx.Response]:
            async with self.client() as client:
                return await asyncio.gather(*(client.request(m, p, **r) for m, p, r in requests))

        return asyncio.run(run())

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client of the application, which serves as long as the client lives."""
        turns = Turns(self.app)
        connections: set[Connection] = set()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(turns, connections), "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with httpx.AsyncClient(base_url=url, verify=False, trust_env=False) as client:  # noqa: S501  no TLS
            yield client
        while connections:
            await asyncio.sleep(0)
        server.close()
        turns.stop()

    def get(self, path: str, **request: Any) -> httpx.Response:
        """GET."""
        return self.ask("GET", path, **request)

    def post(self, path: str, content: Any = None, **request: Any) -> httpx.Response:
        """POST of a JSON value."""
        return (
            self.ask("POST", path, json=content, **request)
            if content is not None
            else self.ask("POST", path, **request)
        )


@dataclass
class Running:
    """A server process."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def lines(self) -> list[dict[str, Any]]:
        """Its log."""
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines() if line.startswith("{")]

    def wait_for(self, path: str, status: int, seconds: float = 20) -> None:
        """Until a path answers so."""
        wait_until(lambda: get_status(self.url + path) == status, seconds, lambda: self.log.read_text())

    def metric(self, sample: str) -> float:
        """The value of one line of /metrics, 0 where it is not there."""
        text = httpx.get(f"{self.url}/metrics").text
        return next((float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(sample + " ")), 0.0)

    def terminate(self, seconds: float = 20) -> int:
        """SIGTERM, and the exit code."""
        self.process.terminate()
        return self.process.wait(seconds)

    def kill(self) -> None:
        """Gone, whatever it was doing."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def start(folder: Path, *options: str, ready: bool) -> Running:
    """``python -m serving`` on a free port."""
    port = free_port()
    log = folder / f"server-{port}.log"
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "EVENKEEL_HOME": str(folder / "home")}
    command = [sys.executable, "-m", "serving", "--port", str(port), *options]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=out)
    running = Running(process, port, log)
    if ready:
        running.wait_for("/readyz", 200)
    return running


def get_status(url: str) -> int | None:
    """The status of a GET, None where nobody answers."""
    try:
        return httpx.get(url, timeout=5).status_code
    except httpx.TransportError:
        return None


def wait_until(true: Any, seconds: float, told: Any = lambda: "") -> None:
    """Until a condition holds."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s\n{told()}"
        time.sleep(0.02)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
