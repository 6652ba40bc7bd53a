"""Processes that die: the connection ends with them, right after one of its writes."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from typing import Any

from evenkeel.cluster import Cluster
from tests.cluster.field import Field


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


def followed_kills(field: Field) -> Iterator[int]:
    """How many writes each process had that rolled out version 2, once another one has gone on to the end."""
    field.steps = ({"traffic": 50, "bake_minutes": 0, "checks": ["errors"]},)
    field.roll_out("1")
    for writes in count(1):
        with suppress(KilledError):
            doomed = field.process(f"me-{writes}", field.driver(dying_after(writes)))
            doomed.apply(field.project, field.bundle("2"), "2")
            return
        field.process(f"next-{writes}").apply(field.project, field.bundle("2"), "2")
        assert field.served() == ("2", None, 0)
        yield writes
        field.process().rollback("people", "for the next round")
        assert field.served() == ("1", None, 0)
