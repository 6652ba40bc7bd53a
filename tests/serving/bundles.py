"""Small bundles made by hand: no training, no scikit-learn, yet every file real."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
from onnx import TensorProto, helper, numpy_helper

from evenkeel.bundle import (
    ENCODER,
    EVALUATION,
    ONNX,
    PROJECT,
    Bundle,
    ConformalInterval,
    Manifest,
    open_bundle,
    seal_bundle,
)
from evenkeel.certificate import Certificate, Check
from evenkeel.config import Project
from evenkeel.encoder import fit_encoder
from evenkeel.table import to_columns, write_table

ROWS = 200

COLUMNS: dict[str, Any] = {
    "person": {"type": "string", "sensitive": "hash"},
    "age": {"type": "integer", "min": 0, "max": 120},
    "income": {"type": "number", "nullable": True, "min": 0, "sensitive": "drop"},
    "height": {"type": "number", "min": 0, "max": 300, "on_request": "warn"},
    "weight": {"type": "number", "min": 0, "max": 500, "on_request": "impute"},
    "smoker": {"type": "boolean"},
    "town": {"type": "category", "categories": ["Rome", "Oslo", "Bern"], "sensitive": "hash"},
    "floor": {"type": "category", "categories": [1, 2, 3], "nullable": True},
    "since": {"type": "datetime", "nullable": True},
}


def make_project(name: str = "people", task: str = "binary", **serving: Any) -> Project:
    """A project with every kind of feature column but text."""
    if task == "regression":
        target = {"column": "visits", "task": task}
        kind: dict[str, Any] = {"type": "number"}
    elif task == "multiclass":
        target = {"column": "visits", "task": task}
        kind = {"type": "category", "categories": [0, 1, 2]}
    else:
        target = {"column": "visits", "task": task, "positive": "yes"}
        kind = {"type": "category", "categories": ["yes", "no"]}
    return Project.model_validate(
        {
            "name": name,
            "data": {"path": "data/people.csv", "id": "person"},
            "target": target,
            "contract": {"columns": {**COLUMNS, "visits": kind}},
            "model": {"estimator": "sklearn.linear_model.LogisticRegression"},
            "gates": {"metric": "roc_auc", "require": {"roc_auc": 0.5}},
            "serving": {"limits": serving} if serving else {},
        }
    )


def make_rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Rows that keep the contract, as a client would send them."""
    draw = np.random.default_rng(seed)
    return [
        {
            "age": int(draw.integers(0, 121)),
            "income": None if draw.random() < 0.1 else float(draw.lognormal(10, 1)),
            "height": float(draw.normal(170, 10)),
            "weight": float(draw.normal(70, 10)),
            "smoker": bool(draw.random() < 0.3),
            "town": str(draw.choice(["Rome", "Oslo", "Bern"])),
            "floor": None if draw.random() < 0.1 else int(draw.integers(1, 4)),
            "since": None if draw.random() < 0.1 else f"2020-0{draw.integers(1, 10)}-11T10:00:00",
        }
        for _ in range(count)
    ]


def typed_table(project: Project, rows: list[dict[str, Any]]) -> pa.Table:
    """Rows as a typed table with a target."""
    from evenkeel.contract import check

    answers = [
        project.classes[row % len(project.classes)] if project.classes else float(row) for row in range(len(rows))
    ]
    names = [name for name in project.contract.columns if name not in ("person", "visits")]
    raw = pa.table({name: [row[name] for row in rows] for name in names})
    raw = raw.append_column("visits", pa.array(answers)).append_column(
        "person", pa.array([f"p{i}" for i in range(len(rows))])
    )
    checked = check(raw, project.contract)
    assert not checked.errors, checked.errors
    return checked.table


def make_bundle(
    folder: Path, project: Project, *, seed: int = 0, certified: bool = True, table: pa.Table | None = None
) -> Bundle:
    """A sealed bundle with a linear model of random weights, fitted on a typed table of its project's columns."""
    folder.mkdir(parents=True)
    table = typed_table(project, make_rows(ROWS, seed=7)) if table is None else table
    encoder = fit_encoder(to_columns(table, project.feature_columns), project, standardise=True)
    (folder / PROJECT).write_text(project.to_parameter(), encoding="utf-8")
    (folder / ENCODER).write_text(encoder.to_json(), encoding="utf-8")
    (folder / ONNX).write_bytes(linear_model(encoder.width, len(project.classes), seed))
    write_table(table, folder / EVALUATION)
    manifest = Manifest(
        name=project.name,
        task=project.target.task,
        classes=project.classes,
        threshold=0.4 if project.target.task == "binary" else None,
        interval=ConformalInterval(coverage=0.9, half_width=1.5) if project.target.task == "regression" else None,
        portable="onnx",
        estimator=project.model.estimator,
        params={"seed": seed},
        data_version="0" * 32,
        code_version="1" * 64,
        lock="2" * 64,
        train_rows=ROWS,
        evaluation_rows=ROWS,
    )
    bundle = seal_bundle(folder, manifest)
    certify(bundle, passed=certified)
    return open_bundle(folder)


def certify(bundle: Bundle, *, passed: bool) -> None:
    """Put a certificate beside a bundle."""
    verdict = Check(
        gate="require",
        subject="roc_auc",
        value=0.9,
        threshold=0.5,
        verdict="pass" if passed else "fail",
        reason="as told",
    )
    Certificate(
        project=bundle.manifest.name,
        bundle=bundle.digest,
        data_version=bundle.manifest.data_version,
        evaluation="3" * 64,
        champion=None,
        metrics={},
        checks=(verdict,),
        passed=passed,
    ).write(bundle.folder)


def linear_model(width: int, classes: int, seed: int) -> bytes:
    """x @ w + b in float64: probabilities by softmax over columns, or one value."""
    draw = np.random.default_rng(seed)
    columns = classes or 1
    weights = numpy_helper.from_array(draw.normal(0, 0.5, (width, columns)), "w")
    bias = numpy_helper.from_array(draw.normal(0, 0.5, columns), "b")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["xw"]), helper.make_node("Add", ["xw", "b"], ["scores"])]
    if classes:
        nodes.append(helper.make_node("Softmax", ["scores"], ["y"], axis=1))
        shape: list[Any] = [None, classes]
    else:
        axes = numpy_helper.from_array(np.array([-1]), "shape")
        nodes.append(helper.make_node("Reshape", ["scores", "shape"], ["y"]))
        shape = [None]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.DOUBLE, [None, width])],
        [helper.make_tensor_value_info("y", TensorProto.DOUBLE, shape)],
        [weights, bias, *([] if classes else [axes])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content
