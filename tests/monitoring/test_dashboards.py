"""Dashboards: the JSON is its source, every query answers in a real Prometheus, every metric exists."""

import datetime as dt
import json
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from evenkeel.bundle import PROJECT
from monitoring.catalogue import CATALOGUE
from serving.metrics import Metrics
from tests.evenkeel.toy_bundle import toy_project
from tests.monitoring.promql import named, unknown
from tests.monitoring.stack import Prometheus, exporter, free_port, needs, prometheus, until
from tests.monitoring.test_rules import RECORDED
from tests.monitoring.windows import column, moved, release, window, write

with warnings.catch_warnings():
    # of the SDK's own classes: schema 2 needs Grafana 12 and its API, schema 1 is provisioned from files everywhere
    warnings.filterwarnings("ignore", "Prefer using dashboardv2", DeprecationWarning)
    from monitoring.dashboards.__main__ import DASHBOARDS, FOLDER, main, rendered

PAGES: dict[str, dict[str, Any]] = {name: json.loads((FOLDER / f"{name}.json").read_text()) for name in DASHBOARDS}
QUERIES = [
    (f"{name}: {panel['title']}: {target['refId']}", target["expr"])
    for name, page in PAGES.items()
    for panel in page["panels"]
    for target in panel.get("targets", ())
] + [
    (f"{name}: annotation {query['name']}", query["expr"])
    for name, page in PAGES.items()
    for query in page.get("annotations", {}).get("list", ())
]


def test_the_json_is_what_the_source_says() -> None:
    assert main(["--check"]) == 0
    assert {path.stem for path in FOLDER.glob("*.json")} == set(DASHBOARDS)


def test_a_stale_file_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("monitoring.dashboards.__main__.FOLDER", tmp_path)
    assert main(["--check"]) == 1
    assert main([]) == 0
    assert main(["--check"]) == 0
    (tmp_path / "model.json").write_text("{}")
    assert main(["--check"]) == 1


def test_building_twice_gives_the_same_bytes() -> None:
    command = [sys.executable, "-m", "monitoring.dashboards", "--check"]
    assert subprocess.run(command, cwd=Path(__file__).parents[2]).returncode == 0
    assert [rendered(build) for build in DASHBOARDS.values()] == [rendered(build) for build in DASHBOARDS.values()]


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_is_whole(name: str) -> None:
    page = PAGES[name]
    assert page["uid"] == f"evenkeel-{name}"
    assert not page["editable"]
    panels = page["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        letters = [target["refId"] for target in panel.get("targets", ())]
        assert len(set(letters)) == len(letters)
        if panel["type"] != "row":
            assert letters, panel["title"]
            assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    for variable in page["templating"]["list"]:
        assert variable["name"] in ("datasource", "model")
    assert len(json.dumps(page)) < 1_000_000, "a ConfigMap holds no more"


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_fit_beside_each_other(name: str) -> None:
    places = [panel["gridPos"] for panel in PAGES[name]["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, (one, other)


@pytest.mark.parametrize(("where", "expression"), QUERIES, ids=[where for where, _ in QUERIES])
def test_every_metric_that_a_panel_reads_exists(where: str, expression: str) -> None:
    assert named(expression), where
    assert not unknown(expression, RECORDED)
    assert not set(re.findall(r"\$(?!__rate_interval|model\b)\w+", expression))


def test_links_in_alerts_lead_to_a_dashboard(repository: Path) -> None:
    text = (repository / "monitoring" / "rules" / "evenkeel.rules.yml").read_text()
    linked = set(re.findall(r"dashboard: '?/d/([a-z-]+)", text))
    assert linked <= {page["uid"] for page in PAGES.values()}


def serve(registry: CollectorRegistry, stack: ExitStack) -> int:
    """The metrics of a registry on a port."""
    server, thread = start_http_server(0, "127.0.0.1", registry)
    stack.callback(thread.join)
    stack.callback(server.server_close)
    stack.callback(server.shutdown)
    port: int = server.server_port
    return port


def busy_server(registry: CollectorRegistry) -> Metrics:
    """A server's metrics as after some work; its own class makes them."""
    metrics = Metrics(registry)
    version = ("visits", "3")
    metrics.info.labels(*version, "a" * 64, "d1").set(1)
    metrics.loaded.labels(*version).set(dt.datetime.now(dt.UTC).timestamp())
    metrics.ready.set(1)
    metrics.source_up.set(1)
    work(metrics)
    return metrics


def work(metrics: Metrics) -> None:
    """More of everything that a server counts."""
    version = ("visits", "3")
    tally = metrics.tally.of(*version)
    for _ in range(100):
        tally.answered(200, 0.003)
    tally.predicted(500)
    metrics.violations.labels(*version, "age", "range", "warned").inc()
    metrics.shed.labels("concurrency").inc()
    metrics.dropped.labels("queue_full").inc()
    metrics.logged.inc(500)
    metrics.feedback.inc(20)


def governor(registry: CollectorRegistry) -> Counter:
    """What the governor exports, by the catalogue."""
    kinds = {"counter": Counter, "gauge": Gauge}
    made = {
        name: kinds[entry.kind](name, entry.description, entry.labels, registry=registry)
        for name, entry in CATALOGUE.items()
        if entry.source == "governor"
    }
    made["ml_retraining_last_start_timestamp_seconds"].labels("visits").set(dt.datetime.now(dt.UTC).timestamp())
    made["ml_retraining_running"].labels("visits").set(1)
    made["ml_retraining_runs_total"].labels("visits", "refused").inc()
    decisions = made["ml_retraining_decisions_total"]
    assert isinstance(decisions, Counter)
    decisions.labels("visits", "started").inc()
    return decisions


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has seen all there is to see: exporter, server, governor, an alarm."""
    home = tmp_path_factory.mktemp("home")
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    bundle = home / "releases" / release(home, at=now).project / "bundles" / "a"
    bundle.mkdir(parents=True)
    (bundle / PROJECT).write_text(toy_project().to_parameter())
    features = {"age": moved(0.4), "income": column(), "plan": column(missing_share=0.1)}
    result = window("visits", "input_shift", end=now, features=features, label=column(), report="w.html")
    write(home, result)
    served, governed = CollectorRegistry(), CollectorRegistry()
    metrics, _ = busy_server(served), governor(governed)
    port = free_port()
    with ExitStack() as stack:
        stack.enter_context(exporter(home, port))
        targets = {"exporter": port, "server": serve(served, stack), "governor": serve(governed, stack)}
        found = stack.enter_context(prometheus(home, targets))

        def counted() -> bool:
            work(metrics)  # counters must go on for a rate
            return bool(found.firing() and found.query("sum(rate(ml_inference_requests_total[5s])) > 0"))

        until(counted, "the alert fires and counters have a rate")
        yield found


@needs("prometheus")
@pytest.mark.parametrize(("where", "expression"), QUERIES, ids=[where for where, _ in QUERIES])
def test_every_query_answers(where: str, expression: str, watched: Prometheus) -> None:
    asked = expression.replace("$model", "visits").replace("$__rate_interval", "1m")
    until(lambda: watched.query(asked), f"{where}: {asked}", seconds=20)


@needs("prometheus")
def test_a_query_without_an_answer_is_noticed(watched: Prometheus) -> None:
    assert not watched.query('ml_feature_drift_score{model="nobody"}')
