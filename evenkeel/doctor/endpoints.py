"""The endpoints: registry, data remote, published bundles, Kubeflow, Prometheus and Grafana."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import yaml

from evenkeel.doctor.alertmanager import alertmanagers
from evenkeel.doctor.finding import Finding
from evenkeel.doctor.server import reached, stranger
from evenkeel.doctor.web import Answer, ask, bearer
from evenkeel.errors import EvenkeelError
from evenkeel.settings import Settings
from evenkeel.storage import list_below
from evenkeel.tracking.lookup import champion
from evenkeel.tracking.place import is_server, public, tracking_uri


def registry(settings: Settings) -> Iterator[Finding]:
    """MLflow: there, of a version that is known to work, and ours to ask."""
    uri = tracking_uri(settings)
    if is_server(uri):
        answer = ask(f"{uri.rstrip('/')}/version")
        yield from reached("mlflow", public(uri), answer, answer.body.strip().strip('"'), "EVENKEEL_TRACKING_URI")
    try:
        champion(settings, "evenkeel-doctor")
    except EvenkeelError as error:
        yield Finding("registry", "fail", str(error), "check address and credentials; see docs/registry.md")
    else:
        yield Finding("registry", "ok", public(uri))


def storage(settings: Settings) -> Iterator[Finding]:
    """Every place that is not a local folder can be listed with the credentials at hand."""
    places = {
        "EVENKEEL_DATA_REMOTE": settings.remote,
        "EVENKEEL_BUNDLES": settings.bundles,
        "EVENKEEL_LEDGER": settings.ledger,
        "EVENKEEL_RESULTS": settings.results,
    }
    for name, uri in places.items():
        if uri is None or not uri.startswith("s3://"):
            continue
        try:
            list_below(f"{uri.rstrip('/')}/.doctor")
        except EvenkeelError as error:
            yield Finding(name, "fail", str(error), "check bucket, endpoint and AWS credentials; see docs/settings.md")
        else:
            yield Finding(name, "ok", uri)


def kubeflow(settings: Settings) -> Iterator[Finding]:
    """The pipelines API answers, and lets us in."""
    if not settings.kfp_host:
        yield Finding("kubeflow pipelines", "skip", "EVENKEEL_KFP_HOST is not set: runs are local")
        return
    host, given = settings.kfp_host, "EVENKEEL_KFP_HOST, EVENKEEL_KFP_TOKEN"
    answer = ask(f"{host.rstrip('/')}/apis/v2beta1/healthz", bearer(settings.kfp_token))
    if answer.status == 200 and not isinstance(answer.content, dict):
        yield stranger("kubeflow pipelines", host, given)
        return
    yield from reached("kubeflow pipelines", host, answer, str(answer.at("tag_name") or ""), given)


def prometheus(settings: Settings) -> Iterator[Finding]:
    """Prometheus answers, has every one of our rules, and somebody to tell."""
    if not settings.prometheus:
        yield Finding("prometheus", "skip", "EVENKEEL_PROMETHEUS is not set: steps of a rollout cannot be checked")
        return
    base = settings.prometheus.rstrip("/")
    answer = ask(f"{base}/api/v1/status/buildinfo")
    found = answer.at("data", "version")
    if answer.status == 200 and found is None:
        yield stranger("prometheus", base, "EVENKEEL_PROMETHEUS")
        return
    yield from reached("prometheus", base, answer, str(found or ""), "EVENKEEL_PROMETHEUS")
    if answer.status == 200:
        yield _rules(settings, ask(f"{base}/api/v1/rules"))
        yield from alertmanagers(settings, base)


def grafana(settings: Settings) -> Iterator[Finding]:
    """Grafana has our dashboards."""
    if not settings.grafana:
        yield Finding("grafana", "skip", "EVENKEEL_GRAFANA is not set")
        return
    given = "EVENKEEL_GRAFANA, EVENKEEL_GRAFANA_TOKEN"
    url = f"{settings.grafana.rstrip('/')}/api/search?type=dash-db&limit=5000"
    answer = ask(url, bearer(settings.grafana_token))
    if answer.status == 200 and not isinstance(answer.content, list):
        yield stranger("grafana", settings.grafana, given)
        return
    yield from reached("grafana", settings.grafana, answer, "", given)
    if answer.status == 200:
        there = {each["uid"] for each in answer.content}
        folder = settings.workspace / "monitoring" / "dashboards" / "json"
        wanted = {json.loads(path.read_text(encoding="utf-8"))["uid"] for path in folder.glob("*.json")}
        missing = sorted(wanted - there)
        told = f"{len(wanted)} dashboards are there" if not missing else f"{', '.join(missing)} missing"
        yield Finding("dashboards", "fail" if missing else "ok", told, "provision monitoring/dashboards/json")


def _rules(settings: Settings, answer: Answer) -> Finding:
    file = settings.workspace / "monitoring" / "rules" / "evenkeel.rules.yml"
    wanted = _names(file)
    groups = answer.at("data", "groups") or []
    missing = sorted(wanted - {rule["name"] for group in groups for rule in group["rules"]})
    told = f"all {len(wanted)} rules are loaded" if not missing else f"{len(missing)} not loaded: {', '.join(missing)}"
    return Finding(
        "rules", "fail" if missing else "ok", told, f"load {file} into Prometheus: without it nothing alarms"
    )


def _names(file: Path) -> set[str]:
    groups = yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
    return {str(rule.get("alert") or rule["record"]) for group in groups for rule in group["rules"]}


def secrets(settings: Settings) -> Iterator[Finding]:
    """A file with secrets that others may read."""
    path = Path(".env")
    if path.is_file() and path.stat().st_mode & 0o077:
        yield Finding(".env", "warn", "others on this machine may read it", "chmod 600 .env")
    if settings.ledger_salt is None and os.environ.get("EVENKEEL_LEDGER", "").startswith("s3://"):
        told = "columns marked 'sensitive: hash' are hashed without a salt in a shared ledger"
        yield Finding("EVENKEEL_LEDGER_SALT", "warn", told, "set it, the same for all servers of a model")
