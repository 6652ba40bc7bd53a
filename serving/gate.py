"""What stands before all handlers: keys, routes, and that nothing but a JSON error leaves when something breaks."""

import logging
from collections.abc import Iterable, Mapping

from evenkeel.config.operation import Limits
from serving.auth import Keys
from serving.http import Call, Reply, Route, refused
from serving.model import Slot
from serving.problem import RefusedError

_log = logging.getLogger("evenkeel.gate")

Methods = Mapping[str, Route]

_PROBES = frozenset({"/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"})
_READING = ("GET", "HEAD")
_FAILED = RefusedError(500, "internal", "the server failed to answer; its log says why")


class Gate:
    """Routes by path, then by method."""

    def __init__(
        self,
        slot: Slot,
        routes: Mapping[str, Methods],
        models: Mapping[str, Mapping[str, Methods]],
        keys: Keys | None = None,
        open_paths: Iterable[str] = (),
    ) -> None:
        self.slot = slot
        self._routes = routes
        self._models = models
        """Prefix before a model's name -> what follows name (and version) -> methods."""
        self._keys = keys
        self._open = _PROBES.union(open_paths)
        """What may be read without a key."""

    def open(self, call: Call) -> None:
        """Find who answers, or why the request is refused; say how long its body may be."""
        model = self.slot.model
        limits = model.project.serving.limits if model is not None else Limits()
        call.most = int(limits.max_body_mb * 2**20)
        try:
            if self._keys is not None and not (call.path in self._open and call.method in _READING):
                self._keys.who(call.headers)
            call.route = _method(self._find(call), call.method)
        except RefusedError as refusal:
            call.refusal = refusal
            return
        self.slot.inside += call.route.heavy

    def answer(self, call: Call) -> Reply:
        """The answer to a request that was opened. Never raises."""
        try:
            if call.route is None:
                raise call.refusal or _FAILED
            return call.route.handler(call)
        except RefusedError as refusal:
            return refused(refusal)
        except Exception:
            _log.exception("a request failed", extra={"path": call.path, "request_id": call.request_id})
            return refused(_FAILED)

    def close(self, call: Call) -> None:
        """The call was answered, or its caller left."""
        if call.route is not None:
            self.slot.inside -= call.route.heavy

    def _find(self, call: Call) -> Methods:
        methods = self._routes.get(call.path)
        if methods is not None:
            return methods
        for prefix, suffixes in self._models.items():
            if call.path.startswith(prefix):
                name, separator, rest = _split(call.path[len(prefix) :])
                call.parts, suffix = _version(name, separator + rest)
                if suffix in suffixes:
                    return suffixes[suffix]
        raise RefusedError(404, "not_found", f"there is nothing at {call.path[:200]!r}; see /docs")


def _method(methods: Methods, method: str) -> Route:
    found = methods.get("GET" if method == "HEAD" else method)
    if found is None:
        allowed = ", ".join(methods)
        raise RefusedError(405, "method", f"send {allowed}, not {method[:20]}", headers=[(b"allow", allowed.encode())])
    return found


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
