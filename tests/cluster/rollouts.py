"""Fixtures of both cluster drivers' tests: a field of each target, and the server processes that all fields share."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cluster.apiserver import ApiServer
from tests.cluster.field import Field, Machines
from tests.cluster.gateway import running_gateway
from tests.cluster.kserve import KServe
from tests.cluster.kubelet import Kubelet, administrator
from tests.s3 import Bucket, bucket, s3_endpoint

__all__ = ["bucket", "machines", "make_field", "s3_endpoint"]

KUBELETS = {"kubernetes": Kubelet, "kserve": KServe}


@pytest.fixture(scope="session")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """Server processes, by what they serve."""
    made = Machines(tmp_path_factory.mktemp("machines"))
    yield made
    made.stop()


@pytest.fixture
def make_field(
    apiserver: ApiServer,
    namespace: str,
    machines: Machines,
    bucket: Bucket,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[[str], Field]]:
    """A field of a target, in a namespace of its own."""
    monkeypatch.setenv("KUBECONFIG", "set by the field")
    machines.bundles = machines.bundles or f"{bucket.uri}/bundles"  # one for all tests: what they serve stays the same
    with ExitStack() as stack:
        api = stack.enter_context(administrator(apiserver))

        def make(target: str) -> Field:
            kubelet = KUBELETS[target](api, namespace)
            made = Field(apiserver, kubelet, machines, machines.bundles, tmp_path, target)
            made.gateway = stack.enter_context(running_gateway(api, namespace, made.backend))
            return made

        yield make
