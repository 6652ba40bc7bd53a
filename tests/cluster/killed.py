"""Processes that die: the connection ends with them, right after one of its writes."""

from typing import Any

from evenkeel.cluster import Cluster


class KilledError(Exception):
    """This process is gone."""


def dying_after(writes: int) -> type[Cluster]:
    """A connection for that many writes; what only tries a write does not count."""
    left = [writes]

    class Dying(Cluster):
        def _raw(self, method: str, path: str, query: Any = None, *rest: Any, **named: Any) -> Any:
            answer = super()._raw(method, path, query, *rest, **named)
            if method != "GET" and "dryRun" not in (query or {}):
                left[0] -= 1
                if left[0] == 0:
                    raise KilledError
            return answer

    return Dying
