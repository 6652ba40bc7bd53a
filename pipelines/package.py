"""A compiled pipeline made what one cluster and one project need: its image, what its boxes ask for, its cache.

Everything else stays as it was committed, so that one compiled file serves all projects.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from components.register.step import IMAGE
from evenkeel.config.stages import Stage, StageName
from pipelines.cluster import HOUR

Json = dict[str, Any]


@contextmanager
def package(
    compiled: Path, image: str, *, stages: Mapping[StageName, Stage] | None = None, cached: bool = True
) -> Iterator[Path]:
    """The compiled pipeline with the image its boxes run in; what stands in no ``stages`` keeps its own figures.

    ``cached`` False: and with every box run anew.
    """
    specification, platform = yaml.safe_load_all(compiled.read_text(encoding="utf-8"))
    set_image(specification, image)
    for name, stage in (stages or {}).items():
        _override(specification, platform, f"exec-{name}", stage)
    if not cached:
        _run_anew(specification)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / compiled.name
        path.write_text(yaml.safe_dump_all([specification, platform]), encoding="utf-8")
        yield path


def set_image(specification: Json, image: str) -> None:
    """Let every box run in this image, and know it: a pipeline's boxes are one room's."""
    for executor in specification["deploymentSpec"]["executors"].values():
        container = executor["container"]
        container["image"] = image
        container["env"] = [*container.get("env", []), {"name": IMAGE, "value": image}]


def _override(specification: Json, platform: Json, executor: str, stage: Stage) -> None:
    """Write what a box asks for into both documents; another pipeline's box is not here."""
    found = specification["deploymentSpec"]["executors"].get(executor)
    if found is None:
        return
    resources = found["container"]["resources"]
    if stage.cpu is not None:
        resources.pop("cpuRequest")  # the same as a number, which Kubeflow reads where the other is absent
        resources["resourceCpuRequest"] = stage.cpu
    if stage.memory is not None:
        for end in ("Request", "Limit"):
            resources.pop(f"memory{end}")
            resources[f"resourceMemory{end}"] = stage.memory
    _place(platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"][executor], stage)


def _place(box: Json, stage: Stage) -> None:
    """Where and for how long its pod may run."""
    if stage.timeout_hours is not None:
        box["activeDeadlineSeconds"] = str(int(stage.timeout_hours * HOUR))
    if stage.node_selector:
        box["nodeSelector"] = {"labels": dict(stage.node_selector)}
    if stage.tolerations:
        box["tolerations"] = [each.model_dump(exclude_none=True) for each in stage.tolerations]


def _run_anew(specification: Json) -> None:
    for graph in (specification["root"], *specification["components"].values()):
        for task in graph.get("dag", {}).get("tasks", {}).values():
            task["cachingOptions"] = {}  # as kfp writes it
