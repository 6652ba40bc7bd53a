"""What stands in the registry."""

import sqlite3
from contextlib import closing
from typing import Any

from evenkeel.certificate import Reference
from evenkeel.settings import Settings
from evenkeel.tracking import Version, champion
from evenkeel.tracking.store import connect


def versions(settings: Settings) -> dict[str, dict[str, str]]:
    with connect(settings) as client:
        return {str(each.version): dict(each.tags) for each in client.search_model_versions("name = 'visits'")}


def alias(settings: Settings, name: str) -> str:
    with connect(settings) as client:
        models = client.search_registered_models(filter_string="name = 'visits'")
        return str(models[0].aliases.get(name, "")) if models else ""


def standing(settings: Settings) -> Version:
    found = champion(settings, "visits")
    assert found is not None
    return found


def reference(settings: Settings) -> Reference:
    return standing(settings).reference


def tables(settings: Settings) -> dict[str, list[Any]]:
    names = ("runs", "registered_models", "model_versions", "model_version_tags", "registered_model_aliases")
    with closing(sqlite3.connect(settings.home / "mlflow.db")) as database:
        return {table: database.execute(f"SELECT * FROM {table}").fetchall() for table in names}  # noqa: S608


def runs(settings: Settings) -> list[Any]:
    with connect(settings) as client:
        experiments = [each.experiment_id for each in client.search_experiments()]
        return list(client.search_runs(experiments))
