"""Candidates with known skill: real bundles around a linear model whose weights a test chooses."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from evenkeel.bundle import ENCODER, EVALUATION, ONNX, PROJECT, Bundle, ConformalInterval, Manifest, seal_bundle
from evenkeel.config import Project
from evenkeel.encoder.encoder import Category, Encoder, Number
from evenkeel.table import write_table

WEIGHTS = {"income": 1.4, "age": -0.7, "region=north": 0.6, "region=south": -0.6}
"""What the truth is made with: a candidate with these is as good as one can be."""
REGIONS = ("north", "south", "west")


def exam_project(task: str = "binary", **changes: Any) -> Project:
    """A project whose rows ``exam_rows`` makes; ``changes`` replace whole sections."""
    kinds: dict[str, dict[str, Any]] = {
        "binary": {"type": "category", "categories": ["no", "yes"]},
        "multiclass": {"type": "category", "categories": ["low", "middle", "high"]},
        "regression": {"type": "number"},
    }
    target: dict[str, Any] = {"column": "outcome", "task": task}
    metric, least = {"binary": ("roc_auc", 0.7), "multiclass": ("macro_f1", 0.4), "regression": ("rmse", 1.5)}[task]
    fields: dict[str, Any] = {
        "name": "exam",
        "data": {"path": "data/exam.csv"},
        "target": target | ({"positive": "yes"} if task == "binary" else {}),
        "contract": {
            "columns": {
                "income": {"type": "number", "nullable": True},
                "age": {"type": "integer"},
                "region": {"type": "category", "categories": list(REGIONS), "nullable": True},
                "member": {"type": "boolean"},
                "house": {"type": "string"},
                "seen": {"type": "datetime"},
                "outcome": kinds[task],
            }
        },
        "features": {"columns": ["income", "age", "region"]},
        "model": {"estimator": "sklearn.linear_model.LogisticRegression"},
        "slices": [{"column": "region"}, {"column": "income"}, {"column": "member"}],
        "gates": {"metric": metric, "require": {metric: least}, "bootstrap": 200},
    }
    return Project.model_validate(fields | changes)


def exam_rows(task: str = "binary", rows: int = 1500, seed: int = 0) -> pa.Table:
    """Typed rows whose outcome follows ``WEIGHTS`` and chance."""
    rng = np.random.default_rng(seed)
    income, age = rng.normal(0, 1, rows), rng.normal(0, 1, rows)
    region = rng.choice([0, 1, 2, 3], rows, p=[0.4, 0.3, 0.25, 0.05])
    level = WEIGHTS["income"] * income + WEIGHTS["age"] * age
    level += np.select([region == 0, region == 1], [WEIGHTS["region=north"], WEIGHTS["region=south"]], 0.0)
    years = np.round(age * 10 + 40).astype(np.int64)
    return pa.table(
        {
            "income": pa.array(np.where(rng.random(rows) < 0.03, np.nan, income), from_pandas=True),
            "age": years,
            "region": [[*REGIONS, None][place] for place in region],
            "member": rng.random(rows) < 0.5,
            "house": [f"h{place}" for place in rng.integers(0, max(2, rows // 3), rows)],
            "seen": pa.array(np.arange(rows).astype("datetime64[D]").astype("datetime64[us]")),
            "outcome": _outcome(task, level, rng),
        }
    )


def _outcome(task: str, level: NDArray[np.float64], rng: np.random.Generator) -> NDArray[Any]:
    if task == "binary":
        return np.where(rng.random(len(level)) < 1 / (1 + np.exp(-level)), "yes", "no")
    noisy = level + rng.normal(0, 1, len(level))
    if task == "multiclass":
        return np.array(["low", "middle", "high"])[np.digitize(noisy, [-1, 1])]
    return noisy


def exam_bundle(
    folder: Path,
    project: Project,
    table: pa.Table,
    weights: Mapping[str, float] = WEIGHTS,
    *,
    sharpness: float = 1.0,
    note: str = "",
) -> Bundle:
    """A sealed bundle that answers ``sharpness * weights . x``: sharpness other than 1 is badly calibrated.

    Any ``note`` is another digest and the same answers.
    """
    encoder = Encoder(
        numbers=(Number(column="income", fill=0.0), Number(column="age", center=40.0, scale=10.0)),
        categories=(Category(column="region", values=REGIONS),),
    )
    row = sharpness * np.array([weights.get(name, 0.0) for name in encoder.feature_names])
    task = project.target.task
    folder.mkdir(parents=True)
    (folder / PROJECT).write_text(project.to_parameter(), encoding="utf-8")
    (folder / ENCODER).write_text(encoder.to_json(), encoding="utf-8")
    (folder / ONNX).write_bytes(_model(task, row))
    write_table(table, folder / EVALUATION)
    manifest = Manifest(
        name=project.name,
        task=task,
        classes=project.classes,
        threshold=0.5 if task == "binary" else None,
        interval=ConformalInterval(coverage=0.9, half_width=1.645) if task == "regression" else None,
        portable="onnx",
        estimator=project.model.estimator,
        params={},
        data_version="0" * 32,
        code_version="c" * 64,
        lock="d" * 64,
        train_rows=6000,
        evaluation_rows=table.num_rows,
        libraries={"note": note},
    )
    return seal_bundle(folder, manifest)


def _model(task: str, row: NDArray[np.float64]) -> bytes:
    """x -> level; binary: [1 - sigmoid, sigmoid]; multiclass: softmax of a low, a middle and a high line."""
    if task == "multiclass":
        matrix, bias = np.outer(row, [-2.0, 0.0, 2.0]), np.array([-1.0, 1.0, -1.0])
        nodes = [helper.make_node("Softmax", ["level"], ["y"], axis=1)]
    elif task == "binary":
        matrix, bias = row[:, None], np.zeros(1)
        nodes = [
            helper.make_node("Sigmoid", ["level"], ["yes"]),
            helper.make_node("Sub", ["one", "yes"], ["no"]),
            helper.make_node("Concat", ["no", "yes"], ["y"], axis=1),
        ]
    else:
        matrix, bias = row[:, None], np.zeros(1)
        nodes = [helper.make_node("Reshape", ["level", "flat"], ["y"])]
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["product"]),
            helper.make_node("Add", ["product", "b"], ["level"]),
            *nodes,
        ],
        "exam",
        [helper.make_tensor_value_info("x", TensorProto.DOUBLE, [None, len(row)])],
        [helper.make_tensor_value_info("y", TensorProto.DOUBLE, [None] if task == "regression" else [None, None])],
        [
            numpy_helper.from_array(matrix, "w"),
            numpy_helper.from_array(bias, "b"),
            numpy_helper.from_array(np.ones(1), "one"),
            numpy_helper.from_array(np.array([-1], np.int64), "flat"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
