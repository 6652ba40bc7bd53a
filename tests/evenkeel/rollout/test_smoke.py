"""The smoke test against the server itself, in its own process, as it follows a published record."""

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from components.train.samples import sample_rows
from evenkeel.bundle import EVALUATION, SAMPLES, Bundle, open_bundle, seal_bundle
from evenkeel.predictor import Predictor
from evenkeel.release import Release
from evenkeel.rollout.driver import Endpoint
from evenkeel.rollout.publish import publish, record_uri
from evenkeel.rollout.smoke import ask
from evenkeel.table import read_table
from tests.evenkeel.rollout.stage import Clock
from tests.serving.bundles import certify, make_bundle, make_project
from tests.serving.running import Running, free_port, start

KEY = "open sesame, and long enough to be a key"


def sealed(folder: Path, task: str) -> Bundle:
    """A bundle that has samples of what it answers."""
    project = make_project(task=task)
    made = make_bundle(folder, project)
    samples = sample_rows(read_table(folder / EVALUATION), project, Predictor.load(made))
    (folder / SAMPLES).write_text(json.dumps(samples))
    bundle = seal_bundle(folder, made.manifest)
    certify(bundle, passed=True)
    return open_bundle(folder)


@pytest.fixture(scope="module", params=["binary", "regression"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Running, Release]]:
    """A server with a key that follows the record of version 4, and that release."""
    folder = tmp_path_factory.mktemp("smoke")
    bundle = sealed(folder / "bundle", request.param)
    root = str(folder / "published")
    release = publish(bundle, "4", "passed the gate", root, Clock().now())
    keys = folder / "keys"
    keys.write_text(f"rollout:{sha256(KEY.encode()).hexdigest()}\n")
    words = ["--follow", record_uri(release, root), "--keys", str(keys), "--open-metrics"]
    server = start(folder, *words, ready=True)
    try:
        yield server, release
    finally:
        server.kill()


def test_it_answers_as_its_bundle(served: tuple[Running, Release]) -> None:
    server, release = served
    smoke = ask(Endpoint(server.url), release, KEY)
    assert (smoke.passed, smoke.told) == (True, "10 sample rows answered as the bundle does")
    assert server.metric('ml_inference_requests_total{code="200",model="people",model_version="4"}') == 10


def test_without_its_key_it_is_refused(served: tuple[Running, Release]) -> None:
    smoke = ask(Endpoint(served[0].url), served[1])
    assert (smoke.passed, smoke.answered) == (False, True)
    assert "answers 401" in smoke.told


def test_another_version_behind_the_route_is_not_this_one(served: tuple[Running, Release]) -> None:
    smoke = ask(Endpoint(served[0].url), served[1].model_copy(update={"version": "5"}), KEY)
    assert (smoke.passed, smoke.answered) == (False, False)
    assert "leads to version 4, not to 5" in smoke.told


def test_nobody_there_is_no_answer(served: tuple[Running, Release]) -> None:
    smoke = ask(Endpoint(f"http://127.0.0.1:{free_port()}"), served[1])
    assert (smoke.passed, smoke.answered) == (False, False)


def test_an_answer_a_little_apart_is_a_wrong_one(served: tuple[Running, Release], tmp_path: Path) -> None:
    server, release = served
    samples = json.loads((Path(release.bundle) / SAMPLES).read_text())
    answer = samples[3]["answer"]
    if "value" in answer:
        answer["value"] *= 1 + 1e-7
    else:
        answer["probabilities"] = [
            each + sign * 1e-7 for each, sign in zip(answer["probabilities"], (1, -1), strict=True)
        ]
    (tmp_path / SAMPLES).write_text(json.dumps(samples))
    smoke = ask(Endpoint(server.url), release.model_copy(update={"bundle": str(tmp_path)}), KEY)
    assert (smoke.passed, smoke.answered) == (False, True)
    assert smoke.told.startswith("sample row 3 is answered")


def test_rows_that_the_door_refuses_say_nothing_of_the_model(served: tuple[Running, Release], tmp_path: Path) -> None:
    server, release = served
    elsewhere = release.model_copy(update={"bundle": str(tmp_path)})
    samples = json.loads((Path(release.bundle) / SAMPLES).read_text())
    samples[0]["features"]["age"] = -5
    (tmp_path / SAMPLES).write_text(json.dumps(samples))
    assert ask(Endpoint(server.url), elsewhere, KEY).told == "9 sample rows answered as the bundle does"
    (tmp_path / SAMPLES).write_text(json.dumps(samples[:1]))
    smoke = ask(Endpoint(server.url), elsewhere, KEY)
    assert (smoke.passed, smoke.told) == (False, f"{server.url} refuses all 1 sample rows as breaking the contract")
