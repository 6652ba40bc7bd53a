"""The compiled pipelines: committed files that laptops and clusters run."""

import importlib
import tempfile
from pathlib import Path

from evenkeel.errors import PipelineError

PIPELINE = "evenkeel-training"
"""Its name in Kubeflow."""
MONITORING = "evenkeel-monitoring"
"""That of the pipeline that checks windows."""
COMPILED = Path(__file__).parent / "compiled" / "training.yaml"
COMPILED_MONITORING = COMPILED.with_name("monitoring.yaml")


def compile_pipeline(path: Path) -> None:
    """Write a pipeline's intermediate representation; the file's name is its module's and its own.

    The same source gives the same bytes.
    """
    from kfp.compiler import Compiler

    path.parent.mkdir(parents=True, exist_ok=True)
    Compiler().compile(getattr(importlib.import_module(f"pipelines.{path.stem}"), path.stem), str(path))


def check_compiled(path: Path = COMPILED) -> None:
    """Raise PipelineError where the committed file is not what its source compiles to."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / path.name
        compile_pipeline(fresh)
        if not path.is_file() or fresh.read_bytes() != path.read_bytes():
            raise PipelineError(
                f"{path} is not what pipelines/{path.stem}.py compiles to: run make compile and commit it"
            )
