"""Following a release: taken up between two requests, refused where anything is wrong, patient when it is away."""

import asyncio
import http.server
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from evenkeel.bundle import Bundle, open_bundle
from evenkeel.targets.local import LocalTarget
from serving.follow import Follower, ShadowFollower, Source, load_release
from serving.metrics import Metrics
from serving.model import Model, Slot, load_model
from tests.serving.bundles import certify, make_bundle, make_project
from tests.serving.running import free_port


@pytest.fixture
def better(tmp_path: Path) -> Bundle:
    return make_bundle(tmp_path / "better", make_project(), seed=1)


def release(tmp_path: Path, bundle: Bundle, version: str) -> Path:
    LocalTarget(tmp_path / "releases").apply(make_project(), bundle, version)
    return tmp_path / "releases" / "people" / "release.json"


def follower(uri: str, cache: Path, slot: Slot, metrics: Metrics, only: str | None = None) -> Follower:
    load = partial(load_release, name=None, allow_uncertified=False, only=only)
    return Follower(Source(uri, cache), slot, metrics, load, interval=0.01)


def reloads(metrics: Metrics, outcome: str) -> float:
    return metrics.registry.get_sample_value("ml_model_reload_total", {"outcome": outcome}) or 0


def test_a_new_release_is_taken_up_and_the_same_one_is_not_loaded_twice(
    tmp_path: Path, bundle: Bundle, better: Bundle, metrics: Metrics
) -> None:
    slot = Slot()
    record = release(tmp_path, bundle, "1")
    following = follower(str(record), tmp_path / "cache", slot, metrics)
    asyncio.run(following.look())
    asyncio.run(following.look())
    assert slot.model is not None
    assert (slot.model.version, slot.model.bundle.digest) == ("1", bundle.digest)
    release(tmp_path, better, "2")
    asyncio.run(following.look())
    assert (slot.model.version, slot.model.bundle.digest) == ("2", better.digest)
    assert reloads(metrics, "switched") == 2
    info = {"model": "people", "model_version": "2", "digest": better.digest, "data_version": "0" * 32}
    assert metrics.registry.get_sample_value("ml_model_info", info) == 1


def test_a_record_that_names_another_bundle_than_the_rollout_did_is_not_believed(
    tmp_path: Path, bundle: Bundle, better: Bundle, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    slot = Slot()
    record = release(tmp_path, bundle, "1")
    following = follower(str(record), tmp_path / "cache", slot, metrics, only=bundle.digest)
    asyncio.run(following.look())
    release(tmp_path, better, "2")
    asyncio.run(following.look())
    assert slot.model is not None
    assert slot.model.bundle.digest == bundle.digest
    assert reloads(metrics, "failed") == 1
    assert f"takes {bundle.digest[:12]} only (EVENKEEL_BUNDLE_DIGEST)" in str(caplog.records[-1].__dict__)


def test_the_old_one_stays_on_any_failure_and_the_good_one_comes_when_it_is_mended(
    tmp_path: Path, bundle: Bundle, better: Bundle, metrics: Metrics
) -> None:
    slot = Slot()
    record = release(tmp_path, bundle, "1")
    following = follower(str(record), tmp_path / "cache", slot, metrics)
    asyncio.run(following.look())
    release(tmp_path, better, "2")
    released = record.parent / "bundles" / better.digest
    (released / "model.onnx").write_bytes(b"corrupt")
    asyncio.run(following.look())
    assert slot.model is not None
    assert slot.model.version == "1"
    assert reloads(metrics, "failed") == 1
    shutil.copy(better.folder / "model.onnx", released / "model.onnx")
    asyncio.run(following.look())
    assert slot.model.version == "2"
    record.write_text("{")
    asyncio.run(following.look())
    record.unlink()
    asyncio.run(following.look())
    assert slot.model.version == "2"
    assert metrics.registry.get_sample_value("ml_release_source_up") == 0


def test_a_certificate_that_is_not_the_releases_or_does_not_pass_is_refused(
    tmp_path: Path, bundle: Bundle, metrics: Metrics
) -> None:
    slot = Slot()
    record = release(tmp_path, bundle, "1")
    released = record.parent / "bundles" / bundle.digest
    certify(open_bundle(released), passed=False)
    following = follower(str(record), tmp_path / "cache", slot, metrics)
    asyncio.run(following.look())
    assert slot.model is None
    assert reloads(metrics, "failed") == 1


def test_switching_drops_no_request(tmp_path: Path, bundle: Bundle, better: Bundle, metrics: Metrics) -> None:
    from serving.app import create_app
    from tests.serving.bundles import make_rows
    from tests.serving.running import Asked

    slot = Slot()
    record = release(tmp_path, bundle, "1")
    following = follower(str(record), tmp_path / "cache", slot, metrics)
    asyncio.run(following.look())
    asked = Asked(create_app(slot, metrics))
    body = {"rows": make_rows(1)}

    async def both() -> list[int]:
        async with asked.client() as client:
            codes: list[int] = []
            release(tmp_path, better, "2")
            switching = asyncio.create_task(following.look())
            while not switching.done() or len(codes) < 50:
                codes.append((await client.post("/predict", json=body)).status_code)
            return codes

    assert set(asyncio.run(both())) == {200}
    assert slot.model is not None
    assert slot.model.version == "2"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """The releases over HTTP."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "releases"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_releases_come_over_http(tmp_path: Path, bundle: Bundle, web: str, metrics: Metrics) -> None:
    slot = Slot()
    release(tmp_path, bundle, "1")
    following = follower(f"{web}/people/release.json", tmp_path / "cache", slot, metrics)
    asyncio.run(following.look())
    assert slot.model is not None
    assert slot.model.bundle.digest == bundle.digest
    assert slot.model.bundle.folder == tmp_path / "cache" / bundle.digest


def test_a_source_that_is_away_is_told_and_tried_again(tmp_path: Path, metrics: Metrics) -> None:
    following = follower(f"http://127.0.0.1:{free_port()}/release.json", tmp_path / "cache", Slot(), metrics)
    asyncio.run(following.look())
    assert metrics.registry.get_sample_value("ml_release_source_up") == 0


def test_releases_come_from_s3(
    tmp_path: Path, bundle: Bundle, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    monkeypatch.setenv("EVENKEEL_S3_ENDPOINT", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    try:
        client = boto3.client("s3", endpoint_url=endpoint)
        client.create_bucket(Bucket="models")
        record = release(tmp_path, bundle, "1")
        for file in record.parent.rglob("*"):
            if file.is_file():
                client.upload_file(str(file), "models", f"people/{file.relative_to(record.parent)}")
        slot = Slot()
        following = follower("s3://models/people/release.json", tmp_path / "cache", slot, metrics)
        asyncio.run(following.look())
        asyncio.run(following.look())
    finally:
        server.stop()
    assert slot.model is not None
    assert slot.model.bundle.digest == bundle.digest
    assert reloads(metrics, "switched") == 1


def test_a_shadow_follows_what_is_current_and_rests_when_that_is_itself(
    tmp_path: Path, bundle: Bundle, better: Bundle
) -> None:
    """A candidate's server beside what is current: until the candidate is current."""
    live, slot = Slot(), Slot()
    record = release(tmp_path, bundle, "1")
    load = partial(load_release, name=None, allow_uncertified=True)
    following = ShadowFollower(Source(str(record), tmp_path / "beside"), slot, live, load, interval=0.01)

    def followed() -> Model | None:
        asyncio.run(following.look())
        return slot.model

    assert followed() is None  # nothing is served here yet that could be compared
    live.model = load_model(better.folder, version="2")
    current = followed()
    assert current is not None
    assert current.bundle.digest == bundle.digest
    release(tmp_path, better, "2")
    assert followed() is live.model  # not loaded twice
