"""A gateway on loopback that reads HTTPRoutes from the API server and routes by them, as a real one does.

Cluster networking is a function from a Service to the URL of its server. Weights are dealt in turn, so that a test can
count them; mirrored copies are counted and go nowhere.
"""

import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from tests.cluster.kubelet import GATEWAYS

Object = dict[str, Any]


class Gateway:
    """Routes of one namespace."""

    def __init__(self, api: httpx.Client, namespace: str, backend: Callable[[str], str]) -> None:
        self.api = api
        self.namespace = namespace
        self.backend = backend
        """The URL of a Service's server."""
        self.answered: Counter[str] = Counter()
        self.mirrored: Counter[str] = Counter()
        self.url = ""
        self._turn = 0

    def choose(self, headers: dict[str, str]) -> str | None:
        """The Service for a request; None: 404."""
        host = headers.get("host", "").partition(":")[0]
        rules = [
            rule for route in self._routes() if host in route["spec"]["hostnames"] for rule in route["spec"]["rules"]
        ]
        fitting = [rule for rule in rules if _fits(rule, headers) and rule.get("backendRefs")]
        if not fitting:
            return None
        rule = max(fitting, key=lambda each: len(each["matches"][0].get("headers", [])))
        for each in rule.get("filters", []):
            self.mirrored[each["requestMirror"]["backendRef"]["name"]] += 1
        weighted = [each["name"] for each in rule["backendRefs"] for _ in range(each.get("weight", 1))]
        if not weighted:
            return None
        self._turn += 61  # prime to 100: each hundred requests meet each place once
        return str(weighted[self._turn % len(weighted)])

    def _routes(self) -> list[Object]:
        answer = self.api.get(f"{GATEWAYS}/namespaces/{self.namespace}/httproutes").raise_for_status()
        routes: list[Object] = answer.json()["items"]
        return routes

    def ask(self, host: str, times: int) -> Counter[int]:
        """Statuses of that many requests without any header of a version."""
        request = httpx.Client(base_url=self.url, headers={"Host": host}, trust_env=False)
        with request as client:
            return Counter(client.post("/predict", json={"rows": []}).status_code for _ in range(times))


@contextmanager
def running_gateway(api: httpx.Client, namespace: str, backend: Callable[[str], str]) -> Iterator[Gateway]:
    """On a free port, gone with the block."""
    gateway = Gateway(api, namespace, backend)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            service = gateway.choose(headers)
            if service is None:
                self.send_error(404)
                return
            gateway.answered[service] += 1
            status, answer = _pass_on(gateway.backend(service) + self.path, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    gateway.url = f"http://127.0.0.1:{listener.server_address[1]}"
    thread = threading.Thread(target=listener.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield gateway
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


def _fits(rule: Object, headers: dict[str, str]) -> bool:
    wanted = [each for match in rule["matches"] for each in match.get("headers", [])]
    return all(headers.get(each["name"].lower()) == each["value"] for each in wanted)


def _pass_on(url: str, body: bytes) -> tuple[int, bytes]:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310  a server of ours
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
