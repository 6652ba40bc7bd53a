"""The webhook over real HTTP, with real child processes. The scene has no data, so a started run fails soon: what is
tested here is who is let in, what is decided and what is remembered. The whole loop: tests/monitoring/test_loop.py.
"""

import datetime as dt
import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from evenkeel.config.project import Project
from evenkeel.errors import SettingsError
from evenkeel.settings import Settings
from monitoring.__main__ import main
from monitoring.governor.decide import Ask, Decision
from monitoring.governor.place import flight_lock, log_file, open_state, workspace
from monitoring.governor.state import State, flight
from monitoring.governor.webhook import MOST_BYTES, Webhook
from monitoring.governor.webhook import main as serve
from tests.monitoring import windows
from tests.monitoring.ledgers import insurance, write_labels, write_predictions

POINTER = "outs:\n- md5: {version}\n  size: 1\n  hash: md5\n  path: insurance.csv\n"
TOKEN = "a-token-of-the-test"
ROWS = 600


class Scene:
    """A released model whose alert may start a retraining, and a webhook in front of it."""

    def __init__(self, folder: Path, project: Project) -> None:
        self.settings = Settings(home=folder / "home", workspace=folder / "work", _env_file=None)
        self.project = project
        self.write(project)
        self.now = dt.datetime.now(dt.UTC)
        windows.release(self.settings.home, "insurance", at=self.now)
        sent = write_predictions(Path(self.settings.ledger), ROWS, at=self.now - dt.timedelta(minutes=30))
        write_labels(Path(self.settings.ledger), sent, at=self.now - dt.timedelta(minutes=1))
        self.checked()

    def write(self, project: Project) -> None:
        conf = self.settings.workspace / "conf" / "insurance.yaml"
        conf.parent.mkdir(parents=True, exist_ok=True)
        conf.write_text(yaml.safe_dump(project.model_dump(mode="json", exclude_defaults=True)))

    def checked(self, *alarms: Any) -> None:
        """All predictions are in one checked window."""
        window = windows.window("insurance", *alarms, start=self.now - dt.timedelta(hours=1), end=self.now)
        windows.write(self.settings.home, window)

    @property
    def state(self) -> State:
        return open_state(self.settings)

    @contextmanager
    def webhook(self, token: str | None = TOKEN) -> Iterator[int]:
        with Webhook(("127.0.0.1", 0), self.settings, self.state, token) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            yield server.server_port
            server.shutdown()
            thread.join()

    def ended(self) -> str | None:
        """The newest run's outcome, once it has ended and its process is gone."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with flight(flight_lock(self.settings, "insurance")) as lock:
                if lock is not None and (run := self.state.runs()[-1]).ended:
                    return run.outcome
            time.sleep(0.05)
        raise AssertionError(log_file(self.settings, "insurance", 1).read_text())


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    made = Scene(tmp_path, insurance())
    monkeypatch.setenv("EVENKEEL_HOME", str(made.settings.home))
    monkeypatch.setenv("EVENKEEL_WORKSPACE", str(made.settings.workspace))
    return made


def alert(status: str = "firing", **labels: str) -> dict[str, Any]:
    known = {
        "alertname": "ModelInputShift",
        "action": "retrain",
        "category": "drift",
        "model": "insurance",
        "model_version": "3",
    }
    return {"status": status, "labels": known | labels, "annotations": {"summary": "inputs  moved"}, "fingerprint": "f"}


def post(port: int, *alerts: dict[str, Any], token: str | None = TOKEN) -> list[str]:
    status, body = send(port, json.dumps({"version": "4", "alerts": alerts, "receiver": "x"}).encode(), token=token)
    assert status == 200, body
    return [each["decision"] for each in json.loads(body)["decisions"]]


def send(
    port: int, body: bytes, *, token: str | None = TOKEN, path: str = "/alerts", **headers: str
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    known = {"Authorization": f"Bearer {token}"} if token is not None else {}
    try:
        connection.request("POST", path, body, known | headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def get(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_an_alert_starts_one_run_whoever_delivers_it_how_often(scene: Scene) -> None:
    with scene.webhook() as port:
        with ThreadPoolExecutor(20) as pool:
            decided = Counter(rule for rules in pool.map(lambda _: post(port, alert()), range(60)) for rule in rules)
        assert decided["started"] == 1
        assert set(decided) <= {"started", "running", "cooldown"}
        assert scene.ended() == "failed"
        assert post(port, alert()) == ["cooldown"]
        assert "data version d1 of the released model" in scene.state.runs()[0].detail
        _, text = get(port, "/metrics")
    assert 'ml_retraining_decisions_total{decision="started",model="insurance"} 1.0' in text
    assert 'ml_retraining_runs_total{model="insurance",outcome="failed"} 1.0' in text
    assert 'ml_retraining_running{model="insurance"} 0.0' in text


def test_two_webhooks_of_one_memory_start_one_run(scene: Scene) -> None:
    with scene.webhook() as one, scene.webhook() as other, ThreadPoolExecutor(8) as pool:
        decided = Counter(post(port, alert())[0] for port in (one, other))
        decided += Counter(pool.map(lambda port: post(port, alert())[0], [one, other] * 8))
        assert decided["started"] == 1
        scene.ended()
    assert len(scene.state.runs()) == 1


def test_a_restarted_webhook_remembers_what_the_gate_refused(scene: Scene) -> None:
    scene.write(insurance(retraining={"cooldown_hours": 0}))
    ask = Ask("insurance", "3", "performance", "ModelPerformanceDrop")
    run = scene.state.record(ask, "3", Decision("started", ask.reason), scene.now)
    assert run is not None
    scene.state.end(run, "refused", "slices", scene.now)
    for _ in range(2):
        with scene.webhook() as port:
            assert post(port, alert()) == ["already_retrained"]


def test_a_run_that_never_reached_the_gate_is_not_the_one_of_its_version(scene: Scene) -> None:
    scene.write(insurance(retraining={"cooldown_hours": 0, "daily_cap": 2}))
    for expected in ("started", "started", "daily_cap"):
        with scene.webhook() as port:
            assert post(port, alert()) == [expected]
        scene.ended()


def test_each_alert_is_decided_by_its_own_status_and_labels(scene: Scene) -> None:
    with scene.webhook() as port:
        others = [
            alert("resolved"),
            alert(action="inspect"),
            alert(category="quality"),
            {"status": "firing", "labels": {"alertname": "Watchdog"}},
        ]
        assert post(port, *others) == []
        assert scene.state.decisions() == []
        assert post(port, *others, alert(model="nothing"), alert(model_version="2")) == [
            "unknown_project",
            "other_version",
        ]
    assert [entry.ask for entry in scene.state.decisions("insurance")] == ["ModelInputShift: inputs moved"]


def test_a_model_that_is_not_released_is_not_renewed(scene: Scene) -> None:
    (scene.settings.releases / "insurance" / "release.json").unlink()
    with scene.webhook() as port:
        assert post(port, alert()) == ["not_released"]


def test_broken_data_are_not_learnt(scene: Scene) -> None:
    scene.checked("data_quality", "input_shift")
    with scene.webhook() as port:
        assert post(port, alert()) == ["data_quality"]
    assert scene.state.runs() == []


def test_too_few_labels_do_not_start_it(scene: Scene) -> None:
    scene.write(insurance(retraining={"min_new_labels": ROWS + 1}))
    with scene.webhook() as port:
        assert post(port, alert()) == ["few_labels"]
    assert f"{ROWS} new labelled rows" in scene.state.decisions()[0].reason


def test_rows_that_cannot_be_learnt_do_not_start_it(scene: Scene) -> None:
    contract = insurance().contract.model_dump(mode="json", exclude_defaults=True)
    contract["columns"]["Age"]["sensitive"] = "drop"
    scene.write(insurance(contract=contract))
    with scene.webhook() as port:
        assert post(port, alert()) == ["unusable_rows"]


def test_data_that_somebody_brought_are_what_is_trained_on(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    """The pointer's version, not the released one with ledger rows; this one is nowhere, which ends the run."""
    pointer = scene.settings.workspace / scene.project.data.pointer_path
    pointer.parent.mkdir()
    asking = ["retrain", "insurance", "--trigger", "data", "--reason", "a new tariff", "--wait"]
    pointer.write_text(POINTER.format(version="d1" * 16))
    windows.release(scene.settings.home, "insurance", at=scene.now, data_version="d1" * 16)
    assert main(asking) == 3
    assert f"no_new_data: version 3 was trained on {'d1' * 16}" in capsys.readouterr().out

    pointer.write_text(POINTER.format(version="d2" * 16))
    assert main(asking) == 1
    assert scene.ended() == "failed"
    (run,) = scene.state.runs()
    assert run.data_version == "d2" * 16
    assert "d2" * 16 in run.detail
    assert not workspace(scene.settings, "insurance").exists(), "no rows were added to them"


def test_a_trigger_that_the_project_does_not_want_is_refused(scene: Scene) -> None:
    scene.write(insurance(retraining={"on": ["performance"]}))
    with scene.webhook() as port:
        assert post(port, alert()) == ["not_a_trigger"]


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN + "x", "ü"])
def test_without_the_token_nobody_asks(scene: Scene, token: str | None) -> None:
    body = json.dumps({"version": "4", "alerts": [alert()]}).encode()
    header = {"Authorization": f"Bearer {token}"} if token is not None else {}
    with scene.webhook() as port:
        assert send(port, body, token=None, **header)[0] == 401
        assert send(port, body, token=None, Authorization=f"Basic {TOKEN}")[0] == 401
        assert get(port, "/healthz") == (200, "ok\n")
    assert scene.state.decisions() == []


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"not json", "Invalid JSON"),
        (b"[]", "should be an object"),
        (b'{"version": "3", "alerts": []}', "version"),
        (b'{"version": "4", "alerts": [{"status": "firing"}]}', "alerts.0.labels"),
        (b'{"version": "4", "alerts": [{"status": "odd", "labels": {}}]}', "alerts.0.status"),
    ],
)
def test_what_is_no_notification_is_refused_by_name(scene: Scene, body: bytes, says: str) -> None:
    with scene.webhook() as port:
        status, answer = send(port, body)
    assert status == 400
    assert says in answer.decode()


def test_limits_of_the_door(scene: Scene) -> None:
    with scene.webhook() as port:
        assert send(port, b"x" * 10, **{"Content-Length": str(MOST_BYTES + 1)})[0] == 413
        assert send(port, b"", **{"Content-Length": "many"})[0] == 411
        assert send(port, b"{}", path="/other")[0] == 404
        assert get(port, "/other")[0] == 404


def test_a_memory_that_is_away_is_asked_again_later(scene: Scene) -> None:
    with scene.webhook() as port:
        scene.state.path.write_bytes(b"broken" * 1000)
        body = json.dumps({"version": "4", "alerts": [alert()]}).encode()
        status, answer = send(port, body)
    assert status == 503
    assert "the governor's memory cannot be used" in answer.decode()


def test_others_are_only_let_near_with_a_token(scene: Scene) -> None:
    with pytest.raises(SettingsError, match="set EVENKEEL_WEBHOOK_TOKEN"):
        serve(["--host", "0.0.0.0"])  # noqa: S104  that is what must not start


def test_by_hand_and_the_log(scene: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["retrain-log"]) == 0
    assert "no retraining was asked for yet" in capfd.readouterr().out
    assert main(["retrain", "insurance", "--reason", "I want it", "--wait"]) == 1
    assert "failed: DataError: insurance: data version d1" in capfd.readouterr().out
    assert main(["retrain", "insurance", "--reason", "nightly", "--trigger", "schedule"]) == 3
    assert "not_a_trigger" in capfd.readouterr().out
    assert main(["retrain-log", "insurance"]) == 0
    first, second, third = capfd.readouterr().out.splitlines()
    assert "insurance v3 hand: started: I want it" in first
    assert "run 1: failed at" in second
    assert "schedule: not_a_trigger" in third
    assert main(["retrain-log", "--json"]) == 0
    entries = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [entry["rule"] for entry in entries] == ["started", "not_a_trigger"]
    assert entries[0]["run"]["outcome"] == "failed"
