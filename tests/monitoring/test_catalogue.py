"""One table of metric names: what each process really exports is in it, and nothing else."""

import re
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.registry import Collector

from monitoring.catalogue import CATALOGUE, Entry, series_names
from monitoring.exporter import Results
from monitoring.governor.metrics import Decisions
from monitoring.governor.state import State
from serving.metrics import Metrics
from tests.monitoring.windows import column, moved, release, window, write


def exported(collector: Collector) -> dict[str, Metric]:
    """Families by the name that queries use."""
    return {f"{m.name}_total" if m.type == "counter" else m.name: m for m in collector.collect()}


def of(source: str) -> dict[str, Entry]:
    """The catalogue of one process."""
    return {name: entry for name, entry in CATALOGUE.items() if entry.source == source}


def test_the_catalogue_is_what_the_server_exports() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.tally.of("visits", "1").answered(200, 0.1)
    families = exported(registry)
    assert set(families) == set(of("server"))
    labels = {m._name: tuple(m._labelnames) for m in vars(metrics).values() if hasattr(m, "_labelnames")}
    labels |= {m.name: tuple(m.samples[-1].labels) for m in metrics.tally.collect()}
    for name, entry in of("server").items():
        family = families[name]
        assert (family.type, labels[family.name], family.documentation) == entry[1:], name


def test_the_catalogue_is_what_the_exporter_exports(tmp_path: Path) -> None:
    release(tmp_path)
    write(tmp_path, window("visits", "input_shift", features={"age": moved(0.4)}, label=column(), report="r.html"))
    families = exported(Results(tmp_path / "monitoring", tmp_path / "releases"))
    everything = set(of("exporter")) - {"ml_monitoring_window_expected_seconds"}  # of the bundle: see test_exporter
    assert set(families) == everything
    for name, family in families.items():
        for sample in family.samples:
            assert set(sample.labels) == set(CATALOGUE[name].labels), name


def test_the_catalogue_is_what_the_governor_exports(tmp_path: Path) -> None:
    families = exported(Decisions(State(tmp_path / "governor.sqlite")))
    kinds = {name: (family.type, family.documentation) for name, family in families.items()}
    assert kinds == {name: (entry.kind, entry.description) for name, entry in of("governor").items()}


def test_names_follow_prometheus() -> None:
    for name, entry in CATALOGUE.items():
        assert re.fullmatch(r"ml_[a-z]+(_[a-z]+)*", name), name
        assert name.endswith("_total") == (entry.kind == "counter"), name
        assert entry.description.endswith("."), name
        assert not {"request_id", "entity", "value", "timestamp"} & set(entry.labels), name


def test_a_histogram_has_three_series() -> None:
    names = series_names()
    assert {"ml_shadow_difference_score_bucket", "ml_shadow_difference_score_sum"} <= names
    assert "ml_shadow_difference_score" not in names


def test_the_documentation_names_every_metric(repository: Path) -> None:
    page = (repository / "docs" / "monitoring-alerts.md").read_text()
    for name, entry in CATALOGUE.items():
        labels = ", ".join(entry.labels)
        assert f"| `{name}` | {entry.kind} | {labels} | {entry.description} |" in page, name
