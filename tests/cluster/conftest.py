"""The API server that this folder's tests share, and the mark of those that need it."""

import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.apiserver import ApiServer, running_apiserver

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever needs the tools is a cluster test: no one has to remember the mark."""
    for item in items:
        if "cluster_tools" in getattr(item, "fixturenames", ()):
            item.add_marker("cluster")


@pytest.fixture(scope="session")
def cluster_tools() -> Path:
    """The folder of bin/{etcd,helm,kube-apiserver,kubectl} and crds/*.yaml."""
    script = REPOSITORY / "tools/cluster-tools"
    folder = Path(subprocess.run([script, "--where"], capture_output=True, text=True, check=True).stdout.strip())
    if not folder.is_dir():
        pytest.skip("the Kubernetes tools are not built: run tools/cluster-tools, which takes minutes")
    return folder


@pytest.fixture(scope="session")
def apiserver(cluster_tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """One API server for the session; tests keep apart by namespaces."""
    with running_apiserver(cluster_tools, tmp_path_factory.mktemp("apiserver")) as server:
        yield server


@pytest.fixture
def namespace(apiserver: ApiServer) -> str:
    """A namespace that no other test knows, warning of what Pod Security's restricted level would refuse."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    apiserver.make_namespace(name)
    return name
