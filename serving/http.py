"""The little of HTTP that hot routes need: a request read within limits, an answer ready to send."""

import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

import orjson

from serving.problem import RefusedError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]

JSON = (b"content-type", b"application/json")
BINARY = (b"content-type", b"application/octet-stream")
CLOSE = (b"connection", b"close")
TEXT = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class Reply(NamedTuple):
    """An answer."""

    status: int
    body: bytes
    headers: tuple[Header, ...] = (JSON,)


Handler = Callable[["Call"], Awaitable[Reply]]


class Call:
    """A request: its head at once, its body when asked for."""

    __slots__ = ("headers", "parts", "receive", "scope", "started")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.started = time.perf_counter()
        self.scope = scope
        self.receive = receive
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.parts: tuple[str, ...] = ()
        """What stands in the path where the route has a placeholder."""

    @property
    def request_id(self) -> str | None:
        """The caller's X-Request-Id, where it is one that may be repeated in headers and logs."""
        given = self.headers.get(b"x-request-id")
        return given.decode() if given is not None and _REQUEST_ID.fullmatch(given) else None

    def echoed(self) -> tuple[Header, ...]:
        """The caller's ids, as they go back: X-Request-Id and the W3C trace context."""
        echoed: tuple[Header, ...] = ()
        if (given := self.headers.get(b"x-request-id")) is not None and _REQUEST_ID.fullmatch(given):
            echoed = ((b"x-request-id", given),)
        if (trace := self.headers.get(b"traceparent")) is not None and _TRACEPARENT.fullmatch(trace):
            echoed = (*echoed, (b"traceparent", trace))
        return echoed

    async def body(self, most: int) -> bytes:
        """The whole body. Raises RefusedError where it is longer than ``most`` bytes.

        A body that does not come is the listener's business (serving.patience): it ends as DisconnectedError.
        """
        if int(self.headers.get(b"content-length", 0)) > most:
            raise _too_large(most)
        message = await self.receive()
        if message["type"] == "http.request" and not message["more_body"] and len(message["body"]) <= most:
            whole: bytes = message["body"]
            return whole
        return await self._gather(message, most)

    async def _gather(self, message: Message, most: int) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while message["type"] == "http.request":
            chunks.append(message["body"])
            size += len(chunks[-1])
            if size > most:
                raise _too_large(most)
            if not message["more_body"]:
                return b"".join(chunks)
            message = await self.receive()
        raise DisconnectedError


class DisconnectedError(Exception):
    """The caller left before the whole request was here."""


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


def _too_large(most: int) -> RefusedError:
    # What is still on its way is not read: the connection cannot be used again.
    return RefusedError(413, "too_large", f"the body has more than {most} bytes", headers=[CLOSE])
