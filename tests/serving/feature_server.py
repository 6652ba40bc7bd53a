"""A server that answers as ``feast serve`` does (tests/engines holds the real one to the same)."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LONG_AGO = "1970-01-01T00:00:00Z"


@dataclass
class FakeFeast:
    """What it knows, and what it was asked."""

    known: dict[str, dict[str, Any]]
    """Person -> feature -> value."""
    unknown: str = "NOT_FOUND"
    """What it says of others: PRESENT with some stores."""
    features: tuple[str, ...] = ("income", "height")
    at: str = "2026-01-01T00:00:00Z"
    status: int = 200
    """0: close the connection instead of an answer."""
    silent: threading.Event | None = None
    """Where there is one, it is waited for before each answer."""
    hang_up: bool = False
    """Close each connection after the answer, without a word of it."""
    asked: list[Any] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)
    url: str = ""

    def answer(self, question: Any) -> Any:
        people = question["entities"]["person"]
        results = [
            {"values": people, "statuses": ["PRESENT"] * len(people), "event_timestamps": [LONG_AGO] * len(people)}
        ]
        for name in self.features:
            found = [self.known.get(person) for person in people]
            results.append(
                {
                    "values": [None if row is None else row[name] for row in found],
                    "statuses": [self.unknown if row is None else "PRESENT" for row in found],
                    "event_timestamps": [LONG_AGO if row is None else self.at for row in found],
                }
            )
        return {"metadata": {"feature_names": ["person", *self.features]}, "results": results}


@contextmanager
def serving(feast: FakeFeast) -> Iterator[FakeFeast]:
    """The server at ``feast.url``, on connections that are kept open."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            feast.asked.append((self.path, question))
            if feast.silent is not None:
                feast.silent.wait(20)
            if feast.status == 0:
                self.close_connection = True
                return
            feast.connections.add(self.client_address)
            body = json.dumps(feast.answer(question) if feast.status == 200 else "wrong").encode()
            self.send_response(feast.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = feast.hang_up

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    feast.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield feast
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
