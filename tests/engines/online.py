"""Online stores as Feast knows them: SQLite on a laptop, Redis and DynamoDB (moto's server) in clusters."""

import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import pytest
from moto.server import ThreadedMotoServer

from tests.serving.running import free_port, wait_until

SECRET = "hunter2-and-a-half"


class Online(Protocol):
    """A store that can go away and come back with what it had."""

    described: str
    """As it stands in feature_store.yaml."""
    environment: Mapping[str, str]
    """What that needs besides."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Sqlite:
    """A file, which is always there."""

    described = "{type: sqlite, path: online.db}"
    environment: Mapping[str, str] = {}

    def __init__(self, folder: Path) -> None:
        del folder

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Redis:
    """A Redis server with a password, which keeps what it was told in a file."""

    environment: Mapping[str, str] = {"PEOPLE_REDIS_PASSWORD": SECRET}

    def __init__(self, folder: Path) -> None:
        if shutil.which("redis-server") is None:
            pytest.skip("needs redis-server: apt-get install redis-server")
        self._folder, self._port = folder, free_port()
        self.described = (
            f"{{type: redis, connection_string: '127.0.0.1:{self._port},password=${{PEOPLE_REDIS_PASSWORD}}'}}"
        )

    def start(self) -> None:
        settings = f"bind 127.0.0.1\nport {self._port}\nrequirepass {SECRET}\nsave ''\nappendonly yes\n"
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["redis-server", "-"], cwd=self._folder, stdin=subprocess.PIPE, stdout=log, stderr=log
            )
        assert self._process.stdin is not None
        with self._process.stdin as given:
            given.write(settings.encode())
        wait_until(self._answers, 20, (self._folder / "redis.log").read_text)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def hang(self) -> None:
        """It takes connections and questions, and answers none."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def _answers(self) -> bool:
        """Whether it has read its file: until then it says so instead of asking for the password."""
        try:
            with socket.create_connection(("127.0.0.1", self._port), 5) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(100).startswith(b"-NOAUTH")
        except OSError:
            return False


class DynamoDB:
    """DynamoDB's API, its tables in this process."""

    environment: Mapping[str, str] = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_CONFIG_FILE": "none",
        "AWS_SHARED_CREDENTIALS_FILE": "none",
        "AWS_EC2_METADATA_DISABLED": "true",
    }

    def __init__(self, folder: Path) -> None:
        del folder
        self._port = free_port()
        self.described = f"{{type: dynamodb, region: us-east-1, endpoint_url: 'http://127.0.0.1:{self._port}'}}"

    def start(self) -> None:
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=self._port, verbose=False)
        self._server.start()

    def stop(self) -> None:
        self._server.stop()


STORES: Mapping[str, Callable[[Path], Online]] = {"sqlite": Sqlite, "redis": Redis, "dynamodb": DynamoDB}
