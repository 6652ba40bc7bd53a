"""The compiled pipeline: one committed file that laptops and clusters run."""

import tempfile
from pathlib import Path

from evenkeel.errors import PipelineError

PIPELINE = "evenkeel-training"
"""Its name in Kubeflow."""
COMPILED = Path(__file__).parent / "compiled" / "training.yaml"


def compile_pipeline(path: Path) -> None:
    """Write the pipeline's intermediate representation. The same source gives the same bytes."""
    from kfp.compiler import Compiler

    from pipelines.training import training

    path.parent.mkdir(parents=True, exist_ok=True)
    Compiler().compile(training, str(path))


def check_compiled(path: Path = COMPILED) -> None:
    """Raise PipelineError where the committed file is not what its source compiles to."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / path.name
        compile_pipeline(fresh)
        if not path.is_file() or fresh.read_bytes() != path.read_bytes():
            raise PipelineError(f"{path} is not what pipelines/training.py compiles to: run make compile and commit it")
