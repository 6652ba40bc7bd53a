"""Clients that take their time: a request must be here within the model's time limit, or its connection ends.

Looked at once a second for all connections together, so that no request pays for a timer.
"""

import time
from collections.abc import Iterable

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Patience:
    """Remembers since when each connection owes us the rest of a request."""

    def __init__(self, idle_seconds: float) -> None:
        self._idle = idle_seconds
        self._owing: dict[HttpToolsProtocol, tuple[RequestResponseCycle | None, float]] = {}

    def look(self, connections: Iterable[HttpToolsProtocol], seconds: float) -> None:
        """Close connections that sent half a request ``seconds`` ago, or no whole head within the idle time."""
        now = time.monotonic()
        owing: dict[HttpToolsProtocol, tuple[RequestResponseCycle | None, float]] = {}
        for connection in connections:
            cycle = connection.cycle
            waits_for_head = cycle is None or cycle.response_complete  # type: ignore[redundant-expr]
            if not waits_for_head and not cycle.more_body:
                continue  # it is our turn
            before = self._owing.get(connection)
            since = before[1] if before is not None and before[0] is cycle else now
            owing[connection] = (cycle, since)
            if now - since > (self._idle if waits_for_head else seconds):
                if not waits_for_head and not cycle.response_started:
                    connection.transport.write(_TOO_SLOW)
                connection.transport.close()
        self._owing = owing
