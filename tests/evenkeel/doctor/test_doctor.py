"""The doctor names what is wrong and what mends it; each check is shown something that is wrong."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import time
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from evenkeel.config import load_project
from evenkeel.doctor import cluster, endpoints, machine
from evenkeel.doctor.__main__ import CHECKS, main
from evenkeel.doctor.errors import page
from evenkeel.doctor.finding import Check, Finding
from evenkeel.doctor.server import aged
from evenkeel.settings import Settings

REPOSITORY = Path(__file__).parents[3]
Answers = dict[str, tuple[int, Any]]
Serve = Callable[[Answers], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Servers that answer these paths so, and everything else with 404; ``Date`` in the answers sets their clock."""
    running: list[ThreadingHTTPServer] = []

    def start(answers: Answers, *, late: float = 0.0, token: str | None = None) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                code, content = answers.get(self.path.partition("?")[0], (404, "no such thing"))
                if token and self.headers.get("Authorization") != f"Bearer {token}":
                    code, content = 401, "who are you?"
                body = (content if isinstance(content, str) else json.dumps(content)).encode()
                self.send_response_only(code)
                self.send_header("Date", formatdate(time() + late, usegmt=True))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Quiet."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        running.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


def told(check: Check, settings: Settings) -> dict[str, Finding]:
    return {finding.thing: finding for finding in check(settings)}


def prometheus(rules: list[str], version: str = "3.5.0", alertmanager: str = "") -> Answers:
    active = [{"url": f"{alertmanager}/api/v2/alerts"}] if alertmanager else []
    return {
        "/api/v1/alertmanagers": (200, {"data": {"activeAlertmanagers": active, "droppedAlertmanagers": []}}),
        "/api/v1/status/buildinfo": (200, {"data": {"version": version}}),
        "/api/v1/rules": (200, {"data": {"groups": [{"rules": [{"name": name} for name in rules]}]}}),
    }


def our_rules() -> list[str]:
    file = REPOSITORY / "monitoring" / "rules" / "evenkeel.rules.yml"
    return [
        rule.get("alert") or rule["record"]
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
    ]


def test_this_machine_is_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "LEAST_DISK", 1)  # how full this disk is is none of the tests' business
    settings = Settings(home=tmp_path / "home", workspace=REPOSITORY)
    for check in (machine.python, machine.disk, machine.projects):
        assert {finding.verdict for finding in check(settings)} == {"ok"}


def test_a_disk_without_room_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "LEAST_DISK", 2**80)
    (finding,) = machine.disk(Settings(home=tmp_path))
    assert finding.verdict == "warn"
    assert finding.fix.startswith("free some")


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file is in the way")
    findings = list(machine.disk(Settings(home=tmp_path / "home" / "below")))
    assert [(each.verdict, each.fix) for each in findings][-1] == ("fail", "set EVENKEEL_HOME, or its owner")


def test_a_project_that_does_not_read_and_one_without_data_are_named(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "broken.yaml").write_text("name: broken\ntarget: 3\n")
    (tmp_path / "conf" / "visits.yaml").write_text((REPOSITORY / "conf" / "visits.yaml").read_text())
    broken, visits = machine.projects(Settings(workspace=tmp_path))
    assert (broken.verdict, visits.verdict) == ("fail", "fail")
    assert "target" in broken.told
    assert visits.fix == "make data-add DATA=data/visits.csv"


def test_a_prometheus_with_all_rules_is_well(serve: Serve) -> None:
    found = told(endpoints.prometheus, Settings(workspace=REPOSITORY, prometheus=serve(prometheus(our_rules()))))
    assert (found["prometheus"].verdict, found["rules"].verdict) == ("ok", "ok")


def test_a_rule_that_is_not_loaded_is_named(serve: Serve) -> None:
    missing, *rest = our_rules()
    found = told(endpoints.prometheus, Settings(workspace=REPOSITORY, prometheus=serve(prometheus(rest))))
    assert found["rules"].verdict == "fail"
    assert missing in found["rules"].told


def test_an_old_prometheus_and_a_wrong_clock_are_told(serve: Any) -> None:
    url = serve(prometheus(our_rules(), version="2.10.0"), late=600)
    findings = list(endpoints.prometheus(Settings(workspace=REPOSITORY, prometheus=url)))
    assert findings[0].verdict == "warn"
    assert (findings[1].verdict, findings[1].fix) == ("fail", "set both by NTP")


@pytest.mark.parametrize(
    ("found", "verdict"), [("v1.28.15-eks-5ca49cb", "warn"), ("v1.29.0", "ok"), ("v1.36.3+k3s1", "ok")]
)
def test_an_old_kubernetes_is_told(found: str, verdict: str) -> None:
    finding = aged("kubernetes", "https://10.0.0.1", found)
    assert (finding.verdict, "1.29 or newer" in finding.fix) == (verdict, True)


def test_an_alertmanager_that_cannot_be_reached_from_here_is_a_warning(serve: Serve, unused: str) -> None:
    url = serve(prometheus(our_rules(), alertmanager=unused))
    found = told(endpoints.prometheus, Settings(workspace=REPOSITORY, prometheus=url))["alertmanager"]
    assert found.verdict == "warn"
    assert f"{unused}, where Prometheus sends alarms, cannot be reached from here" in found.told


def test_what_is_no_alertmanager_is_told_as_such(serve: Serve) -> None:
    other = serve({"/api/v2/status": (200, "<html>log in</html>")})
    url = serve(prometheus(our_rules(), alertmanager=other))
    found = told(endpoints.prometheus, Settings(workspace=REPOSITORY, prometheus=url))["alertmanager"]
    assert (found.verdict, "not as alertmanager does" in found.told) == ("fail", True)


def test_what_speaks_no_http_is_told_and_is_no_traceback() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        settings = Settings(workspace=REPOSITORY, prometheus=f"http://127.0.0.1:{listener.getsockname()[1]}")
        (finding,) = endpoints.prometheus(settings)
        thread.join()
    assert finding.verdict == "fail"
    assert "BadStatusLine: SSH-2.0" in finding.told


def test_a_dashboard_that_is_not_there_is_named(serve: Any) -> None:
    url = serve({"/api/search": (200, [{"uid": "something-else"}])}, token="t0ken")
    settings = Settings(workspace=REPOSITORY, grafana=url, grafana_token=SecretStr("t0ken"))
    assert told(endpoints.grafana, settings)["dashboards"].verdict == "fail"
    uids = [json.loads(path.read_text())["uid"] for path in (REPOSITORY / "monitoring/dashboards/json").glob("*.json")]
    url = serve({"/api/search": (200, [{"uid": uid} for uid in uids])})
    assert told(endpoints.grafana, Settings(workspace=REPOSITORY, grafana=url))["dashboards"].verdict == "ok"


def test_a_wrong_token_is_told_and_never_shown(serve: Any) -> None:
    url = serve({"/api/search": (200, [])}, token="right")
    settings = Settings(workspace=REPOSITORY, grafana=url, grafana_token=SecretStr("wr0ng"))
    found = told(endpoints.grafana, settings)["grafana"]
    assert (found.verdict, "401" in found.told) == ("fail", True)
    assert "wr0ng" not in found.told + found.fix


def test_a_login_page_is_told_as_one_and_is_no_traceback(serve: Serve) -> None:
    paths = ("/api/v1/status/buildinfo", "/api/search", "/apis/v2beta1/healthz")
    url = serve(dict.fromkeys(paths, (200, "<html>log in</html>")))
    settings = Settings(workspace=REPOSITORY, prometheus=url, kfp_host=url, grafana=url)
    for check in (endpoints.prometheus, endpoints.kubeflow, endpoints.grafana):
        (finding,) = check(settings)
        assert (finding.verdict, "is it a login page?" in finding.told) == ("fail", True)


def test_what_nobody_answers_is_a_failure_with_its_setting(unused: str, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, workspace=REPOSITORY, prometheus=unused, kfp_host=unused, tracking_uri=unused)
    for check, setting in (
        (endpoints.prometheus, "EVENKEEL_PROMETHEUS"),
        (endpoints.kubeflow, "EVENKEEL_KFP_HOST"),
        (endpoints.registry, "EVENKEEL_TRACKING_URI"),
    ):
        finding = next(iter(check(settings)))
        assert (finding.verdict, setting in finding.fix) == ("fail", True)


@pytest.fixture
def unused(serve: Serve) -> str:
    """Where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_what_is_not_configured_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EVENKEEL_WORKSPACE", str(REPOSITORY))
    monkeypatch.chdir(tmp_path)
    assert main(["--json"]) == 0
    verdicts = {each["thing"]: each["verdict"] for each in json.loads(capsys.readouterr().out)}
    assert verdicts["kubeflow pipelines"] == verdicts["prometheus"] == verdicts["grafana"] == "skip"


def test_something_to_mend_is_exit_code_1(
    unused: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EVENKEEL_WORKSPACE", str(REPOSITORY))
    monkeypatch.setenv("EVENKEEL_PROMETHEUS", unused)
    monkeypatch.chdir(tmp_path)
    assert main([]) == 1
    out = capsys.readouterr().out
    assert "FAIL  prometheus" in out
    assert out.splitlines()[-1].startswith("1 to mend, ")


def test_a_target_that_is_none_is_named_and_no_cluster_is_asked_for_another() -> None:
    (finding,) = cluster.cluster(Settings(workspace=REPOSITORY, target="kuberntes"))
    assert (finding.thing, finding.verdict) == ("EVENKEEL_TARGET", "fail")
    assert "kubernetes" in finding.fix
    (finding,) = cluster.cluster(Settings(workspace=REPOSITORY, target="ecs"))
    assert (finding.thing, finding.verdict) == ("kubernetes", "skip")


def test_a_project_s_own_target_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "conf").mkdir()
    served = load_project(REPOSITORY / "conf" / "visits.yaml").model_dump(mode="json", by_alias=True)
    served["serving"]["target"] = "kserve"
    (tmp_path / "conf" / "visits.yaml").write_text(yaml.safe_dump(served))
    (tmp_path / "conf" / "broken.yaml").write_text("name: broken\n")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))
    (finding,) = cluster.cluster(Settings(workspace=tmp_path))
    assert (finding.verdict, "no Kubernetes cluster to talk to" in finding.told) == ("fail", True)


def test_others_who_may_read_secrets_are_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("EVENKEEL_SERVING_KEY=x\n")
    (tmp_path / ".env").chmod(0o644)
    assert [each.fix for each in endpoints.secrets(Settings(home=tmp_path))] == ["chmod 600 .env"]
    (tmp_path / ".env").chmod(0o600)
    assert list(endpoints.secrets(Settings(home=tmp_path))) == []


def test_the_page_of_errors_is_what_the_tree_says() -> None:
    assert (REPOSITORY / "docs" / "errors.md").read_text() == page()


def test_no_check_is_left_out() -> None:
    named = {name for module in (machine, endpoints, cluster) for name in vars(module) if name in CHECKS}
    assert named == set(CHECKS)
