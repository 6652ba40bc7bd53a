"""One HTTP/1.1 connection: bytes in, calls; replies, bytes out. httptools (Node's llhttp) parses.

A complete request that is cheap or has its turn is answered at once, in one write, without a task: this is what makes
the server fast. Requests that were sent without waiting for answers (pipelining) are answered in order. What a client
can make us hold is bounded: the head, the body, requests sent ahead, answers that are not read.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from http import HTTPStatus
from typing import Protocol, cast
from urllib.parse import unquote

import httptools

from serving.http import Call, Header, Reply, refused
from serving.problem import RefusedError

_MOST_HEAD = 1 << 16
"""Bytes of a request's line and headers."""
_AHEAD = 16
"""Requests that a client may send without waiting for answers before we stop reading."""
_DROPPED = 1 << 20
"""Bytes of a refused request's body that are read to keep the connection."""
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Wait(Enum):
    """What a connection waits for from its client."""

    IDLE = "a request"
    REQUEST = "the rest of a request"
    READING = "that answers are read"


class Desk(Protocol):
    """Where calls are taken in and answered."""

    def open(self, call: Call) -> None:
        """A head is here: find who answers, or why it is refused; say how long its body may be."""

    def take(self, call: Call, later: Callable[[Reply], None]) -> Reply | None:
        """A request is here: its answer, or None where ``later`` is going to be called with it."""

    def close(self, call: Call) -> None:
        """The call was answered, or its caller left."""

    @property
    def leaving(self) -> bool:
        """Whether clients should go elsewhere after their answer."""


class Connection(asyncio.Protocol):
    """What asyncio calls with a client's bytes."""

    def __init__(self, desk: Desk, connections: "set[Connection]") -> None:
        self._desk = desk
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._calls: deque[Call] = deque()
        """Requests whose head is here, in order; only the first is being answered."""
        self._incoming: Call | None = None
        """The last of them, while its body is on its way."""
        self._in_head = False
        self._head_bytes = 0
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._answering = False
        self._unread = False
        self._deaf = False
        """What the client sends is dropped."""
        self._ending = False
        """After the answer under way the connection ends."""
        self._ended = False
        self.requests = 0
        """Requests whose head came, in all."""

    # what asyncio tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is here."""
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """It left."""
        del exc
        self._ended = True
        self._connections.discard(self)
        for call in self._calls:
            call.gone = True
            self._desk.close(call)
        self._calls.clear()
        del self._parser  # holds us, and we it

    def data_received(self, data: bytes) -> None:
        """It sent something."""
        if self._deaf or self._ended:  # read all the same: closing a socket with unread bytes would lose our answer
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._deaf = self._ending = True  # it is answered in HTTP/1.1; what follows would be another protocol
            self._advance()
        except httptools.HttpParserCallbackError:
            raise  # our mistake, not the client's: asyncio logs it and closes the connection
        except httptools.HttpParserError:
            self._refuse(RefusedError(400, "malformed", "this is not an HTTP/1.1 request"))
            return
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > _MOST_HEAD:
                self._refuse(RefusedError(431, "too_large", f"the headers have more than {_MOST_HEAD} bytes"))
        if len(self._calls) > _AHEAD:
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        """It does not read its answers: it gets no more of them until it does."""
        self._unread = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It reads again."""
        self._unread = False
        self._advance()

    # what the parser tells

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._in_head = True
        self._head_bytes = 0
        self._url = b""
        self._headers = {}

    def on_url(self, url: bytes) -> None:
        """A part of the request's target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; trailers are not looked at."""
        if self._in_head:
            self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """The head is here."""
        self._in_head = False
        self.requests += 1
        path, query = _target(self._url)
        call = Call(self._parser.get_method().decode("ascii"), path, query, self._headers)
        self._calls.append(call)
        self._incoming = call
        self._desk.open(call)
        length = self._headers.get(b"content-length")
        if length is not None and int(length) > call.most:
            call.size = int(length)
            self._answer_early(call)
        elif b"expect" in self._headers and call.refusal is None and len(self._calls) == 1:
            self._transport.write(_CONTINUE)

    def on_body(self, chunk: bytes) -> None:
        """A part of the body."""
        call = self._incoming
        if call is not None:
            call.add(chunk)
            if call.too_large and (call.refusal is None or call.size > _DROPPED):
                self._answer_early(call)

    def on_message_complete(self) -> None:
        """The request is here."""
        call = self._incoming
        if call is None:
            return
        self._incoming = None
        call.complete = True
        call.keep_alive = self._parser.should_keep_alive() and self._parser.get_http_version() != "1.0"
        self._advance()

    # what goes back

    def leave(self, *, fresh: bool) -> None:
        """The server leaves: end now where nothing is under way, else with the answer.

        ``fresh``: connections that never sent a request end too; until then they have a moment to send it.
        """
        self._ending = True
        if not self._calls and not self._in_head and (fresh or self.requests):
            self._transport.close()

    def waits_for(self) -> Wait | None:
        """What the client owes; None while it is our turn."""
        if self._unread or self._ended:
            return Wait.READING
        if self._calls and self._calls[0].complete:
            return None
        return Wait.REQUEST if self._in_head or self._calls else Wait.IDLE

    def give_up(self, wait: Wait) -> None:
        """It owed for too long."""
        if wait is Wait.REQUEST and not self._ended:
            self._refuse(RefusedError(408, "slow", "the request did not come in time"))
        if wait is Wait.READING:
            self._transport.abort()
        else:
            self._transport.close()

    def _answer_early(self, call: Call) -> None:
        """A body too long to be waited for: answered, or refused, as if it were here; then the connection ends."""
        self._incoming = None
        call.complete = True
        call.keep_alive = False
        self._advance()

    def _advance(self) -> None:
        """Answer what is here, one after another."""
        calls = self._calls
        while calls and calls[0].complete and not self._answering and not self._unread and not self._ended:
            self._answering = True
            reply = self._desk.take(calls[0], self._later)
            if reply is not None:
                self._send(reply)
        if len(calls) <= _AHEAD and not self._unread and not self._ended:
            self._transport.resume_reading()

    def _later(self, reply: Reply) -> None:
        if self._calls:
            self._send(reply)
            self._advance()

    def _send(self, reply: Reply) -> None:
        call = self._calls.popleft()
        self._answering = False
        self._desk.close(call)
        ends = self._ending or not call.keep_alive or self._desk.leaving
        self._transport.write(wire_form(reply, call.echoed(), ends=ends, body=call.method != "HEAD"))
        if ends:
            self._end()

    def _refuse(self, refusal: RefusedError) -> None:
        """The last answer of a connection that cannot go on, unless another one is under way: that is the last."""
        self._deaf = True
        if self._answering:
            self._ending = True
            return
        self._transport.write(wire_form(refused(refusal), (), ends=True, body=True))
        self._end()

    def _end(self) -> None:
        """Say that this was the last answer, and let the client close: so it is sure to read it."""
        self._ended = True
        self._transport.resume_reading()
        if self._transport.can_write_eof():
            self._transport.write_eof()


def wire_form(reply: Reply, echoed: tuple[Header, ...], *, ends: bool, body: bool) -> bytes:
    """An answer as it is sent. ``ends``: with ``Connection: close``; ``body``: not for HEAD."""
    content = reply.body
    head = _head(reply.status, reply.headers)
    extra = b"".join(b"%s: %s\r\n" % header for header in echoed) if echoed else b""
    close = b"connection: close\r\n" if ends else b""
    return b"%s%s%scontent-length: %d\r\n\r\n%s" % (head, extra, close, len(content), content if body else b"")


@lru_cache(maxsize=64)
def _head(status: int, headers: tuple[Header, ...]) -> bytes:
    lines = b"".join(b"%s: %s\r\n" % header for header in headers)
    return b"HTTP/1.1 %d %s\r\n%s" % (status, HTTPStatus(status).phrase.encode(), lines)


def _target(url: bytes) -> tuple[str, bytes]:
    """Path, percent-decoded, and query of a request's target."""
    path, _, query = url.partition(b"?")
    if not path.startswith(b"/"):  # absolute form, as proxies are asked
        path = b"/" + path.partition(b"://")[2].partition(b"/")[2]
    text = path.decode("latin-1")
    return (unquote(text) if "%" in text else text), query
