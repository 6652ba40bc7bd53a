"""The rules: promtool's own tests, names that exist, a runbook each; and in a real Prometheus, told once."""

import datetime as dt
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring.__main__ import COMMANDS
from monitoring.samples import ALARMS
from tests.monitoring.promql import named, unknown
from tests.monitoring.stack import RULES, alertmanager, exporter, free_port, needs, prometheus, until, webhook
from tests.monitoring.windows import column, moved, performance, release, window, write

TESTS = RULES.with_name("evenkeel.rules.test.yml")
RULE_LIST: list[dict[str, Any]] = [
    rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
]
ALERTS = {rule["alert"]: rule for rule in RULE_LIST if "alert" in rule}
RECORDED = {rule["record"]: rule["expr"] for rule in RULE_LIST if "record" in rule}
_QUERY = re.compile(r'printf "((?:\\.|[^"\\])*)"')


def expressions(rule: dict[str, Any]) -> list[str]:
    """A rule's own expression, and those that its annotations ask."""
    asked = (found for text in rule.get("annotations", {}).values() for found in _QUERY.findall(text))
    return [rule["expr"], *(query.replace('\\"', '"').replace("%q", '"x"') for query in asked if "{" in query)]


@needs("promtool")
def test_promtool_accepts_the_rules() -> None:
    checked = subprocess.run(["promtool", "check", "rules", RULES], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(RULE_LIST)} rules found" in checked.stdout


@needs("promtool")
def test_every_alert_fires_stays_quiet_and_survives_a_restart() -> None:
    tested = subprocess.run(["promtool", "test", "rules", TESTS], capture_output=True, text=True)
    assert tested.returncode == 0, tested.stdout + tested.stderr


@needs("promtool")
def test_the_tests_can_fail(tmp_path: Path) -> None:
    (tmp_path / RULES.name).write_text(RULES.read_text().replace("> 14.4 * 0.001", "> 99").replace("[10m]", "[20s]"))
    broken = {"InferenceErrorBudgetFastBurn", "ModelDataQuality"}
    content = yaml.safe_load(TESTS.read_text())
    content["tests"] = [
        test for test in content["tests"] if broken & {case["alertname"] for case in test.get("alert_rule_test", ())}
    ]
    (tmp_path / TESTS.name).write_text(yaml.safe_dump(content))
    tested = subprocess.run(["promtool", "test", "rules", tmp_path / TESTS.name], capture_output=True, text=True)
    assert tested.returncode != 0
    for name in broken:
        assert f"alertname: {name}," in tested.stdout + tested.stderr


def test_every_alert_is_tested_firing_and_quiet() -> None:
    cases = [case for test in yaml.safe_load(TESTS.read_text())["tests"] for case in test.get("alert_rule_test", ())]
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == set(ALERTS)
    assert {case["alertname"] for case in cases if not case["exp_alerts"]} >= set(ALERTS) - {
        "InferenceErrorBudgetSlowBurn"  # a second model, quiet in the same case
    }


@pytest.mark.parametrize("rule", RULE_LIST, ids=lambda rule: rule.get("alert") or rule["record"])
def test_every_metric_that_a_rule_reads_exists(rule: dict[str, Any]) -> None:
    asked = expressions(rule)
    assert all(named(expression) for expression in asked)
    assert not {name for expression in asked for name in unknown(expression, RECORDED)}


def test_a_metric_that_does_not_exist_is_noticed() -> None:
    assert unknown("max(ml_feature_drift)", RECORDED) == {"ml_feature_drift"}
    assert unknown("model:ml_nothing:ratio > 1", RECORDED) == {"model:ml_nothing:ratio"}
    assert unknown('{__name__=~"ml_monitoring_projects|ml_gone"}', RECORDED) == {"ml_gone"}


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_says_what_to_do(name: str, repository: Path) -> None:
    rule = ALERTS[name]
    assert set(rule["labels"]) == {"severity", "action", "category", "namespace"}
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert {"summary", "dashboard", "runbook_url"} <= set(rule["annotations"])
    runbook = repository / rule["annotations"]["runbook_url"]
    text = runbook.read_text()
    assert runbook.stem == name
    assert text.startswith(f"# {name}\n")
    for heading in ("## What it means", "## Now", "## Then"):
        assert f"\n{heading}\n" in text, heading
    assert "```" in text, "at 3 a.m. a command is worth a page"


def test_there_is_no_runbook_without_an_alert(repository: Path) -> None:
    assert {path.stem for path in (repository / "docs" / "runbooks").glob("*.md")} == set(ALERTS)


def test_runbooks_name_verbs_and_modules_that_exist(repository: Path) -> None:
    verbs = set(re.findall(r"^([a-z][a-z-]*(?: [a-z-]+)*):", (repository / "Makefile").read_text(), re.MULTILINE))
    verbs = {verb for line in verbs for verb in line.split()}
    for path in (repository / "docs" / "runbooks").glob("*.md"):
        for verb in re.findall(r"^make ([a-z-]+)", path.read_text(), re.MULTILINE):
            assert verb in verbs, f"{path.name}: make {verb}"
        for word in re.findall(r"-m monitoring ([a-z-]+)", path.read_text()):
            assert word in COMMANDS, f"{path.name}: python -m monitoring {word}"


def test_only_what_may_be_learnt_from_asks_for_a_retraining() -> None:
    retraining = {name for name, rule in ALERTS.items() if rule["labels"]["action"] == "retrain"}
    assert retraining == {"ModelInputShift", "ModelLabelShift", "ModelPerformanceDrop"}
    for name in retraining:
        assert 'alarm="data_quality"' in ALERTS[name]["expr"], "broken data must not be learnt"


def test_every_alarm_of_a_check_has_an_alert() -> None:
    told = {alarm for rule in ALERTS.values() for alarm in re.findall(r'^[^{]*{alarm="([a-z_]+)"}', rule["expr"])}
    assert told == set(ALARMS)


def test_alerts_carry_no_label_of_a_target() -> None:
    for name, rule in ALERTS.items():
        text = rule["expr"]
        if name in ("UncertifiedModelServed", "MonitoringExporterDown"):
            continue  # it is that one server; there is no series at all
        assert re.match(
            r"(\(\s*)*(time\(\) - )?(model:|(max|sum) by \((model|model, model_version|job|job, reason)\))", text
        ), name


def _routing(url: str, token: Path) -> dict[str, Any]:
    """Alertmanager that tells at once, and again only when something changes."""
    hook = {"url": url, "http_config": {"authorization": {"credentials_file": str(token)}}, "send_resolved": False}
    return {
        "route": {
            "receiver": "hook",
            "group_by": ["model"],
            "group_wait": "1s",
            "group_interval": "1s",
            "repeat_interval": "1h",
        },
        "receivers": [{"name": "hook", "webhook_configs": [hook]}],
    }


@needs("prometheus", "prometheus-alertmanager")
def test_a_shift_reaches_the_webhook_once_whatever_happens_to_the_exporter(tmp_path: Path) -> None:
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    features = {"age": moved(0.4), "income": moved(0.25), "plan": column()}
    release(tmp_path, at=now)
    write(tmp_path, window("visits", end=now - dt.timedelta(days=1)))
    token = tmp_path / "token"
    token.write_text("s3cret")
    port, elsewhere = free_port(), free_port()
    targets = {"evenkeel-exporter": port, "evenkeel-exporter-moved": elsewhere}
    with (
        webhook() as hook,
        alertmanager(tmp_path, _routing(f"http://127.0.0.1:{hook.server_port}", token)) as manager,
        prometheus(tmp_path, targets, manager) as found,
    ):
        with exporter(tmp_path, port, "--url=http://exporter.example"):
            until(lambda: found.query("ml_monitoring_window_rows"), "the exporter is scraped")
            until(lambda: found.query("model:ml_features_drifted:ratio == 0"), "rules are evaluated")
            assert hook.got == []
            report = "/reports/now.html"
            write(tmp_path, window("visits", "input_shift", end=now, features=features, report=report))
            until(lambda: hook.got, "the alert reaches the webhook")
            (authorization, body), alert = hook.got[0], hook.alerts[0]
            assert (authorization, body["version"], alert["status"]) == ("Bearer s3cret", "4", "firing")
            wanted = {"alertname": "ModelInputShift", "model": "visits", "model_version": "3", "action": "retrain"}
            assert wanted.items() <= alert["labels"].items()
            assert "instance" not in alert["labels"]
            summary = alert["annotations"]["summary"]
            assert "66.67% of its features moved (stability index): age 0.40; income 0.25;" in summary
            assert f"since {now:%Y-%m-%d %H:%M:%S}" in summary
            assert alert["annotations"]["report"] == "http://exporter.example/reports/visits"
        until(lambda: not found.query("ml_monitoring_projects"), "the exporter is gone")
        assert "ModelInputShift" in found.firing()
        with exporter(tmp_path, elsewhere):
            until(lambda: found.query('ml_monitoring_projects{job="evenkeel-exporter-moved"}'), "it is back elsewhere")
            evaluated = "changes(timestamp(model:ml_features_drifted:ratio)[5s:1s]) > 2"
            until(lambda: found.query(evaluated), "rules are evaluated again")
            assert "ModelInputShift" in found.firing()
            # broken data are another alert: when it has come, any second telling of the first would have come too
            write(tmp_path, window("claims", "data_quality", end=now))
            until(lambda: any(a["labels"]["alertname"] == "ModelDataQuality" for a in hook.alerts), "another alert")
    told = [alert["labels"]["alertname"] for alert in hook.alerts]
    assert told.count("ModelInputShift") == 1, told


@needs("prometheus")
def test_a_real_prometheus_takes_the_rules_and_each_alarm_its_way(tmp_path: Path) -> None:
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    quality = column(missing_share=0.7)
    for number, alarm in enumerate(ALARMS):
        write(tmp_path, window(f"m{number}", alarm, end=now, features={"age": quality}, label=column()))
    both = window("both", "data_quality", "input_shift", "performance_drop", end=now, performance=performance())
    write(tmp_path, both, window("quiet", end=now), window("old", "input_shift", end=now - dt.timedelta(days=4)))
    port = free_port()
    with exporter(tmp_path, port), prometheus(tmp_path, {"evenkeel-exporter": port}) as found:
        wanted = {name for name in ALERTS if name.startswith("Model")} - {
            "ModelMonitoringAbsent",
            "ModelReloadFailing",
            "ModelResultUnreadable",
        }
        until(lambda: found.firing() == wanted, f"{sorted(wanted)}")
        fired = {(s["metric"]["alertname"], s["metric"]["model"]) for s in found.query("ALERTS")}
        assert {name for name, model in fired if model == "both"} == {"ModelDataQuality"}
        assert {name for name, model in fired if model == "old"} == {"ModelMonitoringStale"}
        assert not {name for name, model in fired if model == "quiet"}


def test_queries_in_runbooks_name_metrics_that_exist(repository: Path) -> None:
    asked = [
        query
        for path in (repository / "docs" / "runbooks").glob("*.md")
        for query in re.findall(r"^promtool query instant \S+ '(.+)'$", path.read_text(), re.MULTILINE)
    ]
    assert len(asked) > 10
    assert all(named(query) and not unknown(query, RECORDED) for query in asked)
