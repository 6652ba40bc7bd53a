"""Several processes, and processes that are killed."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from evenkeel.bundle import Bundle
from evenkeel.settings import Settings
from evenkeel.tracking import Version, download_bundle, log_candidate, version
from evenkeel.tracking.registry import by_alias
from evenkeel.tracking.store import connect
from tests.evenkeel.toy_bundle import REPOSITORY, certify, migrated_home, toy_bundle, toy_candidate
from tests.evenkeel.tracking.registering import Task, registering

DEATHS = [
    ("create_run", "after"),
    ("log_batch", "after"),
    ("log_artifacts", "before"),
    ("log_artifacts", "after"),
    ("create_model_version", "after"),
    ("set_terminated", "after"),
    ("set_registered_model_alias", "after"),
]


def versions(settings: Settings) -> list[Version]:
    with connect(settings) as client:
        numbers = [str(each.version) for each in client.search_model_versions("name = 'visits'")]
    return [version(settings, "visits", number) for number in numbers]


def test_four_processes_may_be_first_at_once(tmp_path: Path) -> None:
    bundles = [certify(toy_bundle(tmp_path / payload, payload=payload)) for payload in "ab"]
    home = tmp_path / "fresh"
    assert registering([Task(str(home), str(bundle.folder)) for bundle in bundles * 2]) == [0, 0, 0, 0]
    made = versions(Settings(home=home))
    assert sorted(each.digest for each in made) == sorted(bundle.digest for bundle in bundles), "one version each"


def test_a_first_run_is_silent(tmp_path: Path, passing: Bundle) -> None:
    plan = f'[["{tmp_path / "fresh"}", "{passing.folder}"]]'
    command = [sys.executable, "-m", "tests.evenkeel.tracking.registering", plan]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=True)
    assert (done.stdout, done.stderr) == ("[0]\n", "")


def test_a_killed_registration_leaves_nothing_half_registered_and_is_repaired(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, passing: Bundle
) -> None:
    homes = [migrated_home(tmp_path_factory, tmp_path / "-".join(death)) for death in DEATHS]
    tasks = [Task(str(home), str(passing.folder), *death) for home, death in zip(homes, DEATHS, strict=True)]
    assert registering(tasks) == [-signal.SIGKILL] * len(DEATHS)

    for home in homes:
        settings = Settings(home=home)
        for left in versions(settings):
            assert download_bundle(settings, left, home / "left").digest == passing.digest, "what appears is whole"
        assert log_candidate(settings, toy_candidate(passing)).version == "1"
        (made,) = versions(settings)
        assert download_bundle(settings, made, home / "fetched").require_certificate().passed
        with connect(settings) as client:
            assert client.get_run(made.run).info.status == "FINISHED", home.name
            assert len(client.search_runs([each.experiment_id for each in client.search_experiments()])) == 1
            assert by_alias(client, "visits", "challenger") == made
