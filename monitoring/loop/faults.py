"""The drills: a fault each, and what must come of it. A drill returns what was seen, or raises DrillError."""

import copy
import datetime as dt
import os
import signal
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from shutil import rmtree
from typing import Any

from evenkeel.datasets.insurance import Drift
from evenkeel.errors import PipelineError
from monitoring.loop.children import free_port, get, tail, wait_until
from monitoring.loop.stage import PROJECT, SMALL, TRAINING_SECONDS, Stage
from monitoring.loop.telling import alert
from monitoring.result import Alarm, WindowResult

Drill = Callable[[Stage], str]

_BROKEN = 2000
_SOUND = 3000
_CONCEPT = Drift(concept=1.0)


class DrillError(PipelineError):
    """An outcome that is not the one expected."""


def _tough() -> dict[str, dict[str, Any]]:
    changes = copy.deepcopy(SMALL)
    changes["retraining"] |= {"cooldown_hours": 0, "daily_cap": 20}
    # otherwise the server refuses broken rows at the door, and the fault never reaches a window
    lenient = {name: {"on_request": "impute"} for name in ("Age", "VehicleAge", "AnnualPremium")}
    return changes | {"contract": {"columns": lenient}}


TOUGH = _tough()
"""What differs from conf/insurance.yaml: nothing but the rules holds the governor back."""


def set_up(stage: Stage) -> str:
    """Everything runs, a first model is served, a quiet window was judged."""
    stage.start_watchers()
    release = stage.train()
    stage.serve()
    stage.send(_SOUND)
    result = stage.check()
    _expect(not result.alarms, f"a quiet window raised {_alarms(result)}")
    return f"version {release.version} is served; alarms go through {stage.telling.path}"


def labels_never_come(stage: Stage) -> str:
    """Alarm, a performance that is unknown and not zero, and no retraining."""
    stage.send(1000, labelled=False)
    result = stage.check(later=dt.timedelta(hours=2))
    _expect(_alarms(result) == {"labels_late"}, f"raised {_alarms(result)}, not labels_late alone")
    live = result.performance
    _expect(live.state == "unknown" and live.value is None, f"performance is {live.state}, {live.value}")
    _fires(stage, "ModelLabelsLate")
    metrics = get(f"{stage.url('exporter')}/metrics") or b""
    _expect(b"\nml_model_performance_score{" not in metrics, "the exporter tells a performance that nobody knows")
    _expect(not stage.runs(), "a retraining was started")
    return "labels_late raised, performance unknown, nothing started"


def broken_upstream(stage: Stage) -> str:
    """Alarm, and no retraining: not by the rules, and not even where an alert asks for it."""
    stage.send(_BROKEN, drift=Drift(breakage=0.9))
    result = stage.check()
    _expect("data_quality" in _alarms(result), f"raised {_alarms(result)}, not data_quality")
    _fires(stage, "ModelDataQuality")
    (decision,) = stage.telling.post([alert(result, "input_shift", "drill")])
    _expect(decision["decision"] == "data_quality", f"the governor said {decision}")
    _expect(not stage.runs(), "a retraining was started on broken data")
    stage.send(_SOUND)
    _expect(not stage.check().alarms, "the alarm stands although the data are sound again")
    return f"alarm raised, retraining refused: {decision['reason'][:90]}"


def concept_drift(stage: Stage) -> str:
    """No input moved; labels alone tell, and start a retraining."""
    results = []
    for _ in range(2):
        stage.send(4000, drift=_CONCEPT)
        results.append(stage.check())
    raised = _alarms(results[-1])
    _expect("performance_drop" in raised, f"raised {raised}, not performance_drop")
    _expect(not raised & {"input_shift", "prediction_shift"}, f"raised {raised}, though no input moved")
    stage.telling.tell(results[-1])
    run = stage.wait_for_start(1)
    return f"{', '.join(sorted(raised))} raised, retraining {run.id} started for {run.asked}"


def watchers_killed(stage: Stage) -> str:
    """Exporter, Prometheus and webhook die while it trains: the run goes on, its end is kept, nothing starts twice."""
    stage.children.kill("exporter")
    stage.children.kill("webhook")
    if stage.telling.real:
        stage.children.kill("prometheus")
    stage.start_exporter()
    stage.start_webhook()
    if stage.telling.real:
        stage.telling.start_prometheus()
    run = stage.wait_for_end(1)
    _expect(run.outcome == "promoted", f"the run ended as {run.outcome}: {run.detail}\n{tail(stage.run_log(run))}")
    stage.wait_for_version(stage.release().version)
    _expect(len(stage.runs()) == 1, f"{len(stage.runs())} retrainings were started, not 1")
    expected = 2 * _SOUND + 2 * 4000
    log = stage.run_log(run).read_text(encoding="utf-8")
    _expect(f"{expected} labelled predictions are new" in log, f"it did not learn from the {expected} sound rows alone")
    return f"version {stage.release().version} is served; {expected} rows learnt, none of the {_BROKEN} broken ones"


def alert_storm(stage: Stage) -> str:
    """A hundred deliveries of one alert at once: one start."""
    sent = stage.send(6000, labelled=False, drift=_CONCEPT)
    stage.traffic.label(sent, shuffled=True)  # for the next drill: what is learnt now is poisoned
    wait_until(stage.traffic.is_written, "the server to write its ledger")
    result = stage.check()
    before = len(stage.runs())
    delivery = [alert(result, "performance_drop", "drill")]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: stage.telling.post(delivery)[0]["decision"], range(100)))
    decided = Counter(answers)
    _expect(decided["started"] == 1, f"the governor decided {dict(decided)}")
    _expect(len(stage.runs()) == before + 1, f"{len(stage.runs()) - before} retrainings were started")
    return f"100 deliveries: {', '.join(f'{times} {rule}' for rule, times in decided.items())}"


def poisoned_candidate(stage: Stage) -> str:
    """Labels of the new data are shuffled: the gate refuses, the champion stays, the alert is not asked again."""
    champion = stage.release().version
    number = len(stage.runs())
    run = stage.wait_for_end(number)
    _expect(run.outcome == "refused", f"the run ended as {run.outcome}: {run.detail}\n{tail(stage.run_log(run))}")
    _expect(stage.release().version == champion, f"version {stage.release().version} was released")
    _expect(stage.traffic.served_version() == champion, "the server left the champion")
    # its last process may take a moment to be gone
    again = "already_retrained"
    wait_until(lambda: bool(stage.telling.post([_asking(stage)])[0]["decision"] == again), "the alert to be refused")
    return f"gate refused, version {champion} stays: {run.detail[:100]}"


def registry_away(stage: Stage) -> str:
    """The registry does not answer: the run fails and says so, the server goes on."""
    away = {"EVENKEEL_TRACKING_URI": f"http://127.0.0.1:{free_port()}", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    words = ("monitoring", "retrain", PROJECT, "--reason", "drill: the registry is away", "--wait")
    stage.children.room("retrain", *words, environment=away)
    code = stage.children.finish("retrain")
    run = stage.runs()[-1]
    _expect(code == 1 and run.outcome == "failed", f"the run ended as {run.outcome} ({code}): {run.detail}")
    stage.traffic.send(100)
    return f"failed and said why, the server goes on: {run.detail[:100]}"


def training_killed(stage: Stage) -> str:
    """The retraining itself is killed: it counts as lost, and does not block the next."""
    stage.children.room("retrain", "monitoring", "retrain", PROJECT, "--reason", "drill: will be killed")
    stage.children.finish("retrain")
    run = stage.runs()[-1]
    _expect(run.pid is not None and run.ended is None, f"the run did not start: {run}")
    os.killpg(run.pid or 0, signal.SIGKILL)
    wait_until(lambda: bool(stage.telling.post([_asking(stage)])[0]["decision"] != "running"), "the flight to be free")
    run = stage.runs()[-1]
    _expect(run.outcome == "lost", f"the run is {run.outcome}")
    return f"run {run.id} is recorded as lost, the next may start"


def registry_killed(stage: Stage) -> str:
    """The registry dies in the middle of a run: nothing is released by halves, and the next run goes on."""
    before = stage.release()
    stage.start_registry()
    there = {"EVENKEEL_TRACKING_URI": stage.url("registry"), "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    known = stage.run_folders()
    rmtree(stage.settings.home / "cache")  # the same candidate was made before: it must be made anew to have a middle
    words = ("monitoring", "retrain", PROJECT, "--wait", "--reason")
    stage.children.room("retrain", *words, "drill: the registry dies", environment=there)
    wait_until(lambda: stage.is_training(known), "the run to train", TRAINING_SECONDS)
    stage.children.kill("registry")
    code = stage.children.finish("retrain")
    run = stage.runs()[-1]
    _expect(code == 1 and run.outcome == "failed", f"the run ended as {run.outcome} ({code}): {run.detail}")
    _expect("MLflow at" in run.detail, f"it does not say that the registry is away: {run.detail}")
    _expect(stage.release() == before, f"version {stage.release().version} was released")
    _expect(stage.champion() == before.version, f"the champion is version {stage.champion()}")
    stage.start_registry()
    stage.children.room("retrain", *words, "drill: the registry is back", environment=there)
    code = stage.children.finish("retrain")
    again = stage.runs()[-1]
    _expect(again.outcome in ("promoted", "refused"), f"the next ended as {again.outcome} ({code}): {again.detail}")
    _expect(stage.release().version == stage.champion(), "release and champion are not the same version")
    stage.children.kill("registry")
    return f"failed, nothing released; once it was back the gate judged ({again.outcome}): {run.detail[:70]}"


def bad_champion(stage: Stage) -> str:
    """One command, and the version before answers again; the next candidate is judged against it."""
    bad = stage.release().version
    stage.wait_for_version(bad)
    stage.children.room("rollback", "evenkeel.targets", "rollback", PROJECT, "--reason", "drill")
    _expect(stage.children.finish("rollback") == 0, f"it was refused: {tail(stage.children.log('rollback'))}")
    version = stage.release().version
    _expect(version != bad, "the bad version is still released")
    _expect(stage.champion() == version, f"the registry's champion is version {stage.champion()}")
    stage.wait_for_version(version)
    return f"version {bad} was rolled back, version {version} answers and is champion"


DRILLS: Mapping[str, Drill] = {
    "labels never come": labels_never_come,
    "broken upstream": broken_upstream,
    "concept drift, by labels alone": concept_drift,
    "watchers killed while it trains": watchers_killed,
    "alert storm": alert_storm,
    "poisoned candidate": poisoned_candidate,
    "registry away": registry_away,
    "registry killed in the middle": registry_killed,
    "retraining killed": training_killed,
    "bad champion rolled back": bad_champion,
}
"""Every drill, in the order in which they follow each other."""


def _asking(stage: Stage) -> dict[str, Any]:
    """An alert of the served version."""
    labels = {"alertname": "ModelPerformanceDrop", "action": "retrain", "category": "performance"}
    return {"status": "firing", "labels": labels | {"model": PROJECT, "model_version": stage.release().version}}


def _alarms(result: WindowResult) -> set[Alarm]:
    return {raised.alarm for raised in result.alarms}


def _fires(stage: Stage, name: str) -> None:
    if stage.telling.real:
        wait_until(lambda: name in stage.telling.firing(), f"{name} to fire")


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise DrillError(otherwise)
