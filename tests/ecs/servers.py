"""Tasks that are real servers: a process for each task definition, started as the definition says."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.ecs.fleet import Fleet
from tests.serving.running import Running, start


class Servers:
    """One process per task definition, started when it is first asked."""

    def __init__(self, fleet: Fleet, folder: Path) -> None:
        self._fleet = fleet
        self._folder = folder
        self._running: dict[str, Running] = {}

    def answer(self, definition: str, rows: list[dict[str, Any]]) -> dict[str, Any] | None:
        """What the server of this definition says to the rows; None where it says no."""
        if definition not in self._running:
            self._running[definition] = serve(self._fleet.server(definition), self._folder)
        answer = httpx.post(f"{self._running[definition].url}/predict", json={"rows": rows})
        return dict(answer.json()) if answer.status_code == 200 else None

    def stop(self) -> None:
        """SIGTERM to all: the ledger is written."""
        for running in self._running.values():
            running.terminate()


def serve(container: Mapping[str, Any], folder: Path) -> Running:
    """The server container of a task definition, as a process on a free port."""
    command: list[str] = list(container["command"])
    for option in ("--host", "--port"):
        at = command.index(option)
        del command[at : at + 2]
    with pytest.MonkeyPatch.context() as patch:
        for each in container["environment"]:
            patch.setenv(each["name"], each["value"])
        return start(folder, *command, "--drain", "0", ready=True)
