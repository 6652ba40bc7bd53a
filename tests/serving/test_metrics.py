"""What the server exports before anything happened: counters that begin at 0, and nothing that cannot be."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from evenkeel.settings import Settings
from serving.metrics import Metrics
from serving.options import read_options


def test_losses_and_reloads_are_counted_from_zero(metrics: Metrics) -> None:
    for name, label, values in (
        ("ml_prediction_log_dropped_total", "reason", ("queue_full", "shutdown")),
        ("ml_model_reload_total", "outcome", ("switched", "failed")),
    ):
        for value in values:
            assert metrics.registry.get_sample_value(name, {label: value}) == 0


def test_a_server_that_follows_nothing_has_no_source_to_be_down() -> None:
    registry = CollectorRegistry()
    Metrics(registry, follows=False)
    assert registry.get_sample_value("ml_release_source_up") is None


def test_a_dashboard_is_an_address(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--bundle", str(tmp_path), "--dashboard"]
    assert read_options([*given, "https://grafana.example/d/x"], Settings()).dashboard == "https://grafana.example/d/x"
    with pytest.raises(SystemExit):
        read_options([*given, "javascript:alert(1)"], Settings())
    assert "--dashboard" in capsys.readouterr().err
