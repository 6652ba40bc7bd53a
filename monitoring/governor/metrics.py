"""The governor's decisions as metrics, read from its memory at each scrape: a restart loses none."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from monitoring.catalogue import CATALOGUE
from monitoring.governor.state import State


class Decisions(Collector):
    """What is remembered in ``state``."""

    def __init__(self, state: State) -> None:
        self._state = state

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not read files."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Decisions and runs of all projects."""
        decided: Counter[tuple[str, str]] = Counter()
        for entry in self._state.decisions():
            decided[entry.project, entry.rule] += entry.times
        runs = self._state.runs()
        yield _counter("ml_retraining_decisions_total", decided)
        yield _counter("ml_retraining_runs_total", Counter((run.project, run.outcome) for run in runs if run.outcome))
        last = {run.project: dt.datetime.fromisoformat(run.started).timestamp() for run in runs}
        yield _gauge("ml_retraining_last_start_timestamp_seconds", last)
        yield _gauge("ml_retraining_running", {run.project: float(run.ended is None) for run in runs})


def _counter(name: str, values: Counter[tuple[str, str]]) -> CounterMetricFamily:
    entry = CATALOGUE[name]
    family = CounterMetricFamily(name.removesuffix("_total"), entry.description, labels=entry.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family


def _gauge(name: str, values: dict[str, float]) -> GaugeMetricFamily:
    entry = CATALOGUE[name]
    family = GaugeMetricFamily(name, entry.description, labels=entry.labels)
    for project, value in values.items():
        family.add_metric([project], value)
    return family
