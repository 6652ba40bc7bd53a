"""The ASGI application that stands before FastAPI: it owns all routes but the API pages.

What every answer has in common is done here: keys, the caller's ids, ``Connection: close`` while the server drains,
and that nothing but a JSON error leaves when something breaks.
"""

import logging
from collections.abc import Mapping

from serving.auth import Keys
from serving.http import CLOSE, Call, DisconnectedError, Handler, Header, Message, Receive, Reply, Scope, Send, refused
from serving.model import Slot
from serving.pages import Pages
from serving.problem import RefusedError

_log = logging.getLogger("evenkeel.gate")

Methods = Mapping[str, Handler]

_PROBES = frozenset({"/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"})
_FAILED = RefusedError(500, "internal", "the server failed to answer; its log says why")


class Gate:
    """Routes by path, then by method."""

    def __init__(
        self,
        slot: Slot,
        routes: Mapping[str, Methods],
        models: Mapping[str, Mapping[str, Methods]],
        pages: Pages,
        keys: Keys | None = None,
        open_paths: frozenset[str] = frozenset(),
    ) -> None:
        self._slot = slot
        self._routes = routes
        self._models = models
        """Prefix before a model's name -> what follows name (and version) -> methods."""
        self._pages = pages
        self._keys = keys
        self._open = _PROBES | open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        call = Call(scope, receive)
        try:
            if self._keys is not None and scope["path"] not in self._open:
                self._keys.who(call.headers)
            if scope["path"] in self._pages.paths:
                await self._pages(scope, receive, self._marked(call, send))
                return
            methods = self._find(call)
            reply = await _method(methods, scope["method"])(call)
        except RefusedError as refusal:
            reply = refused(refusal)
        except DisconnectedError:
            return
        except Exception:
            _log.exception("a request failed", extra={"path": scope["path"], "request_id": call.request_id})
            reply = refused(_FAILED)
        await self._send(call, reply, send)

    def _find(self, call: Call) -> Methods:
        path: str = call.scope["path"]
        methods = self._routes.get(path)
        if methods is not None:
            return methods
        for prefix, suffixes in self._models.items():
            if path.startswith(prefix):
                name, separator, rest = _split(path[len(prefix) :])
                call.parts, suffix = _version(name, separator + rest)
                if suffix in suffixes:
                    return suffixes[suffix]
        raise RefusedError(404, "not_found", f"there is nothing at {path[:200]!r}; see /docs")

    async def _send(self, call: Call, reply: Reply, send: Send) -> None:
        headers = [*reply.headers, (b"content-length", str(len(reply.body)).encode()), *self._common(call)]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})

    def _common(self, call: Call) -> tuple[Header, ...]:
        return (*call.echoed(), CLOSE) if self._slot.draining else call.echoed()

    def _marked(self, call: Call, send: Send) -> Send:
        """A ``send`` that puts what all answers have in common on a page's."""

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self._common(call)]
            await send(message)

        return marked


def _method(methods: Methods, method: str) -> Handler:
    handler = methods.get("GET" if method == "HEAD" else method)
    if handler is None:
        allowed = ", ".join(methods)
        raise RefusedError(405, "method", f"send {allowed}, not {method[:20]}", headers=[(b"allow", allowed.encode())])
    return handler


def _split(rest: str) -> tuple[str, str, str]:
    """Name, separator and the rest of ``name/infer`` or ``name:predict``."""
    ends = [at for mark in "/:" if (at := rest.find(mark)) >= 0]
    if not ends:
        return rest, "", ""
    at = min(ends)
    return rest[:at], rest[at], rest[at + 1 :]


def _version(name: str, suffix: str) -> tuple[tuple[str, ...], str]:
    """``/versions/3/infer`` -> ((name, "3"), "/infer")."""
    if not suffix.startswith("/versions/"):
        return (name,), suffix
    version, slash, rest = suffix.removeprefix("/versions/").partition("/")
    return (name, version), slash + rest
