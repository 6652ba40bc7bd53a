"""Apart from each other: the server's ledger, the release, the check and the exporter share a bucket and no disk."""

import datetime as dt
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from evenkeel.errors import StorageError, TamperedBundleError
from evenkeel.rollout.publish import announce, publish
from evenkeel.settings import read_settings
from evenkeel.storage import copy_out, list_below, read_bytes, write_bytes
from monitoring.exporter import Results
from monitoring.releases import open_released, read_release, released_projects
from monitoring.report import remove_old
from monitoring.results import newest_result, read_all_results, watched_projects
from tests.monitoring.flats import HOUR, ROWS, START, Flats, draw
from tests.monitoring.flats import bundle as bundle
from tests.monitoring.flats import flats as flats
from tests.monitoring.stack import exporter, free_port
from tests.s3 import Bucket
from tests.s3 import bucket as bucket
from tests.s3 import s3_endpoint as s3_endpoint


@pytest.fixture
def shared(flats: Flats, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """Ledger and release are in the bucket only, as a target publishes it; this process has an empty home."""
    root = f"{bucket.uri}/released"
    announce(publish(flats.bundle, "1", "a test", root, START), root)
    for hour in range(2):
        table = draw(ROWS, 100 + hour, larger=1.0)
        ids = flats.serve(table, START + hour * HOUR)
        flats.label(ids, np.asarray(table["dear"].to_numpy(zero_copy_only=False), bool), START + (hour + 1) * HOUR)
    copy_out(flats.ledger, f"{bucket.uri}/ledger")
    for name in ("ledger", "released", "results"):
        monkeypatch.setenv(f"EVENKEEL_{name.upper()}", f"{bucket.uri}/{name}")
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path / "home"))
    return bucket


def test_what_one_process_checks_another_tells(shared: Bucket, tmp_path: Path, repository: Path) -> None:
    subprocess.run([sys.executable, "-m", "monitoring", "check"], check=True, cwd=repository)
    settings = read_settings()
    assert watched_projects(settings.results) == ["flats"]
    first, second = read_all_results(settings.results, "flats")[:2]
    assert (first.rows, first.moved, first.performance.state) == (ROWS, ("size",), "mature")
    assert "input_shift" in {raised.alarm for raised in second.alarms}
    assert second.report is not None
    assert second.report.startswith(f"{shared.uri}/results/flats/reports/1/")
    registry = CollectorRegistry()
    registry.register(Results(settings.results, settings.released))
    label = {"model": "flats", "model_version": "1"}
    assert registry.get_sample_value("ml_monitoring_alarm", {**label, "alarm": "input_shift"}) == 1
    assert registry.get_sample_value("ml_monitoring_window_expected_seconds", label) == 3600
    port = free_port()
    (tmp_path / "elsewhere").mkdir()
    with exporter(tmp_path / "elsewhere", port):
        page = httpx.get(f"http://127.0.0.1:{port}/reports/flats", timeout=60)
    assert page.status_code == 200
    assert page.content == read_bytes(second.report)
    written = [path.relative_to(tmp_path / "home").parts[0] for path in (tmp_path / "home").rglob("*")]
    assert set(written) <= {"bundles"}, "the fetched bundle is all that is kept here"


def test_the_bundle_is_fetched_once_and_only_what_was_released(shared: Bucket, tmp_path: Path) -> None:
    settings = read_settings()
    release = read_release(settings.released, "flats")
    assert release is not None
    place = release.bundle
    name = next(name for name in list_below(place) if name.endswith(".onnx"))
    sound = read_bytes(f"{place}/{name}")
    write_bytes(f"{place}/{name}", b"poison")
    with pytest.raises(TamperedBundleError):
        open_released(settings.released, release, tmp_path / "cache")
    assert list_below(tmp_path / "cache") == []
    write_bytes(f"{place}/{name}", sound)
    first = open_released(settings.released, release, tmp_path / "cache")
    write_bytes(f"{place}/{name}", b"poison")
    assert open_released(settings.released, release, tmp_path / "cache").folder == first.folder


def test_what_is_not_there_is_nothing_and_what_is_broken_is_named(shared: Bucket) -> None:
    settings = read_settings()
    assert released_projects(settings.released) == ["flats"]
    assert read_release(settings.released, "visits") is None
    assert newest_result(settings.results, "flats") is None
    write_bytes(f"{settings.released}/flats/release.json", b"{")
    with pytest.raises(StorageError, match=r"(?s)flats/release\.json: is not a release.*release the model again"):
        read_release(settings.released, "flats")


def test_old_reports_go_from_the_bucket_too(shared: Bucket) -> None:
    folder = f"{shared.uri}/results/flats/reports"
    for name in ("20261001T000000Z.json", "20261101T000000Z.json"):
        write_bytes(f"{folder}/1/{name}", b"{}")
    remove_old(folder, dt.datetime(2026, 10, 15, tzinfo=dt.UTC))
    assert list_below(folder) == ["1/20261101T000000Z.json"]
