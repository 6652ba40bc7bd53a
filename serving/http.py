"""A request as handlers see it, and an answer ready to be sent."""

import re
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from serving.problem import RefusedError

Header = tuple[bytes, bytes]

JSON = (b"content-type", b"application/json")
BINARY = (b"content-type", b"application/octet-stream")
HTML = (b"content-type", b"text/html; charset=utf-8")
TEXT = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class Reply(NamedTuple):
    """An answer."""

    status: int
    body: bytes
    headers: tuple[Header, ...] = (JSON,)


Handler = Callable[["Call"], Reply]


class Route(NamedTuple):
    """Who answers. ``heavy``: the model does, which others must not wait for; ``aside``: in the thread of pages."""

    handler: Handler
    heavy: bool = False
    aside: bool = False


class Call:
    """A request: its head, and its body as it comes in."""

    __slots__ = (
        *("_chunks", "complete", "gone", "headers", "keep_alive", "method", "most"),
        *("parts", "path", "query", "refusal", "route", "size", "started"),
    )

    def __init__(self, method: str, path: str, query: bytes, headers: dict[bytes, bytes]) -> None:
        self.started = time.perf_counter()
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.parts: tuple[str, ...] = ()
        """What stands in the path where the route has a placeholder."""
        self.route: Route | None = None
        self.refusal: RefusedError | None = None
        """Why it is refused by its head alone."""
        self.most = 0
        """Bytes that the body may have."""
        self.size = 0
        self.complete = False
        self.keep_alive = True
        self.gone = False
        """The caller left: nobody reads the answer."""
        self._chunks: list[bytes] = []

    @property
    def request_id(self) -> str | None:
        """The caller's X-Request-Id, where it is one that may be repeated in headers and logs."""
        given = self.headers.get(b"x-request-id")
        return given.decode() if given is not None and _REQUEST_ID.fullmatch(given) else None

    @property
    def too_large(self) -> bool:
        """Whether the body is longer than it may be."""
        return self.size > self.most

    def echoed(self) -> tuple[Header, ...]:
        """The caller's ids, as they go back: X-Request-Id and the W3C trace context."""
        echoed: tuple[Header, ...] = ()
        if (given := self.headers.get(b"x-request-id")) is not None and _REQUEST_ID.fullmatch(given):
            echoed = ((b"x-request-id", given),)
        if (trace := self.headers.get(b"traceparent")) is not None and _TRACEPARENT.fullmatch(trace):
            echoed = (*echoed, (b"traceparent", trace))
        return echoed

    def add(self, chunk: bytes) -> None:
        """Take a part of the body in, unless nobody is going to read it."""
        self.size += len(chunk)
        if self.refusal is None and self.size <= self.most:
            self._chunks.append(chunk)

    def read(self) -> bytes:
        """The whole body. Raises RefusedError where it is longer than it may be."""
        if self.too_large:
            raise RefusedError(413, "too_large", f"the body has more than {self.most} bytes")
        return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)


def decode(body: bytes) -> Any:
    """The JSON value of a body, strictly: no NaN, no Infinity, UTF-8. Raises RefusedError."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        told = str(exc) if body else "the body is empty"
        raise RefusedError(400, "malformed", f"the body is not JSON: {told}") from exc


def require_json(call: Call) -> None:
    """Raise RefusedError where the request says that its body is something else than plain JSON."""
    content_type = call.headers.get(b"content-type")
    if content_type is not None and content_type != b"application/json":
        essence = content_type.partition(b";")[0].strip().lower()
        if essence != b"application/json":
            told = essence.decode("latin-1")[:100]
            raise RefusedError(415, "content_type", f"send content-type application/json, not {told!r}")
    if b"content-encoding" in call.headers:
        raise RefusedError(415, "content_encoding", "send the body as it is, without content-encoding")


def encode(value: Any, status: int = 200, headers: tuple[Header, ...] = ()) -> Reply:
    """A JSON answer."""
    return Reply(status, orjson.dumps(value), (JSON, *headers))


def refused(refusal: RefusedError) -> Reply:
    """The answer to a request that is refused."""
    return encode(refusal.body(), refusal.status, refusal.headers)
