"""A small but real feature store: files offline, any store online, and its server."""

import datetime as dt
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from evenkeel import digest
from evenkeel.config import Project
from tests.serving.running import free_port, get_status, wait_until

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
TTL_DAYS = 400
HISTORY = [  # person, days ago, score, visits_before, plan, smoker
    ("ann", 300, 1.0, 1, "basic", True),
    ("ann", 100, 2.5, 2, "full", False),
    ("bob", 50, None, 3, "basic", True),
    ("cid", TTL_DAYS + 50, 4.0, 4, "full", False),
    ("dan", 10, 0.1 + 0.2, 2**53 - 1, "basic", False),
]
DATA = "data/people.csv"


def make_store(root: Path, online: str = "{type: sqlite, path: online.db}") -> None:
    """``root/features``: applied, and materialized up to now to this online store."""
    import pandas as pd
    from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, ValueType
    from feast.types import Bool, Float64, Int64, String

    repo = root / "features"
    repo.mkdir(parents=True)
    (repo / "feature_store.yaml").write_text(
        "project: people\nprovider: local\nregistry: registry.db\nentity_key_serialization_version: 3\n"
        f"online_store: {online}\noffline_store: {{type: file}}\n"
    )
    rows = [(person, NOW - dt.timedelta(days=days), *values) for person, days, *values in HISTORY]
    frame = pd.DataFrame(rows, columns=["person", "at", "score", "visits_before", "plan", "smoker"])
    frame.to_parquet(repo / "health.parquet")
    source = FileSource(path=str(repo / "health.parquet"), timestamp_field="at")
    entity = Entity(name="person", join_keys=["person"], value_type=ValueType.STRING)
    kinds = {"score": Float64, "visits_before": Int64, "plan": String, "smoker": Bool}
    fields = [Field(name=name, dtype=kind) for name, kind in kinds.items()]
    ttl = dt.timedelta(days=TTL_DAYS)
    view = FeatureView(name="health", entities=[entity], ttl=ttl, schema=fields, source=source)
    store = FeatureStore(repo_path=str(repo))
    store.apply([entity, view, FeatureService(name="people_v1", features=[view])])
    store.materialize(NOW - dt.timedelta(days=1000), NOW)


def make_project(rows: str = "", root: Path | None = None, **feast: Any) -> Project:
    """A project whose data has keys, times and labels, and whose features are in the store."""
    version = None
    if root is not None:
        path = root / DATA
        path.parent.mkdir(exist_ok=True)
        path.write_text(rows)
        version = digest.data_version(path)
    columns = {
        "person": {"type": "string", "nullable": True},
        "at": {"type": "datetime", "nullable": True},
        "age": {"type": "integer"},
        "score": {"type": "number", "nullable": True},
        "visits_before": {"type": "integer", "nullable": True},
        "plan": {"type": "category", "categories": ["basic", "full"], "nullable": True},
        "smoker": {"type": "boolean", "nullable": True},
        "ill": {"type": "boolean"},
    }
    described = {
        "repo": "features",
        "service": "people_v1",
        "entities": {"person": "person"},
        "columns": ["score", "visits_before", "plan", "smoker"],
        "max_age_hours": TTL_DAYS * 24,
        **feast,
    }
    return Project.model_validate(
        {
            "name": "people",
            "data": {"path": DATA, "version": version, "time": "at"},
            "target": {"column": "ill", "task": "binary", "positive": True},
            "contract": {"columns": columns, "min_rows": 1},
            "features": {"feast": described},
            "model": {"estimator": "sklearn.linear_model.LogisticRegression"},
            "gates": {"metric": "roc_auc", "require": {"roc_auc": 0.5}},
        }
    )


@contextmanager
def feature_server(root: Path) -> Iterator[str]:
    """``feast serve``; its address."""
    port, log = free_port(), root / "feast.log"
    command = [str(Path(sys.executable).with_name("feast")), "-c", str(root / "features"), "serve"]
    with log.open("wb") as out:
        server = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            stdout=out,
            stderr=out,
            env={**os.environ, "FEAST_USAGE": "False"},
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: get_status(f"{url}/health") == 200, 120, log.read_text)
        question = {"feature_service": "people_v1", "entities": {"person": ["ann"]}}
        httpx.post(f"{url}/get-online-features", json=question, timeout=120).raise_for_status()  # imports the rest
        yield url
    finally:
        os.killpg(server.pid, 15)
        server.wait(20)
