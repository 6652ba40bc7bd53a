"""Backwards from an answer: the rows of the ledger, the model that gave them, and everything behind that model.

An id that a server of ours gave starts with its time, so one hour of the ledger is read; of any other, all of it.
"""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from evenkeel.errors import DataError, EvenkeelError
from evenkeel.ledger import FEATURE, LIVE, PREDICTION_SCHEMA, PREDICTIONS, SHADOW, iter_predictions, read_labels
from evenkeel.lineage.fact import Fact, Section, Story, count, section
from evenkeel.lineage.model import version_story
from evenkeel.lineage.place import Place, current_facts, places, registries
from evenkeel.settings import Settings
from evenkeel.storage import list_folders
from evenkeel.tracking import Tag, Version
from evenkeel.tracking.search import find_tagged

_ID_DIGITS = 32
_TIME_DIGITS = 14
_SLACK = dt.timedelta(minutes=5)
"""A row's time is when it was logged: after its id was made, and a shadow's answer later still."""
_SINCE = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
_MODEL = "model="


def prediction_story(settings: Settings, prediction: str, project: str | None = None) -> Story:
    """The story of the answer with this id, or of one of its rows (``<id>-<row>``).

    Raises DataError where the ledger does not hold it, StorageError where it cannot be read.
    """
    names = [project] if project else _names(settings.ledger)
    for name in names:
        rows = find_rows(settings.ledger, name, prediction)
        if rows.num_rows:
            return _told(settings, prediction, name, rows)
    when = _moment(prediction)
    read = f"around {when:%Y-%m-%d %H:%M} UTC, the time in it" if when else "at any time"
    raise DataError(
        f"no prediction {prediction} {read} in the ledger {settings.ledger} of {', '.join(names) or 'no project'};"
        " servers write seconds later: ask again, or check EVENKEEL_LEDGER and the id that the answer had"
    )


def find_rows(root: str, model: str, prediction: str) -> pa.Table:
    """The rows of an answer, or one of them, whoever was told (live) or not (shadow). Raises StorageError.

    Ids alone are read first; whole rows only of the moments in which it was found.
    """
    moment = _moment(prediction)
    since, until = (moment - _SLACK, moment + _SLACK) if moment else (None, None)
    found = [PREDICTION_SCHEMA.empty_table()]
    for role in (LIVE, SHADOW):
        columns = iter_predictions(root, model, since=since, until=until, role=role, columns=["id"])
        times = [time for part in columns for time in _matching(part, prediction)["time"].to_pylist()]
        if times:
            ends = {"since": min(times), "until": max(times) + dt.timedelta(microseconds=1)}
            found += [_matching(part, prediction) for part in iter_predictions(root, model, role=role, **ends)]
    return pa.concat_tables(found, promote_options="permissive")


def _told(settings: Settings, prediction: str, name: str, rows: pa.Table) -> Story:
    every, answers = places(settings), rows.to_pylist()
    moment = answers[0]["time"]
    sections = [section("Answer", (fact for row in answers for fact in _answer(row)))]
    sections.append(section("Asked with", (fact for row in answers for fact in _features(row, len(answers) > 1))))
    sections.append(section("What turned out to be true", _labels(settings, name, answers), "no label has arrived yet"))
    sections.append(section("Served at that moment", current_facts(name, moment, every)))
    for digest in dict.fromkeys(row["digest"] for row in answers):
        sections += _behind(digest, answers, every)
    told = ", ".join(dict.fromkeys(f"version {row['model_version']}" for row in answers))
    lead = f"{count(len(answers), 'row')}, answered by {name} {told} at {moment:%Y-%m-%d %H:%M:%S} UTC"
    return Story(f"prediction {prediction}", lead, tuple(sections))


def _behind(digest: str, answers: list[dict[str, Any]], every: list[Place]) -> list[Section]:
    """The story of the model that gave the answers, from the first registry that has the bundle."""
    problems = []
    for place in registries(every):
        try:
            found = find_tagged(place.settings, Tag.BUNDLE, digest)
            if found:
                return list(version_story(place.settings, _same(found, answers)).sections)
        except EvenkeelError as error:
            problems.append(f"{place.name}: {error}")
    note = (
        "; ".join(problems) or "no registry of this process or of environments/ has it: it was deleted, or is elsewhere"
    )
    return [section("Model", [Fact("bundle", digest, "of which nothing more is known"), Fact("version", None, note)])]


def _same(found: list[Version], answers: list[dict[str, Any]]) -> Version:
    """The version that the server named, where the registry has it under that number."""
    named = {row["model_version"] for row in answers}
    return next((each for each in found if each.version in named), found[0])


def _answer(row: dict[str, Any]) -> Iterator[Fact]:
    said = [f"label {row['label']}"] if row["label"] is not None else []
    said += [f"{name} {row[name]:.6g}" for name in ("value", "lower", "upper") if row[name] is not None]
    if row["role"] == SHADOW:
        said.append("a shadow's: nobody was told")
    notes = [
        f"by version {row['model_version']}, bundle {row['digest'][:12]}",
        f"{row['time']:%Y-%m-%d %H:%M:%S.%f} UTC",
    ]
    notes += [f"{name} {row[name]}" for name in ("request_id", "entity") if row[name]]
    yield Fact(row["id"], ", ".join(said), "; ".join(notes))


def _features(row: dict[str, Any], several: bool) -> Iterator[Fact]:
    prefix = f"row {row['id'].rpartition('-')[2]}: " if several else ""
    for name, value in row.items():
        if name.startswith(FEATURE):
            yield Fact(f"{prefix}{name.removeprefix(FEATURE)}", "missing" if value is None else str(value))


def _labels(settings: Settings, name: str, answers: list[dict[str, Any]]) -> Iterator[Fact]:
    ids = pa.array([row["id"] for row in answers])
    labels = read_labels(settings.ledger, name, since=answers[0]["time"])
    for row in labels.filter(pc.is_in(labels["id"], value_set=ids)).to_pylist():
        truth = row["label"] if row["label"] is not None else f"{row['value']:.6g}"
        yield Fact(row["id"], truth, f"arrived at {row['time']:%Y-%m-%d %H:%M:%S} UTC")


def _matching(part: pa.Table, prediction: str) -> pa.Table:
    mask = pc.or_(pc.equal(part["id"], prediction), pc.starts_with(part["id"], f"{prediction}-"))
    return part.filter(mask)


def _moment(prediction: str) -> dt.datetime | None:
    """When the id was made, None where a server of ours did not make it."""
    text = prediction.partition("-")[0]
    if len(text) != _ID_DIGITS or not set(text) <= set("0123456789abcdef"):
        return None
    try:
        made = dt.datetime.fromtimestamp(int(text[:_TIME_DIGITS], 16) / 1e6, dt.UTC)
    except (OverflowError, ValueError):
        return None
    return made if _SINCE <= made <= dt.datetime.now(dt.UTC) + dt.timedelta(days=1) else None


def _names(root: str) -> list[str]:
    folders = list_folders(f"{root.rstrip('/')}/{PREDICTIONS}")
    return [name.removeprefix(_MODEL) for name in folders if name.startswith(_MODEL)]
