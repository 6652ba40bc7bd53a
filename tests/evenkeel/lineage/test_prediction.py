"""Backwards from an answer."""

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evenkeel.bundle import Bundle
from evenkeel.errors import DataError
from evenkeel.ledger import LABEL_SCHEMA, LIVE, PREDICTION_SCHEMA, SHADOW, label_folder, prediction_folder
from evenkeel.lineage.fact import Story
from evenkeel.lineage.prediction import find_rows, prediction_story
from evenkeel.settings import Settings
from evenkeel.targets.local import LocalTarget
from tests.evenkeel.lineage.conftest import Register
from tests.evenkeel.lineage.test_model import facts

AT = dt.datetime(2026, 5, 3, 14, 30, tzinfo=dt.UTC)


def made_at(moment: dt.datetime) -> str:
    """An id as a server makes it."""
    return f"{int(moment.timestamp() * 1e6):014x}{7:018x}"


def write(settings: Settings, digest: str, *ids: str, moment: dt.datetime = AT, role: str = LIVE) -> None:
    known: dict[str, Any] = {"time": moment, "model_version": "1", "digest": digest, "role": role, "label": "true"}
    rows = [known | {"id": each, "value": 0.75} for each in ids]
    table = pa.Table.from_pylist(rows, schema=PREDICTION_SCHEMA)
    table = table.append_column("feature_age", pa.array([30 + row for row in range(len(ids))]))
    place = Path(settings.ledger) / prediction_folder("visits", moment) / f"{ids[0]}-{role}.parquet"
    place.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, place)


def told(settings: Settings, prediction: str) -> Story:
    return prediction_story(settings, prediction)


def test_an_answer_leads_to_everything_behind_it(settings: Settings, bundle: Bundle, register: Register) -> None:
    register(bundle)
    LocalTarget(settings.releases).apply(bundle.project(), bundle, "1")
    now = dt.datetime.now(dt.UTC)
    one = made_at(now)
    write(settings, bundle.digest, f"{one}-0", f"{one}-1", moment=now)
    story = told(settings, one)
    assert story.lead.startswith("2 rows, answered by visits version 1 at ")
    assert facts(story, "Answer")[f"{one}-1"].value == "label true, value 0.75"
    assert facts(story, "Asked with")["row 1: age"].value == "31"
    assert facts(story, "Served at that moment")["here"].value == "version 1"
    assert facts(story, "Served at that moment")["production"].value == "nothing"
    assert facts(story, "Model")["bundle"].value == bundle.digest


def test_one_row_and_its_truth(settings: Settings, bundle: Bundle, register: Register) -> None:
    register(bundle)
    one = made_at(AT)
    write(settings, bundle.digest, f"{one}-0", f"{one}-1", f"{one}-10")
    arrived = AT + dt.timedelta(days=2)
    label = {"id": f"{one}-1", "time": arrived, "label": "false", "value": None}
    place = Path(settings.ledger) / label_folder("visits", arrived) / "labels.parquet"
    place.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist([label], schema=LABEL_SCHEMA), place)
    story = told(settings, f"{one}-1")
    assert list(facts(story, "Answer")) == [f"{one}-1"]
    assert facts(story, "What turned out to be true")[f"{one}-1"].value == "false"


def test_only_the_hour_in_the_id_is_read(settings: Settings, bundle: Bundle) -> None:
    write(settings, bundle.digest, f"{made_at(AT)}-0")
    broken = Path(settings.ledger) / prediction_folder("visits", AT - dt.timedelta(hours=2)) / "broken.parquet"
    broken.parent.mkdir(parents=True)
    broken.write_text("no Parquet: whoever reads it fails")
    assert find_rows(settings.ledger, "visits", made_at(AT)).num_rows == 1


def test_an_id_of_somebody_else_is_looked_for_everywhere(settings: Settings, bundle: Bundle) -> None:
    write(settings, bundle.digest, "order-17-0")
    assert find_rows(settings.ledger, "visits", "order-17").num_rows == 1


def test_a_shadows_answer_is_told_as_one(settings: Settings, bundle: Bundle, register: Register) -> None:
    register(bundle)
    one = made_at(AT)
    write(settings, bundle.digest, f"{one}-0", role=SHADOW)
    assert "nobody was told" in (facts(told(settings, one), "Answer")[f"{one}-0"].value or "")


def test_a_model_that_no_registry_has_is_unknown(settings: Settings) -> None:
    write(settings, "a" * 64, f"{made_at(AT)}-0")
    model = facts(told(settings, made_at(AT)), "Model")
    assert model["bundle"].value == "a" * 64
    assert model["version"].value is None
    assert "no registry" in model["version"].note


def test_an_answer_that_was_never_given_is_named(settings: Settings, bundle: Bundle) -> None:
    write(settings, bundle.digest, f"{made_at(AT)}-0")
    with pytest.raises(DataError, match=r"no prediction .* around 2026-05-03 14:31 UTC.* of visits; servers write"):
        told(settings, made_at(AT + dt.timedelta(minutes=1)))
