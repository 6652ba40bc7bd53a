"""From a result to the webhook: the real Prometheus and Alertmanager where they are installed, else by ourselves."""

import json
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from shutil import which
from typing import Any

import yaml

from monitoring.loop.children import ROOT, Children
from monitoring.result import Alarm, WindowResult

RULES = ROOT / "monitoring" / "rules" / "evenkeel.rules.yml"
PROMETHEUS = "prometheus"
ALERTMANAGER = ("alertmanager", "prometheus-alertmanager")
"""Names of the binary: upstream's, Debian's."""
ALERTS: Mapping[Alarm, tuple[str, str]] = {
    "input_shift": ("ModelInputShift", "drift"),
    "label_shift": ("ModelLabelShift", "drift"),
    "performance_drop": ("ModelPerformanceDrop", "performance"),
}
"""Alarm -> alert and category, of those that ask for a retraining: as the rules have them."""


class Telling:
    """Alerting in short intervals."""

    def __init__(self, children: Children, ports: Mapping[str, int], folder: Path, token: str) -> None:
        self._children, self._ports, self._folder, self._token = children, ports, folder, token
        self._prometheus = which(PROMETHEUS)
        self._alertmanager = next(filter(None, map(which, ALERTMANAGER)), None)

    @property
    def real(self) -> bool:
        """Whether both are installed."""
        return self._prometheus is not None and self._alertmanager is not None

    @property
    def path(self) -> str:
        """Which way an alarm goes, in words."""
        if self.real:
            return "the real Prometheus (rules of monitoring/rules) and Alertmanager"
        return "the check's own verdict, posted as Alertmanager would: Prometheus or Alertmanager is not installed"

    def start(self) -> None:
        """Start both where they are installed."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._prometheus and self._alertmanager:
            self.start_alertmanager()
            self.start_prometheus()

    def start_prometheus(self) -> None:
        """Prometheus alone: scrapes and evaluates each second."""
        config = self._written("prometheus.yml", self._prometheus_config())
        port = self._ports["prometheus"]
        command = [str(self._prometheus), f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}"]
        self._children.start("prometheus", [*command, f"--storage.tsdb.path={self._folder / 'prometheus'}"])

    def start_alertmanager(self) -> None:
        """Alertmanager alone: waits a second for alerts of the same model."""
        config = self._written("alertmanager.yml", self._alertmanager_config())
        port = self._ports["alertmanager"]
        command = [str(self._alertmanager), f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}"]
        command += [f"--storage.path={self._folder / 'alertmanager'}", "--cluster.listen-address="]
        self._children.start("alertmanager", command)

    def tell(self, result: WindowResult) -> None:
        """Post a result's alarms to the webhook where no Alertmanager does; broken data speak for themselves."""
        if not self.real and all(raised.alarm != "data_quality" for raised in result.alarms):
            alerts = [alert(result, raised.alarm, raised.detail) for raised in result.alarms if raised.alarm in ALERTS]
            if alerts:
                self.post(alerts)

    def post(self, alerts: list[dict[str, Any]]) -> Any:
        """Deliver alerts as Alertmanager does; the governor's decisions."""
        body = json.dumps({"version": "4", "groupKey": "{}", "status": "firing", "alerts": alerts}).encode()
        headers = {"content-type": "application/json", "authorization": f"Bearer {self._token}"}
        url = f"http://127.0.0.1:{self._ports['webhook']}/alerts"
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=60) as answer:
            return json.load(answer)["decisions"]

    def firing(self) -> set[str]:
        """Names of the alerts that fire in Prometheus now."""
        url = f"http://127.0.0.1:{self._ports['prometheus']}/api/v1/alerts"
        with urllib.request.urlopen(url, timeout=10) as answer:
            alerts = json.load(answer)["data"]["alerts"]
        return {each["labels"]["alertname"] for each in alerts if each["state"] == "firing"}

    def _prometheus_config(self) -> dict[str, Any]:
        watched = {name: self._ports[name] for name in ("exporter", "webhook", "server")}
        return {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(RULES)],
            "alerting": {"alertmanagers": [{"static_configs": [_target(self._ports["alertmanager"])]}]},
            "scrape_configs": [{"job_name": name, "static_configs": [_target(port)]} for name, port in watched.items()],
        }

    def _alertmanager_config(self) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self._ports['webhook']}/alerts"
        credentials = {"authorization": {"credentials": self._token}}
        governor = {"url": url, "send_resolved": False, "http_config": credentials}
        route = {
            "receiver": "governor",
            "matchers": ["action=retrain"],
            "group_by": ["model", "model_version"],
            "group_wait": "1s",
        }
        return {
            "route": {"receiver": "people", "routes": [route | {"group_interval": "5s", "repeat_interval": "1h"}]},
            "receivers": [{"name": "people"}, {"name": "governor", "webhook_configs": [governor]}],
        }

    def _written(self, name: str, content: dict[str, Any]) -> Path:
        path = self._folder / name
        path.touch(mode=0o600)  # holds the token
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        return path


def alert(result: WindowResult, alarm: Alarm, detail: str) -> dict[str, Any]:
    """An alarm as Alertmanager delivers it."""
    name, category = ALERTS[alarm]
    labels = {"alertname": name, "action": "retrain", "category": category}
    return {
        "status": "firing",
        "labels": labels | {"model": result.project, "model_version": result.version},
        "annotations": {"summary": detail},
        "startsAt": result.end.isoformat(),
    }


def _target(port: int) -> dict[str, list[str]]:
    return {"targets": [f"127.0.0.1:{port}"]}
