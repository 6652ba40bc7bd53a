"""What nobody configured costs nothing: no engine is imported by what is imported every day."""

import importlib.util
import json
import subprocess
import sys

import pytest

ENGINES = ("great_expectations", "feast", "wandb")
DAILY = (
    "components.pull.step",
    "components.register.step",
    "components.gx.__main__",
    "evenkeel.tracking",
    "serving.run",
)


@pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ENGINES)), reason="needs .evenkeel/engines: run tools/engines"
)
def test_no_engine_is_imported_unless_configured() -> None:
    code = (
        f"import json, sys, {', '.join(DAILY)}; print(json.dumps([name for name in {ENGINES} if name in sys.modules]))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert json.loads(said) == []
