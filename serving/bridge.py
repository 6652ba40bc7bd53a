"""From our HTTP layer to an ASGI application: a request as a scope, and what comes back as one reply."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from serving.http import Call, Reply

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class Bridge:
    """Answers calls through an application that is made when the first of them comes.

    It works in the thread of pages, on an event loop of its own for each request: neither the application's import nor
    a page that takes its time is ever in the way of a prediction.
    """

    def __init__(self, make: Callable[[], Application]) -> None:
        self._make = make
        self._application: Application | None = None

    def answer(self, call: Call) -> Reply:
        """The application's answer. Raises what the application raises, and RefusedError for too long a body."""
        if self._application is None:
            self._application = self._make()
        return asyncio.run(_exchange(self._application, call, call.read()))


async def _exchange(application: Application, call: Call, body: bytes) -> Reply:
    incoming = iter([{"type": "http.request", "body": body, "more_body": False}])
    sent: list[Message] = []

    async def receive() -> Message:
        return next(incoming, {"type": "http.disconnect"})

    async def send(message: Message) -> None:
        sent.append(message)

    await application(_scope(call), receive, send)
    start, *parts = sent
    headers = ((name, value) for name, value in start["headers"] if name != b"content-length")  # the connection counts
    return Reply(start["status"], b"".join(part.get("body", b"") for part in parts), tuple(headers))


def _scope(call: Call) -> dict[str, Any]:
    """HEAD comes as GET: the connection leaves the body out. The call itself is in ``state``."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET" if call.method == "HEAD" else call.method,
        "scheme": "http",
        "path": call.path,
        "query_string": call.query,
        "root_path": "",
        "headers": list(call.headers.items()),
        "client": None,
        "server": None,
        "state": {"call": call},
    }
