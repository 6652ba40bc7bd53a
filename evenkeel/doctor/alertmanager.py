"""Alertmanager, as Prometheus names it: there, and with somebody to tell."""

from collections.abc import Iterator
from typing import Any

import yaml

from evenkeel.doctor.finding import Finding
from evenkeel.doctor.server import reached, stranger
from evenkeel.doctor.web import ask
from evenkeel.settings import Settings

_GIVEN = "alerting.alertmanagers in Prometheus' configuration"


def alertmanagers(settings: Settings, prometheus: str) -> Iterator[Finding]:
    """Every one that this Prometheus sends to; it tells where they are, not whether it reaches them."""
    active = ask(f"{prometheus}/api/v1/alertmanagers").at("data", "activeAlertmanagers")
    if not isinstance(active, list):
        yield stranger("prometheus", f"{prometheus}/api/v1/alertmanagers", "EVENKEEL_PROMETHEUS")
        return
    if not active:
        told = "Prometheus knows none: alarms go nowhere"
        yield Finding("alertmanager", "fail", told, f"set {_GIVEN}; see docs/monitoring-alerts.md")
    for each in active:
        yield from _alertmanager(settings, str(each["url"]).rpartition("/api/")[0])


def _alertmanager(settings: Settings, url: str) -> Iterator[Finding]:
    answer = ask(f"{url}/api/v2/status")
    if answer.status == 0:
        told = f"{url}, where Prometheus sends alarms, cannot be reached from here: {answer.body}"
        fix = (
            "where Prometheus does reach it, prometheus_notifications_errors_total stays as it is; else mend " + _GIVEN
        )
        yield Finding("alertmanager", "warn", told, fix)
        return
    found, config = answer.at("versionInfo", "version"), answer.at("config", "original")
    if answer.status == 200 and (found is None or config is None):
        yield stranger("alertmanager", url, _GIVEN)
        return
    yield from reached("alertmanager", url, answer, str(found or ""), _GIVEN)
    if answer.status == 200:
        yield _receivers(settings, yaml.safe_load(config))


def _receivers(settings: Settings, config: Any) -> Finding:
    """Those of our example, by name: a team may name its own otherwise, so what is missing is no failure."""
    file = settings.workspace / "monitoring" / "alertmanager" / "alertmanager.yml"
    ours = [str(each["name"]) for each in yaml.safe_load(file.read_text(encoding="utf-8"))["receivers"]]
    theirs = {str(each["name"]): each for each in config["receivers"]}
    missing = [name for name in ours if name not in theirs]
    silent = [name for name in ours if theirs.get(name) == {"name": name}]
    if missing:
        told = f"there is no receiver {', '.join(missing)}"
        return Finding("receivers", "warn", told, f"take it over from {file}, unless another name stands for it")
    if silent:
        told = f"receiver {', '.join(silent)} has no channel: nobody hears what is sent there"
        return Finding("receivers", "warn", told, "give it one: slack_configs, pagerduty_configs, email_configs")
    return Finding("receivers", "ok", f"{' and '.join(ours)} are told")
