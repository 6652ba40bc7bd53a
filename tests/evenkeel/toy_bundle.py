"""Small but real bundles: a project, its evaluation rows and sealed files, with or without a certificate."""

import datetime as dt
import shutil
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.register.step import metrics, note, parameters, tags
from evenkeel.bundle import EVALUATION, PROJECT, Bundle, Manifest, open_bundle, seal_bundle
from evenkeel.certificate import Certificate, Check, Interval, Reference
from evenkeel.config import Project
from evenkeel.settings import Settings
from evenkeel.tracking import Candidate, Version, log_candidate, promote
from evenkeel.tracking.store import connect
from tests.made_once import made_once

REPOSITORY = Path(__file__).parents[2]
DATA_VERSION = "0123456789abcdef0123456789abcdef.dir"


def toy_project(name: str = "visits", **changes: Any) -> Project:
    """A project with a feature of each kind."""
    fields = {
        "name": name,
        "data": {"path": "data/visits.csv"},
        "target": {"column": "ill", "task": "binary", "positive": True},
        "contract": {
            "columns": {
                "age": {"type": "integer", "min": 0},
                "children": {"type": "integer", "nullable": True},
                "income": {"type": "number", "nullable": True},
                "plan": {"type": "category", "categories": ["a", "b"]},
                "größe m²": {"type": "number"},
                "seen": {"type": "datetime"},
                "smoker": {"type": "boolean"},
                "ill": {"type": "boolean"},
            }
        },
        "model": {"estimator": "sklearn.linear_model.LogisticRegression", "params": {"C": 0.5}},
        "gates": {"metric": "roc_auc", "require": {"roc_auc": 0.7}},
    }
    return Project.model_validate({**fields, **changes})


def toy_manifest(project: Project | None = None, **changes: Any) -> Manifest:
    """The manifest of a toy bundle, not yet sealed."""
    project = project or toy_project()
    fields: dict[str, Any] = {
        "name": project.name,
        "task": "binary",
        "classes": (False, True),
        "threshold": 0.5,
        "portable": "onnx",
        "estimator": project.model.estimator,
        "params": {"C": 0.5, "solver": "lbfgs"},
        "data_version": DATA_VERSION,
        "code_version": "c" * 64,
        "lock": "d" * 64,
        "train_rows": 80,
        "evaluation_rows": 2,
    }
    return Manifest.model_validate({**fields, **changes})


def toy_bundle(folder: Path, *, project: Project | None = None, payload: str = "model") -> Bundle:
    """A sealed bundle; another payload is another digest."""
    project = project or toy_project()
    folder.mkdir(parents=True)
    (folder / PROJECT).write_text(project.to_parameter(), encoding="utf-8")
    (folder / "model.onnx").write_text(payload, encoding="utf-8")
    rows = {
        "age": [30, 61],
        "children": [None, 2],
        "income": [None, 1200.5],
        "plan": ["a", "b"],
        "größe m²": [1.5, 2.5],
        "seen": [dt.datetime(2024, 1, 2), dt.datetime(2024, 1, 3)],
        "smoker": [True, False],
        "ill": [False, True],
    }
    pq.write_table(pa.table(rows), folder / EVALUATION)
    return seal_bundle(folder, toy_manifest(project))


def certify(bundle: Bundle, *, champion: Reference | None = None, reason: str = "", **changes: Any) -> Bundle:
    """Put a certificate beside it: passing, or refusing with the given reason."""
    verdict: Literal["pass", "fail"] = "fail" if reason else "pass"
    said = reason or "roc_auc is 0.8, 0.7 is required"
    check = Check(gate="require", subject="roc_auc", value=0.8, threshold=0.7, verdict=verdict, reason=said)
    fields: dict[str, Any] = {
        "project": bundle.manifest.name,
        "bundle": bundle.digest,
        "data_version": DATA_VERSION,
        "evaluation": "e" * 64,
        "champion": champion,
        "metrics": {"roc_auc": Interval(value=0.8, low=0.75, high=0.85)},
        "checks": (check,),
        "passed": not reason,
    }
    Certificate.model_validate({**fields, **changes}).write(bundle.folder)
    return open_bundle(bundle.folder)


def toy_candidate(bundle: Bundle) -> Candidate:
    """What the register stage makes of a judged bundle."""
    certificate = bundle.certificate
    assert certificate is not None
    project = bundle.project()
    return Candidate(
        project=project,
        bundle=bundle,
        certificate=certificate,
        params=parameters(project, bundle.manifest),
        metrics=metrics(certificate),
        tags=tags(bundle, certificate, "abc", ""),
        note=note(certificate),
        reports={},
    )


def crowned(settings: Settings, bundle: Bundle) -> Version:
    """The bundle registered, and made the first champion."""
    made = log_candidate(settings, toy_candidate(bundle))
    promote(settings, made, None)
    return made


def migrated_home(factory: pytest.TempPathFactory, home: Path) -> Path:
    """A home whose MLflow database is there already: creating one takes seconds, copying it none."""
    home.mkdir(parents=True)
    shutil.copy(made_once(factory, "migrated", _migrate) / "mlflow.db", home)
    return home


def _migrate(home: Path) -> None:
    with connect(Settings(home=home)) as client:
        client.search_experiments()
        client.search_registered_models()
