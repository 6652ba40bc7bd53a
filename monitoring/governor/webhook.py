"""``python -m monitoring webhook``: takes Alertmanager's notifications and asks the governor.

``POST /alerts`` is Alertmanager's webhook, version 4. One notification may hold firing and resolved alerts of several
models: each is decided on by its own status. Alertmanager delivers again what was not answered with 2xx, so what
cannot be decided now (memory or ledger away) is answered with 503. ``POST /approvals``: monitoring.governor.approve.
"""

import argparse
import datetime as dt
import hmac
import json
import logging
import signal
import sys
from collections.abc import Iterable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from types import FrameType
from typing import Any, Literal, NoReturn

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ValidationError

from evenkeel.errors import EvenkeelError, SettingsError
from evenkeel.settings import Settings, read_settings
from monitoring.governor.approve import approve
from monitoring.governor.ask import answer
from monitoring.governor.decide import Ask, Trigger
from monitoring.governor.metrics import Decisions
from monitoring.governor.place import open_state
from monitoring.governor.state import State

MOST_BYTES = 1 << 20
"""Largest body that is read; Alertmanager's are a few kilobytes."""
_SECONDS = 30
"""Longest wait for a caller's next bytes."""
TRIGGERS: dict[str, Trigger] = {"drift": "drift", "performance": "performance"}
"""Label ``category`` of an alert -> trigger."""

_log = logging.getLogger(__name__)


class Alert(BaseModel):
    """What is read of one alert."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] = {}


class Notification(BaseModel):
    """What is read of a notification; the other fields are for other receivers."""

    version: Literal["4"]
    alerts: list[Alert]


def to_ask(alert: Alert) -> Ask | None:
    """The wish that an alert is, None for one that is none: resolved, or for people."""
    labels = alert.labels
    trigger = TRIGGERS.get(labels.get("category", ""))
    if alert.status != "firing" or labels.get("action") != "retrain" or trigger is None or not labels.get("model"):
        return None
    summary = " ".join(alert.annotations.get("summary", "").split())
    reason = ": ".join(filter(None, [labels.get("alertname", "alert"), summary]))
    return Ask(labels["model"], labels.get("model_version", ""), trigger, reason)


class Webhook(ThreadingHTTPServer):
    """The server. ``token`` None: whoever reaches it may ask."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, place: tuple[str, int], settings: Settings, state: State, token: str | None) -> None:
        self.settings, self.state, self.token = settings, state, token
        self.one_at_a_time = Lock()  # two alerts of a notification must not find each other's flight taken
        self.registry = CollectorRegistry()
        self.registry.register(Decisions(state))
        ProcessCollector(registry=self.registry)
        super().__init__(place, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: Webhook
    timeout = _SECONDS
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        match self.path:
            case "/healthz":
                self._say(HTTPStatus.OK, b"ok\n")
            case "/metrics":
                self._say(HTTPStatus.OK, generate_latest(self.server.registry), CONTENT_TYPE_LATEST)
            case _:
                self._say(HTTPStatus.NOT_FOUND, b"POST /alerts and /approvals, GET /metrics and /healthz are here\n")

    def do_POST(self) -> None:
        self.close_connection = True  # of a refused body nothing is read
        if self.path != "/approvals" and not self._may():  # approvals have tokens of their own
            self._say(HTTPStatus.UNAUTHORIZED, b"send Authorization: Bearer <EVENKEEL_WEBHOOK_TOKEN>\n")
        elif self.path not in ("/alerts", "/approvals"):
            self._say(HTTPStatus.NOT_FOUND, b"notifications go to /alerts, approvals to /approvals\n")
        elif (length := self._length()) is None:
            self._say(HTTPStatus.LENGTH_REQUIRED, b"send Content-Length\n")
        elif length > MOST_BYTES:
            self._say(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {MOST_BYTES} bytes\n".encode())
        elif self.path == "/approvals":
            self._approve(self.rfile.read(length))
        else:
            self._take(self.rfile.read(length))

    def _approve(self, body: bytes) -> None:
        with self.server.one_at_a_time:
            now = dt.datetime.now(dt.UTC)
            answered = approve(body, self.headers.get("Authorization", ""), self.server.settings, now)
        self._json(*answered)

    def _take(self, body: bytes) -> None:
        try:
            notification = Notification.model_validate_json(body)
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            self._json(HTTPStatus.BAD_REQUEST, {"error": f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"})
            return
        try:
            decisions = list(self._decide(notification.alerts))
        except (EvenkeelError, OSError) as error:
            _log.error("%s", error)
            self._json(HTTPStatus.SERVICE_UNAVAILABLE, {"error": str(error)})
            return
        self._json(HTTPStatus.OK, {"decisions": decisions})

    def _decide(self, alerts: Iterable[Alert]) -> Iterable[dict[str, Any]]:
        for alert in alerts:
            ask = to_ask(alert)
            if ask is not None:
                with self.server.one_at_a_time:
                    decision = answer(ask, self.server.settings, self.server.state, dt.datetime.now(dt.UTC))
                _log.info("%s %s: %s: %s", ask.project, ask.version, decision.rule, decision.reason)
                yield {"model": ask.project, "decision": decision.rule, "reason": decision.reason}

    def _may(self) -> bool:
        if self.server.token is None:
            return True
        scheme, _, given = self.headers.get("Authorization", "").partition(" ")
        same = hmac.compare_digest(given.strip().encode(), self.server.token.encode())
        return same and scheme.lower() == "bearer"

    def _length(self) -> int | None:
        text = self.headers.get("Content-Length", "")
        return int(text) if text.isdecimal() else None

    def _json(self, status: HTTPStatus, content: Any) -> None:
        self._say(status, json.dumps(content).encode() + b"\n", "application/json")

    def _say(self, status: HTTPStatus, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
        """Nothing: decisions are logged, requests are noise."""


def main(arguments: list[str]) -> int:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m monitoring webhook", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 in a container")
    parser.add_argument("--port", type=int, default=9106, help="port to listen on; 0: any free one")
    options = parser.parse_args(arguments)
    settings = read_settings()
    token = settings.webhook_token.get_secret_value() if settings.webhook_token else None
    if token is None and options.host not in ("127.0.0.1", "::1", "localhost"):
        raise SettingsError(f"--host {options.host}: others can reach it, so set EVENKEEL_WEBHOOK_TOKEN")
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    signal.signal(signal.SIGTERM, _stop)
    with Webhook((options.host, options.port), settings, open_state(settings), token) as server:
        print(f"http://{options.host}:{server.server_port}/alerts", file=sys.stderr, flush=True)
        server.serve_forever()
    return 0


def _stop(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001  what signal calls it with
    raise SystemExit(0)
