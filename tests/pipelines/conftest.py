import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.warm import WarmServers
from tests.pipelines.tiny import compile_tiny


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small pipeline, compiled."""
    return compile_tiny(tmp_path_factory.mktemp("compiled") / "tiny.yaml")


@pytest.fixture(scope="module")
def warm() -> Iterator[WarmServers]:
    """Servers that several runs of one module share."""
    with contextlib.closing(WarmServers()) as servers:
        yield servers
