"""The journal, as annotations of the object that routes a project; orders come by ``kubectl annotate``.

The object's resourceVersion changes with every status its controller writes, so the token is a digest of the journal
alone: whoever writes re-reads until what he read is what he replaces.
"""

from pydantic import TypeAdapter

from evenkeel.cluster import Cluster, Object
from evenkeel.digest import json_digest
from evenkeel.errors import ConflictError, RolloutError
from evenkeel.rollout.journal import Decision, Journal, Order, Rollout

ROLLOUT = "evenkeel.dev/rollout"
HISTORY = "evenkeel.dev/history"
ORDER = "evenkeel.dev/order"
PHASE = "evenkeel.dev/phase"
"""Label."""

_TRIES = 20
_ORDERS: tuple[Order, ...] = ("promote", "rollback", "hold")
_HISTORY = TypeAdapter(tuple[Decision, ...])


def read_journal(found: Object | None) -> Journal:
    """What lies on the object; an empty one where there is none. An order that is none of ours holds the rollout."""
    if found is None:
        return Journal()
    kept = _kept(found)
    order = kept.get(ORDER)
    try:
        return Journal(
            rollout=Rollout.model_validate_json(kept[ROLLOUT]) if ROLLOUT in kept else None,
            history=_HISTORY.validate_json(kept[HISTORY]) if HISTORY in kept else (),
            order=next((each for each in _ORDERS if each == order), "hold" if order else None),
            token=_token(kept),
        )
    except ValueError as exc:
        name = f"{found['kind']} {found['metadata']['name']}"
        told = str(exc).splitlines()[0]
        raise RolloutError(f"{name}: its journal was edited by hand and cannot be read: {told}") from exc


def write_journal(cluster: Cluster, empty: Object, journal: Journal) -> Journal:
    """Keep it on the object of ``empty``'s kind and name, which is made where it is not there.

    Raises ConflictError where the journal is not the one that was read.
    """
    kind, name = empty["kind"], empty["metadata"]["name"]
    for _ in range(_TRIES):
        found = cluster.get(kind, name)
        if _token(_kept(found)) != journal.token:
            raise ConflictError(f"{kind} {name}: somebody else wrote its journal since it was read")
        try:
            written = _create(cluster, empty, journal) if found is None else _note(cluster, found, journal)
        except ConflictError:  # a controller wrote a status, or somebody an order: the next look tells which
            continue
        return journal.model_copy(update={"token": _token(_kept(written))})
    raise ConflictError(f"{kind} {name} changes all the time: who else writes to it?")


def phase_of(found: Object) -> str:
    """The phase of the rollout on it."""
    return str(found["metadata"].get("labels", {}).get(PHASE, ""))


def _create(cluster: Cluster, empty: Object, journal: Journal) -> Object:
    metadata = empty["metadata"]
    annotations = {key: text for key, text in _annotations(journal).items() if text is not None}
    labels = {key: text for key, text in _labels(journal).items() if text is not None}
    noted = {"annotations": metadata["annotations"] | annotations, "labels": metadata["labels"] | labels}
    return cluster.create({**empty, "metadata": {**metadata, **noted}})


def _note(cluster: Cluster, found: Object, journal: Journal) -> Object:
    return cluster.note(found, _annotations(journal), _labels(journal))


def _annotations(journal: Journal) -> dict[str, str | None]:
    return {
        ROLLOUT: journal.rollout.model_dump_json() if journal.rollout else None,
        HISTORY: _HISTORY.dump_json(journal.history).decode() if journal.history else None,
        ORDER: journal.order,
    }


def _labels(journal: Journal) -> dict[str, str | None]:
    return {PHASE: journal.rollout.phase if journal.rollout else None}


def _kept(found: Object | None) -> dict[str, str]:
    annotations = (found or {}).get("metadata", {}).get("annotations", {})
    return {key: annotations[key] for key in (ROLLOUT, HISTORY, ORDER) if key in annotations}


def _token(kept: dict[str, str]) -> str:
    return json_digest(kept) if kept else ""
