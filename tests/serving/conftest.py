"""Real bundles, real applications, real servers."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from evenkeel.bundle import Bundle
from serving.app import create_app
from serving.ledger import Ledger
from serving.metrics import Metrics
from serving.model import Slot, load_model
from tests.s3 import bucket as bucket
from tests.s3 import s3_endpoint as s3_endpoint
from tests.serving.bundles import make_bundle, make_project
from tests.serving.running import Asked, Running, start


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A certified binary bundle."""
    return make_bundle(tmp_path_factory.mktemp("bundles") / "binary", make_project())


@pytest.fixture(scope="session")
def multiclass(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A certified bundle with three integer classes."""
    return make_bundle(tmp_path_factory.mktemp("bundles") / "multiclass", make_project(task="multiclass"))


@pytest.fixture(scope="session")
def regression(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A certified regression bundle with an interval."""
    return make_bundle(tmp_path_factory.mktemp("bundles") / "regression", make_project(task="regression"))


@pytest.fixture
def metrics() -> Metrics:
    """Metrics in a registry of their own."""
    return Metrics(CollectorRegistry())


@pytest.fixture
def slot(bundle: Bundle) -> Slot:
    """A slot with the binary bundle, version 7."""
    slot = Slot()
    slot.model = load_model(bundle.folder, version="7")
    return slot


@pytest.fixture
def ledger(tmp_path: Path, metrics: Metrics) -> Iterator[Ledger]:
    """A ledger on disk."""
    ledger = Ledger(str(tmp_path / "ledger"), metrics, salt="pepper", interval=60)
    yield ledger
    ledger.close(5)


@pytest.fixture
def asked(slot: Slot, metrics: Metrics) -> Asked:
    """An application without ledger, and a way to ask it."""
    return Asked(create_app(slot, metrics))


@pytest.fixture
def asking(metrics: Metrics) -> Callable[[Bundle], Asked]:
    """An application for any bundle."""

    def make(bundle: Bundle) -> Asked:
        slot = Slot()
        slot.model = load_model(bundle.folder, version="7")
        return Asked(create_app(slot, metrics))

    return make


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start ``python -m serving`` with options; all of them are gone at the end."""
    running: list[Running] = []

    def run(*options: str, ready: bool = True) -> Running:
        running.append(start(tmp_path, *options, ready=ready))
        return running[-1]

    yield run
    for server in running:
        server.kill()
