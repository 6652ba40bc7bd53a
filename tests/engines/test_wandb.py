"""Runs in Weights & Biases: what is mirrored, and that nothing is lost where it fails."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evenkeel.bundle import Bundle
from evenkeel.settings import Settings
from evenkeel.tracking import log_candidate
from evenkeel.tracking.store import connect
from tests.evenkeel.toy_bundle import certify, migrated_home, toy_bundle, toy_candidate

wandb = pytest.importorskip("wandb", reason="needs .evenkeel/engines: run tools/engines")


@pytest.fixture
def settings(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An embedded registry; W&B is configured and offline."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "cache"))
    return Settings(home=migrated_home(tmp_path_factory, tmp_path / "home"), wandb_project="models")


@pytest.fixture
def passing(tmp_path: Path) -> Bundle:
    return certify(toy_bundle(tmp_path / "passing"))


def _runs(settings: Settings) -> list[Path]:
    return sorted(settings.home.glob("wandb/offline-run-*/*.wandb"))


def _records(log: bytes) -> Iterator[bytes]:
    """What a file in LevelDB's log format holds: blocks of 32 KiB, in them chunks of (crc, length, kind, bytes)."""
    whole, at = b"", 7  # after W&B's own header
    while at + 7 <= len(log):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        length, kind = struct.unpack("<HB", log[at + 4 : at + 7])
        whole += log[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # a chunk that is whole, or a record's last
            yield whole
            whole = b""


def _read(path: Path) -> tuple[Any, dict[str, Any]]:
    """The run and its summary, as ``wandb sync`` would send them."""
    from wandb.proto.wandb_internal_pb2 import Record

    records = [Record.FromString(data) for data in _records(path.read_bytes())]
    runs = [record.run for record in records if record.HasField("run")]
    updates = [item for record in records for item in record.summary.update]
    return runs[0], {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in updates}


def test_a_registered_run_is_mirrored_once(settings: Settings, passing: Bundle) -> None:
    candidate = toy_candidate(passing)
    version = log_candidate(settings, candidate)
    log_candidate(settings, candidate)
    (log,) = _runs(settings)
    run, summary = _read(log)
    config = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert (run.project, run.display_name, run.run_group) == ("models", "visits-1", "visits")
    assert "The gate passed it." in run.notes
    assert {name: config.get(name) for name in candidate.params} == candidate.params
    assert config["tags"] == candidate.tags
    assert candidate.metrics.items() <= summary.items()
    assert summary["passed"] is True
    assert (summary["mlflow.model"], summary["mlflow.run"]) == ("models:/visits/1", version.run)


def test_a_refusal_is_mirrored_too(settings: Settings, tmp_path: Path) -> None:
    refused = certify(toy_bundle(tmp_path / "refused"), reason="worse than the champion")
    log_candidate(settings, toy_candidate(refused))
    (log,) = _runs(settings)
    assert _read(log)[1]["passed"] is False


def test_nothing_is_mirrored_unless_configured(settings: Settings, passing: Bundle) -> None:
    log_candidate(settings.model_copy(update={"wandb_project": None}), toy_candidate(passing))
    assert not (settings.home / "wandb").exists()


@pytest.mark.parametrize(
    "broken",
    [{"WANDB_BASE_URL": "http://127.0.0.1:9", "WANDB_API_KEY": "0" * 40}, {"WANDB_API_KEY": "no key"}],
    ids=["unreachable", "wrong key"],
)
def test_where_it_fails_the_record_is_whole_and_a_warning_says_so(
    broken: dict[str, str],
    settings: Settings,
    passing: Bundle,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("WANDB_MODE", "online")
    for name, value in broken.items():
        monkeypatch.setenv(name, value)
    version = log_candidate(settings, toy_candidate(passing))
    assert "is in use" not in caplog.text, "a failure before leaves nothing behind"
    assert "visits version 1 is in MLflow, but was not mirrored to Weights & Biases" in caplog.text
    assert broken["WANDB_API_KEY"] not in caplog.text
    with connect(settings) as client:
        run = client.get_run(version.run)
        assert str(client.get_model_version_by_alias("visits", "challenger").version) == "1"
    assert run.info.status == "FINISHED"
    assert run.data.metrics["roc_auc"] == 0.8
