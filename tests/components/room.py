"""A folder in which bundles are judged by the stage itself."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from components.evaluate.step import Judged, evaluate
from evenkeel.certificate import Check
from evenkeel.config import Project
from tests.components.exam import WEIGHTS, exam_bundle, exam_project, exam_rows

TASKS = ("binary", "multiclass", "regression")


@dataclasses.dataclass(frozen=True)
class Room:
    """A folder to judge in."""

    folder: Path
    project: Project
    table: pa.Table

    def bundle(self, name: str, weights: dict[str, float] | None = None, **options: Any) -> Path:
        made = exam_bundle(self.folder / name, self.project, self.table, weights or WEIGHTS, **options)
        return made.folder

    def judge(self, model: Path, champion: Path | None = None, project: Project | None = None) -> Judged:
        return evaluate(
            project or self.project,
            model,
            champion,
            "7" if champion else "",
            *outputs(self.folder),
        )

    @property
    def page(self) -> str:
        return (self.folder / "page.html").read_text(encoding="utf-8")

    @property
    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "report.json").read_bytes())
        return found


def room(folder: Path, task: str = "binary", rows: int = 1500, **changes: Any) -> Room:
    return Room(folder, exam_project(task, **changes), exam_rows(task, rows))


def failed(judged: Judged) -> set[str]:
    return {check.gate for check in judged.certificate.refusals}


def only(judged: Judged, gate: str) -> Check:
    (check,) = [check for check in judged.certificate.checks if check.gate == gate]
    return check


def outputs(folder: Path) -> tuple[Path, Path, Path]:
    return folder / "certified", folder / "page.html", folder / "report.json"
