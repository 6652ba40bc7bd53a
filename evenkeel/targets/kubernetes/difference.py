"""What applying would change: the object that is there against the server's own dry run of the wanted one.

Both have the server's defaults and all that others own, so every difference is one that applying makes.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from evenkeel.cluster import Cluster, Object
from evenkeel.rollout.driver import Change

_BOOKKEEPING = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp")
_LONGEST = 120
"""Characters of a value: releases in annotations are long."""


def compare(cluster: Cluster, wanted: Sequence[Object]) -> list[Change]:
    """One change for each object that is not as wanted. Raises RolloutError where the dry run is refused."""
    changes = []
    for each in wanted:
        thing = f"{each['kind']} {each['metadata']['name']}"
        before = cluster.get(each["kind"], each["metadata"]["name"])
        after = cluster.apply(each, dry_run=True)
        if before is None:
            changes.append(Change(thing, "create"))
        elif fields := tuple(_differences("", _meant(before), _meant(after))):
            changes.append(Change(thing, "change", fields))
    return changes


def _meant(found: Object) -> Object:
    metadata = {key: value for key, value in found["metadata"].items() if key not in _BOOKKEEPING}
    return {key: value for key, value in found.items() if key != "status"} | {"metadata": metadata}


def _differences(path: str, before: Any, after: Any) -> Iterator[tuple[str, str, str]]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            yield from _differences(f"{path}.{key}" if path else key, before.get(key), after.get(key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _differences(f"{path}[{index}]", one, other)
    elif before != after:
        yield path, _brief(before), _brief(after)


def _brief(value: Any) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
