"""The door to Kubernetes: lazy, and clear where there is no cluster behind it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from evenkeel.cluster import open_cluster
from evenkeel.cluster.kinds import CALLS, KINDS
from evenkeel.errors import RolloutError


def test_the_sdk_is_loaded_only_when_a_cluster_is_opened() -> None:
    program = "import sys, evenkeel.targets.kserve, evenkeel.targets.kubernetes; print('kubernetes' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


def test_every_call_is_of_a_kind_that_is_known() -> None:
    assert {kind for calls in CALLS.values() for kind in calls} <= KINDS.keys()


def test_without_a_kubeconfig_the_next_step_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))
    with pytest.raises(RolloutError, match=r"no Kubernetes cluster to talk to.*log in with kubectl first"):
        open_cluster("evenkeel-models", {}, None)


def test_a_context_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(json.dumps({"contexts": [], "users": [], "clusters": [], "current-context": ""}))
    monkeypatch.setenv("KUBECONFIG", str(file))
    with pytest.raises(RolloutError, match="nowhere"):
        open_cluster("evenkeel-models", {}, "nowhere")


@pytest.mark.parametrize(
    "content", [b"a: [1\n", b"- 1\n", b"\x00\xff", b""], ids=["torn", "a list", "no text", "empty"]
)
def test_a_kubeconfig_that_is_none_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "config").write_bytes(content)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    with pytest.raises(RolloutError, match=r"^no Kubernetes cluster to talk to: .*log in with kubectl first"):
        open_cluster("evenkeel-models", {}, None)
