"""What runs the stack: configurations that the programs accept, and a routing that a real Alertmanager follows."""

import datetime as dt
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from monitoring.catalogue import CATALOGUE
from tests.monitoring.stack import alertmanager, needs, until, webhook

FOLDER = Path(__file__).resolve().parents[2] / "monitoring"
ROUTING = FOLDER / "alertmanager" / "alertmanager.yml"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose" / "docker-compose.yml").read_text())


@needs("amtool")
def test_alertmanager_accepts_its_configuration() -> None:
    checked = subprocess.run(["amtool", "check-config", ROUTING], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@needs("amtool")
@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        ("alertname=ModelInputShift action=retrain severity=warning namespace=evenkeel", "governor,people"),
        ("alertname=ModelPerformanceDrop action=retrain severity=critical namespace=evenkeel", "governor,people"),
        ("alertname=ModelDataQuality action=inspect severity=critical namespace=evenkeel", "people"),
        ("alertname=ModelLabelsLate action=inspect severity=warning namespace=evenkeel", "people"),
        ("alertname=Watchdog severity=none", "people"),
    ],
)
def test_who_is_told_what(labels: str, receivers: str) -> None:
    command = ["amtool", "config", "routes", "test", f"--config.file={ROUTING}", f"--verify.receivers={receivers}"]
    tested = subprocess.run([*command, *labels.split()], capture_output=True, text=True)
    assert tested.returncode == 0, tested.stdout + tested.stderr


@needs("prometheus-alertmanager")
def test_the_governor_gets_what_asks_for_a_model_with_its_token_and_nothing_else(tmp_path: Path) -> None:
    config = yaml.safe_load(ROUTING.read_text())
    config["route"]["routes"][0]["group_wait"] = "1s"
    (tmp_path / "token").write_text("s3cret\n")
    hook_config = config["receivers"][1]["webhook_configs"][0]
    hook_config["http_config"]["authorization"]["credentials_file"] = str(tmp_path / "token")
    now = dt.datetime.now(dt.UTC).isoformat()
    posted = [
        {
            "labels": {
                "alertname": name,
                "model": "visits",
                "model_version": "3",
                "namespace": "evenkeel",
                "action": action,
            }
        }
        for name, action in (
            ("ModelDataQuality", "inspect"),
            ("ModelInputShift", "retrain"),
            ("ModelLabelShift", "retrain"),
        )
    ]
    with webhook() as hook:
        hook_config["url"] = f"http://127.0.0.1:{hook.server_port}/alerts"
        with alertmanager(tmp_path, config) as port:
            url = f"http://127.0.0.1:{port}/api/v2/alerts"
            assert httpx.post(url, json=[{**alert, "startsAt": now} for alert in posted]).is_success
            until(lambda: hook.got, "the governor is asked")
    authorization, body = hook.got[0]
    assert authorization == "Bearer s3cret"
    assert body["groupLabels"] == {"model": "visits", "model_version": "3"}
    assert {alert["labels"]["alertname"] for alert in hook.alerts} == {"ModelInputShift", "ModelLabelShift"}


@needs("promtool")
def test_prometheus_accepts_the_configuration_of_compose(tmp_path: Path) -> None:
    shutil.copy(FOLDER / "compose" / "prometheus.yml", tmp_path)
    shutil.copytree(FOLDER / "rules", tmp_path / "rules")
    checked = subprocess.run(
        ["promtool", "check", "config", tmp_path / "prometheus.yml"], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "rules found" in checked.stdout


def test_compose_mounts_what_exists_and_listens_on_this_machine_only() -> None:
    for name, service in COMPOSE["services"].items():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            known = source in COMPOSE["volumes"] or source == "../../.evenkeel"
            assert known or (FOLDER / "compose" / source).exists(), f"{name}: {source}"
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name
        assert not re.search(r":latest$", service["image"]), f"{name}: name a version"


def test_the_governor_s_token_is_no_file_of_the_checkout() -> None:
    assert COMPOSE["secrets"] == {"governor-token": {"environment": "EVENKEEL_WEBHOOK_TOKEN"}}
    asked = yaml.safe_load(ROUTING.read_text())["receivers"][1]["webhook_configs"][0]
    assert asked["http_config"]["authorization"]["credentials_file"] == "/run/secrets/governor-token"
    assert asked["url"] == "http://governor:9106/alerts"


def test_prometheus_scrapes_every_process_that_exports() -> None:
    config = yaml.safe_load((FOLDER / "compose" / "prometheus.yml").read_text())
    jobs = {job["job_name"].removeprefix("evenkeel-") for job in config["scrape_configs"]}
    assert jobs == {entry.source for entry in CATALOGUE.values()}


def test_grafana_gets_the_datasource_and_all_dashboards() -> None:
    compose = FOLDER / "compose" / "grafana"
    (source,) = yaml.safe_load((compose / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert (source["uid"], source["url"]) == ("prometheus", "http://prometheus:9090")
    (provider,) = yaml.safe_load((compose / "dashboards" / "evenkeel.yml").read_text())["providers"]
    mounts = dict(volume.split(":")[:2] for volume in COMPOSE["services"]["grafana"]["volumes"])
    assert mounts["../dashboards/json"] == provider["options"]["path"]
    (generator,) = yaml.safe_load((FOLDER / "dashboards" / "kustomization.yaml").read_text())["configMapGenerator"]
    assert set(generator["files"]) == {f"json/{path.name}" for path in (FOLDER / "dashboards" / "json").glob("*")}
    assert generator["options"]["labels"] == {"grafana_dashboard": "1"}
