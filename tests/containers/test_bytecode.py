"""No start of a container compiles anything: each module that it imports has bytecode, and that is what is loaded."""

import pytest

from tests.containers.engine import docker, missing

STARTS = {
    "serving": ["serving.run", "boto3"],
    "components": ["kfp.dsl.executor_main", "components.train.step"],
    "monitoring": ["monitoring.check"],
    "governor": ["monitoring.governor.webhook", "pipelines.submit"],
}
"""Room -> modules that import what a start of its image imports."""

COMPILED = """
import importlib, sys
from importlib.machinery import SourceFileLoader

make, made = SourceFileLoader.source_to_code, []

def noted(loader, source, path, **options):
    made.append(path)
    return make(loader, source, path, **options)

SourceFileLoader.source_to_code = noted
for name in sys.argv[1:]:
    importlib.import_module(name)
print(*made, sep="\\n")
"""
"""Prints the files that had to be compiled: Python asks its loader only where it found no bytecode that it can use."""


def compiled(image: str, *words: str) -> list[str]:
    """The files that a container compiles; ``words``: Python's options, then ``-c COMPILED`` and what it imports."""
    locked = ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--network", "none"]  # noqa: S108
    ran = docker("run", "--rm", *locked, "--entrypoint", "python", image, *words)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split()


@pytest.mark.parametrize("room", STARTS)
def test_a_start_compiles_nothing(room: str) -> None:
    image = f"evenkeel-{room}:latest"
    if reason := missing(image):
        pytest.skip(reason)
    assert compiled(image, "-c", COMPILED, *STARTS[room]) == [], "an old image? make images"


def test_it_would_be_seen() -> None:
    image = "evenkeel-serving:latest"
    if reason := missing(image):
        pytest.skip(reason)
    found = compiled(image, "-X", "pycache_prefix=/nowhere", "-c", COMPILED, "evenkeel.errors", "json")
    assert {file.rsplit("/", 2)[-2] for file in found} >= {"evenkeel", "json"}
