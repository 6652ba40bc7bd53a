"""What a task does with S3: the bundle from there by its record, checked; predictions and labels to there."""

from pathlib import Path

import boto3
import httpx
import pytest

from evenkeel.errors import RolloutError
from evenkeel.ledger import read_predictions
from evenkeel.release import Release
from evenkeel.rollout.publish import announce, publish, record_uri
from evenkeel.storage import read_bytes, write_bytes
from evenkeel.targets.ecs.task import Renderer
from tests.ecs.conftest import World
from tests.ecs.servers import serve
from tests.serving.bundles import make_bundle, make_project, make_rows
from tests.serving.running import start


@pytest.fixture
def release(world: World, tmp_path: Path) -> Release:
    """A bundle that a server can load, published."""
    bundle = make_bundle(tmp_path / "bundle", make_project("people"))
    return publish(bundle, "3", "passed the gate", str(world.settings.bundles), world.clock.now())


def test_the_server_of_a_task_definition_serves_from_s3_and_writes_its_ledger_there(
    world: World, release: Release, tmp_path: Path
) -> None:
    definition = Renderer(world.stack, world.settings, "eu-west-1").render(make_project("people"), release)
    (container,) = [each for each in definition["containerDefinitions"] if each["name"] == "server"]
    running = serve(container, tmp_path)
    try:
        answer = httpx.post(f"{running.url}/predict", json={"rows": make_rows(5)}).json()
        label = httpx.post(f"{running.url}/feedback", json={"id": f"{answer['id']}-0", "label": "yes"})
        assert (answer["version"], len(answer["predictions"]), label.status_code) == ("3", 5, 202)
        assert httpx.get(f"{running.url}/healthz").status_code == 200
        assert running.terminate() == 0
    finally:
        running.kill()
    table = read_predictions(world.settings.ledger, "people")
    assert table.num_rows == 5
    assert set(table.column("model_version").to_pylist()) == {"3"}


def test_publishing_again_keeps_the_first_record(world: World, release: Release, tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "again", make_project("people"))
    again = publish(bundle, "3", "another reason", str(world.settings.bundles), world.clock.now())
    assert again == release
    announce(release, str(world.settings.bundles))
    current = read_bytes(f"{world.settings.bundles}/people/release.json")
    assert Release.model_validate_json(current) == release


def test_a_bundle_that_was_changed_on_s3_is_never_served(world: World, release: Release, tmp_path: Path) -> None:
    write_bytes(f"{release.bundle}/model.onnx", b"poison")
    record = record_uri(release, str(world.settings.bundles))
    running = start(tmp_path, "--follow", record, ready=False)
    try:
        running.wait_for("/healthz", 200)
        running.wait_for("/readyz", 503)
        assert httpx.get(f"{running.url}/readyz").status_code == 503
    finally:
        running.kill()


def test_a_record_that_was_changed_is_told(world: World) -> None:
    world.deploy("1")
    target = world.target()
    served = target.status(world.name).current
    assert served is not None
    record = record_uri(served, str(world.settings.bundles))
    write_bytes(record, served.model_copy(update={"digest": "0" * 64}).model_dump_json().encode())
    with pytest.raises(RolloutError, match="the record was changed after it was written"):
        world.target().status(world.name)


def test_the_journal_is_swapped_and_never_overwritten(world: World) -> None:
    """As moto does what S3 documents: If-Match and If-None-Match on PUT."""
    client, bucket = boto3.client("s3", endpoint_url=world.aws.url), "models-of-visits"
    first = client.put_object(Bucket=bucket, Key="swap", Body=b"1", IfNoneMatch="*")["ETag"]
    with pytest.raises(client.exceptions.ClientError, match="PreconditionFailed"):
        client.put_object(Bucket=bucket, Key="swap", Body=b"2", IfNoneMatch="*")
    with pytest.raises(client.exceptions.ClientError, match="PreconditionFailed"):
        client.put_object(Bucket=bucket, Key="swap", Body=b"2", IfMatch='"0"')
    client.put_object(Bucket=bucket, Key="swap", Body=b"2", IfMatch=first)
