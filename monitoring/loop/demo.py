"""``python -m monitoring demo``: the loop closes, on one machine, in two minutes.

A model is trained, judged, released and served; the world drifts; late labels tell; an alarm becomes a retraining;
the gate lets it pass; the server follows; performance recovers. Every process is the one that runs in production:
only intervals and gates are smaller, and a window ends when its traffic does.
"""

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

from evenkeel.datasets.insurance import Drift
from evenkeel.errors import EvenkeelError, PipelineError
from evenkeel.settings import read_settings
from monitoring.check import summary
from monitoring.governor.state import Run
from monitoring.loop.children import tail
from monitoring.loop.page import write_page
from monitoring.loop.stage import PROJECT, SMALL, Stage
from monitoring.loop.timeline import Timeline
from monitoring.result import WindowResult

ROWS = 5000
"""Predictions of a window."""
DRIFT = Drift(covariate=0.5, concept=1.0)


def main(arguments: list[str]) -> int:
    """Show the loop; 0 where it closed. Whatever happens, no process is left behind."""
    parser = argparse.ArgumentParser(prog="python -m monitoring demo", description=__doc__)
    parser.parse_args(arguments)
    listen_to_interrupts()
    settings = read_settings()
    timeline = Timeline()
    try:
        with Stage(settings.home / "demo", settings, SMALL) as stage:
            page = _show(stage, timeline)
    except EvenkeelError as error:
        timeline.say("failed", str(error))
        print(f"\nlogs: {settings.home / 'demo' / 'logs'}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; every process of the demo has ended", file=sys.stderr)
        return 130
    _point(stage, page)
    return 0


def _show(stage: Stage, timeline: Timeline) -> Path:
    say = timeline.say
    say("demo", f"scratch home {stage.folder}; alarms go through {stage.telling.path}")
    stage.start_watchers()
    say("pipeline", f"training {PROJECT} on 20,000 rows of the stream")
    first = stage.train()
    say("pipeline", f"version {first.version} passed the gate and is released ({first.digest[:12]})")
    stage.serve()
    say("server", f"answers with version {first.version} at {stage.url('server')}")
    results = [_window(stage, timeline, Drift())]
    say("world", "drifts: older customers through other channels, and they want other things (concept drift)")
    results += [_window(stage, timeline, DRIFT), _window(stage, timeline, DRIFT)]
    run = _retrain(stage, timeline, results[-1])
    stage.wait_for_version(stage.release().version)
    say("server", f"follows: answers with version {stage.release().version}, without a restart")
    results.append(_window(stage, timeline, DRIFT))
    _judge(timeline, results)
    return write_page(stage, timeline, results, run)


def _window(stage: Stage, timeline: Timeline, drift: Drift) -> WindowResult:
    stage.send(ROWS, drift=drift)
    timeline.say("traffic", f"{ROWS:,} predictions over HTTP, their labels late through /feedback")
    result = stage.check()
    timeline.say("check", summary(result))
    return result


def _retrain(stage: Stage, timeline: Timeline, result: WindowResult) -> Run:
    if not result.alarms:
        raise PipelineError("the drift was not noticed: no alarm was raised")
    stage.telling.tell(result)
    run = stage.wait_for_start(1)
    if stage.telling.real:
        timeline.say("prometheus", f"fires {', '.join(sorted(stage.telling.firing()))}; Alertmanager delivered it")
    else:
        timeline.say("check", "posted its alarms to the webhook itself: no Prometheus or Alertmanager here")
    timeline.say("governor", f"started a retraining for {run.asked}: {stage.decisions()[0].reason}")
    run = stage.wait_for_end(1)
    if run.outcome != "promoted":
        raise PipelineError(f"the retraining ended as {run.outcome}: {run.detail}\n{tail(stage.run_log(run))}")
    timeline.say("pipeline", f"gate passed on new data {run.data_version[:12]}; version {stage.release().version}")
    return run


def _judge(timeline: Timeline, results: list[WindowResult]) -> None:
    """Say what was won. Raises PipelineError where nothing was."""
    before, worst, after = (results[index].performance for index in (0, 2, 3))
    if None in (before.value, worst.value, after.value) or after.value is None or worst.value is None:
        raise PipelineError("live performance is not known in every window")
    said = f"{before.metric} {before.value:.3f} before the drift, {worst.value:.3f} in it, {after.value:.3f} now"
    if after.low is None or worst.high is None or after.low <= worst.high or after.dropped:
        raise PipelineError(f"performance did not recover: {said}")
    timeline.say("closed", f"{said}, in {timeline.seconds:.0f} s")


def _point(stage: Stage, page: Path) -> None:
    print(
        f"\nThe loop as a page:  {page}\n"
        f"Decisions:           EVENKEEL_HOME={stage.settings.home} make retrain-log\n"
        f"Gate, both models:   {stage.settings.home / 'reports' / PROJECT / 'evaluation.html'}\n"
        f"Logs of everything:  {stage.folder / 'logs'}\n"
        "What breaks, and what then: make drill"
    )


def listen_to_interrupts() -> None:
    """Make SIGTERM what Ctrl-C is; and Ctrl-C too where whoever started us had it ignored (``make demo &``)."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001  what signal calls it with
    raise KeyboardInterrupt
