"""The serving image, run as Kubernetes would: no root, no writable root, no capability. It answers and stops."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from evenkeel.bundle import EVALUATION, open_bundle
from evenkeel.predictor import Predictor
from evenkeel.table import read_table, to_columns
from tests.containers.engine import docker, missing
from tests.serving.bundles import make_bundle, make_project

IMAGE = "evenkeel-serving:latest"

pytestmark = pytest.mark.skipif(bool(missing(IMAGE)), reason=missing(IMAGE))


def said(*arguments: str) -> str:
    """What a command printed that has to succeed."""
    ran = docker(*arguments)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("served")
    bundle = make_bundle(root / "bundle", make_project())
    for path in (root, *root.parents[:3]):
        path.chmod(0o755)
    return bundle.folder


@pytest.fixture(scope="module")
def container(folder: Path) -> Iterator[str]:
    locked = ["--read-only", "--tmpfs", "/data:uid=10001", "--cap-drop", "ALL"]
    locked += ["--security-opt", "no-new-privileges", "--publish", "127.0.0.1::8080"]
    name = said("run", "--detach", *locked, "--volume", f"{folder}:/mnt/models:ro", IMAGE)
    try:
        yield name
    finally:
        docker("rm", "--force", name)


@pytest.fixture(scope="module")
def url(container: str) -> str:
    address = "http://" + said("port", container, "8080").splitlines()[0]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{address}/readyz", timeout=1).is_success:
                return address
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail(f"the container is not ready after a minute:\n{docker('logs', container).stderr}")


def test_it_answers_as_the_bundle_does(url: str, folder: Path) -> None:
    bundle = open_bundle(folder)
    rows = read_table(folder / EVALUATION).slice(0, 5)
    wanted = bundle.project().feature_columns
    expected = Predictor.load(bundle).predict(to_columns(rows, wanted))
    given = rows.select(list(wanted)).to_pylist()
    for row in given:
        row["floor"] = None if row["floor"] is None else int(row["floor"])  # its categories are whole numbers
    body = json.dumps({"rows": given}, default=lambda moment: moment.isoformat())
    answer = httpx.post(f"{url}/predict", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text
    found = [max(row["probabilities"].values()) for row in answer.json()["predictions"]]
    assert expected.probabilities is not None
    assert found == pytest.approx(expected.probabilities.max(axis=1).tolist(), abs=1e-12)


def test_it_is_nobody_and_holds_nothing_it_does_not_need(container: str, url: str) -> None:
    assert url
    assert said("exec", container, "id", "-u") == "10001"
    look = "import importlib.util as u; print([m for m in %r if u.find_spec(m)])"
    unwanted = ["pip", "kfp", "mlflow", "dvc", "evidently", "sklearn", "pandas", "skops"]
    assert said("exec", container, "python", "-c", look % unwanted) == "[]"
    assert docker("exec", container, "sh", "-c", "command -v gcc || command -v pip").returncode
    assert docker("exec", container, "touch", "/app/x").returncode, "the root file system is read-only"
    sbom = json.loads(said("exec", container, "cat", "/opt/venv/sbom.json"))
    assert "onnxruntime" in {part["name"] for part in sbom["components"]}


def test_it_stops_when_told(container: str, url: str) -> None:
    assert url
    said("stop", "--time", "40", container)
    assert said("inspect", "--format", "{{.State.ExitCode}}", container) == "0"
