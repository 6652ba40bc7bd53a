"""From data to ECS: train, gate, register, deploy; then a canary whose check fails is rolled back."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import urllib.parse
import uuid
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from evenkeel.code import LOCK
from evenkeel.settings import Settings
from evenkeel.tracking import champion_version
from tests.ecs.conftest import BUCKET, create_stack, push_image
from tests.ecs.ecs_simulator import SimulatedAws
from tests.ecs.load_balancer import LoadBalancer
from tests.ecs.servers import Servers

pytestmark = [pytest.mark.loop, pytest.mark.timeout(900)]

SERVING = """
serving:
  target: ecs
  resources: {cpu: 250m, memory: 512Mi}
  rollout:
    - {traffic: 10, bake_minutes: 0, checks: [errors], min_samples: 1}
    - {traffic: 100, bake_minutes: 0, checks: [errors], min_samples: 1}
"""


class Prometheus(BaseHTTPRequestHandler):
    """Half of all answers are errors."""

    def do_GET(self) -> None:
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)["query"][0]
        value = "50" if "5.." in query else "100"
        result = [{"metric": {}, "value": [0, value]}]
        body = json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's name
        pass


@pytest.fixture
def prometheus() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Prometheus)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def settings(
    aws: SimulatedAws,
    balancer: LoadBalancer,
    outputs: dict[str, str],
    prometheus: str,
    repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Settings]:
    """A workspace with project tumours, a stack for it, and tasks that are real servers."""
    for room in ("evenkeel", "components", "pipelines"):
        shutil.copytree(repository / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(repository / LOCK, tmp_path)
    for name in ("conf/tumours.yaml", "data/tumours.parquet.dvc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(repository / name, tmp_path / name)
    with (tmp_path / "conf/tumours.yaml").open("a") as conf:
        conf.write(SERVING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # moto knows no alarms in stacks
        urls = {"Url": balancer.url, "TestUrl": balancer.test_url}
        stack = create_stack("evenkeel-tumours", "tumours", Bucket=BUCKET, **urls)
    place = f"s3://{BUCKET}/{uuid.uuid4().hex}"
    given = {
        "EVENKEEL_ECS_STACK": "evenkeel-{project}",
        "EVENKEEL_BUNDLES": f"{place}/bundles",
        "EVENKEEL_LEDGER": f"{place}/ledger",
        "EVENKEEL_SERVING_IMAGE": push_image("evenkeel-tumours", "server"),
        "EVENKEEL_PROMETHEUS": prometheus,
        "HOME": str(tmp_path),
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    servers = Servers(aws.fleet, tmp_path)
    balancer.reset(stack["ListenerRule"], servers.answer)
    yield Settings(home=tmp_path / ".evenkeel", workspace=tmp_path, ledger=f"{place}/ledger")
    servers.stop()


def run(workspace: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipelines", "run", "tumours"]
    return subprocess.run(command, cwd=workspace, env={**os.environ}, capture_output=True, text=True)


def test_from_data_to_ecs_and_back_from_a_canary_that_fails(settings: Settings, aws: SimulatedAws) -> None:
    first = run(settings.workspace)
    assert first.returncode == 0, first.stdout + first.stderr
    assert re.search(r"(?m)^  deploy-ecs +[\d.]+ s  ok", first.stdout), first.stdout
    service = aws.fleet.services["evenkeel-tumours"]
    assert aws.fleet.environment(service.definition)["EVENKEEL_MODEL_VERSION"] == "1"

    conf = settings.workspace / "conf" / "tumours.yaml"
    conf.write_text(conf.read_text().replace("C: 1.0", "C: 1.1"))
    second = run(settings.workspace)
    assert second.returncode != 0
    assert "was dropped: at 10 %: errors: 0.5, at most 0.01, of 100 samples" in second.stdout + second.stderr
    assert "Traceback" not in second.stderr
    assert aws.fleet.environment(service.definition)["EVENKEEL_MODEL_VERSION"] == "1"
    assert champion_version(settings, "tumours") == "1"
    assert service.deployments[-1].status == "ROLLBACK_SUCCESSFUL"
