"""The compiled monitoring pipeline's one box, run as Kubernetes would: that image, command and arguments, no root, no
writable root; ledger, release and results in a bucket, so that no disk is shared with anybody.
"""

import os
import subprocess

import numpy as np
import pytest
import yaml

from evenkeel.rollout.publish import announce, publish
from evenkeel.storage import copy_out
from monitoring.results import read_all_results
from pipelines.compile import COMPILED_MONITORING
from pipelines.monitoring import IMAGE as PLACEHOLDER
from tests.containers.engine import docker, missing
from tests.monitoring.flats import HOUR, ROWS, START, Flats, draw
from tests.monitoring.flats import bundle as bundle
from tests.monitoring.flats import flats as flats
from tests.s3 import Bucket
from tests.s3 import bucket as bucket
from tests.s3 import s3_endpoint as s3_endpoint

IMAGE = "evenkeel-monitoring:latest"

pytestmark = pytest.mark.skipif(bool(missing(IMAGE)), reason=missing(IMAGE))


def box(project: str) -> list[str]:
    """Command and arguments of the compiled box, as Kubeflow fills them in."""
    specification, *_ = yaml.safe_load_all(COMPILED_MONITORING.read_text())
    (executor,) = specification["deploymentSpec"]["executors"].values()
    container = executor["container"]
    assert container["image"] == PLACEHOLDER
    filled = [word.replace("{{$.inputs.parameters['project']}}", project) for word in container["args"]]
    return [*container["command"], *filled]


def run(bucket: Bucket, words: list[str]) -> "subprocess.CompletedProcess[str]":
    """One container on this machine's network, with what a pod would get from its configuration and secret."""
    names = [name for name in os.environ if name.startswith(("AWS_", "EVENKEEL_"))]
    locked = ["--read-only", "--tmpfs", "/data:uid=10001", "--tmpfs", "/tmp", "--cap-drop", "ALL"]  # noqa: S108
    locked += ["--security-opt", "no-new-privileges", "--network", "host"]
    passed = [word for name in names for word in ("--env", name)]
    return docker("run", "--rm", *locked, *passed, "--entrypoint", words[0], IMAGE, *words[1:])


@pytest.fixture
def shared(flats: Flats, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """An hour that moved, and the model that answered it."""
    root = f"{bucket.uri}/released"
    announce(publish(flats.bundle, "1", "a test", root, START), root)
    table = draw(ROWS, 100, larger=1.0)
    ids = flats.serve(table, START)
    flats.label(ids, np.asarray(table["dear"].to_numpy(zero_copy_only=False), bool), START + HOUR)
    copy_out(flats.ledger, f"{bucket.uri}/ledger")
    for name in ("ledger", "released", "results"):
        monkeypatch.setenv(f"EVENKEEL_{name.upper()}", f"{bucket.uri}/{name}")
    return bucket


def test_the_compiled_box_checks_a_window_in_its_image(shared: Bucket) -> None:
    done = run(shared, box("flats"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "flats v1 2026-11-02 00:00 to 2026-11-02 01:00: 400 rows, 1 of " in done.stdout
    (result, *_) = read_all_results(f"{shared.uri}/results", "flats")
    assert (result.rows, result.moved, result.performance.state) == (ROWS, ("size",), "mature")
    assert result.report is not None, "the image holds what reports need"


def test_what_cannot_be_checked_fails_the_box_and_is_said(shared: Bucket) -> None:
    done = run(shared, box("visits"))
    assert done.returncode == 1
    assert "visits: DataError: visits: nothing is released below s3://" in done.stderr
