"""Clients that take their time: a request must be here, and an answer read, within the model's time limit.

Looked at once a second for all connections together, so that no request pays for a timer.
"""

import time
from collections.abc import Iterable

from serving.connection import Connection, Wait


class Patience:
    """Remembers since when each connection owes us something."""

    def __init__(self, idle_seconds: float) -> None:
        self._idle = idle_seconds
        self._owing: dict[Connection, tuple[Wait, int, float]] = {}

    def look(self, connections: Iterable[Connection], seconds: float) -> None:
        """Give up connections that owe the same for ``seconds``, or a next request for the idle time."""
        now = time.monotonic()
        owing: dict[Connection, tuple[Wait, int, float]] = {}
        for connection in list(connections):
            wait = connection.waits_for()
            if wait is None:
                continue  # it is our turn
            before = self._owing.get(connection)
            same = before is not None and before[:2] == (wait, connection.requests)
            since = before[2] if before is not None and same else now
            if now - since > (self._idle if wait is Wait.IDLE else seconds):
                connection.give_up(wait)
            else:
                owing[connection] = (wait, connection.requests, since)
        self._owing = owing
