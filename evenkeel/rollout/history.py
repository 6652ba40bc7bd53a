"""Everything that was ever decided about a project at one place: what the journal, which must be small, cannot keep.

::

    <bundles>/<project>/<place>/history/<time>-<digest>-<action>.json     one decision, written once

A decision is made by the compare-and-swap that writes it into the journal, so it stands there once, whoever is killed.
It is copied afterwards, under a name made of nothing but itself, so that a copy made twice is one. Before a version is
rolled out, which will push the oldest line out of the journal, whatever was not copied yet is.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from evenkeel.errors import RolloutError
from evenkeel.rollout.journal import Decision
from evenkeel.storage import list_below, read_bytes, write_bytes

_THREADS = 8
"""Objects read at a time: latency, not bandwidth, bounds small ones."""


def keep(folder: str, lines: Iterable[Decision]) -> None:
    """Copy what is not there yet; what is there is never written again. Raises StorageError."""
    there = set(list_below(folder))
    for line in lines:
        if (name := _name(line)) not in there:
            write_bytes(f"{folder}/{name}", line.model_dump_json(indent=1).encode() + b"\n")


def read(folder: str, lines: Sequence[Decision]) -> list[Decision]:
    """All of it with the journal's ``lines``, which need not be copied yet; oldest first.

    Raises StorageError, and RolloutError for one that was edited and cannot be read.
    """
    known = {_name(line): line for line in lines}
    older = [name for name in list_below(folder) if name not in known]
    with ThreadPoolExecutor(_THREADS) as pool:
        kept = pool.map(lambda name: _parsed(f"{folder}/{name}"), older)
        return sorted([*kept, *lines], key=lambda line: line.at)


def _name(line: Decision) -> str:
    return f"{line.at:%Y%m%dT%H%M%S%fZ}-{line.release.digest[:12]}-{line.action.replace(' ', '-')}.json"


def _parsed(uri: str) -> Decision:
    try:
        return Decision.model_validate_json(read_bytes(uri))
    except ValueError as exc:
        raise RolloutError(f"{uri}: is no decision, was it edited by hand? {exc}") from exc
