"""The load balancer's two listeners on loopback: they lead where the simulator's rules lead."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from evenkeel.bundle import SAMPLES
from evenkeel.release import Release
from evenkeel.storage import read_bytes
from tests.ecs.fleet import Fleet

Rows = list[dict[str, Any]]
Answer = Callable[[str, Rows], dict[str, Any] | None]


class LoadBalancer:
    """Leads each request to a version, as the weights say."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._rule = ""
        self._asked = 0
        self._servers_answer: Answer = self._recorded
        self.wrong: set[str] = set()
        """Versions that answer otherwise than their bundle."""
        self._servers = [_listen(self._production), _listen(self._test)]

    @property
    def url(self) -> str:
        """The production listener."""
        return f"http://127.0.0.1:{self._servers[0].server_port}"

    @property
    def test_url(self) -> str:
        """The test listener."""
        return f"http://127.0.0.1:{self._servers[1].server_port}"

    def reset(self, rule: str, answer: Answer | None = None) -> None:
        """Lead by this rule, to these servers; without any, answer with what the bundle recorded."""
        self._rule = rule
        self._servers_answer = answer or self._recorded
        self.wrong.clear()

    def stop(self) -> None:
        """Listen no more."""
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def _production(self, rows: Rows) -> dict[str, Any] | None:
        """Of 100 requests in a row each group gets its weight."""
        self._asked += 1
        at = self._asked * 61 % 100
        for group, weight in self._fleet.shares(self._rule).items():
            if at < weight:
                return self._answer(self._fleet.groups.get(group), rows)
            at -= weight
        return None

    def _test(self, rows: Rows) -> dict[str, Any] | None:
        deployments = [each for service in self._fleet.services.values() for each in service.deployments]
        return self._answer(deployments[-1].target if deployments else None, rows)

    def _answer(self, definition: str | None, rows: Rows) -> dict[str, Any] | None:
        return None if definition is None else self._servers_answer(definition, rows)

    def _recorded(self, definition: str, rows: Rows) -> dict[str, Any]:
        record = self._fleet.environment(definition)["EVENKEEL_RELEASE_RECORD"]
        release = Release.model_validate_json(read_bytes(record))
        samples = json.loads(read_bytes(f"{release.bundle}/{SAMPLES}"))
        known = {json.dumps(sample["features"]): sample["answer"]["value"] for sample in samples}
        off = 1.0 if release.version in self.wrong else 0.0
        return {
            "version": release.version,
            "predictions": [{"value": known[json.dumps(row)] + off} for row in rows],
        }


def _listen(answer: Callable[[Rows], dict[str, Any] | None]) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told = answer(asked["rows"])
            body = json.dumps(told or {"error": "nobody"}).encode()
            self.send_response(200 if told else 503)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  http.server's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
