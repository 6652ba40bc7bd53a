import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from evenkeel.bundle import Bundle, open_bundle
from evenkeel.certificate import Reference
from evenkeel.errors import BundleError, GateError, RolloutError, StorageError, TamperedBundleError
from evenkeel.release import Release
from evenkeel.settings import Settings
from evenkeel.targets import Target, open_target
from evenkeel.targets.local import RELEASE, LocalTarget
from tests.evenkeel.toy_bundle import REPOSITORY, certify, toy_bundle, toy_project


@pytest.fixture
def target(tmp_path: Path) -> LocalTarget:
    return LocalTarget(tmp_path / "releases")


@pytest.fixture
def bundles(tmp_path: Path) -> list[Bundle]:
    return [certify(toy_bundle(tmp_path / payload, payload=payload)) for payload in ("one", "two", "three")]


def served(target: LocalTarget) -> Release:
    return Release.model_validate_json((target.releases / "visits" / RELEASE).read_text())


def files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_nothing_is_served_at_first(target: LocalTarget) -> None:
    status = target.status("visits")
    assert (status.current, status.ready) == (None, False)
    assert "make pipeline-run PROJECT=visits" in status.message


def test_what_is_applied_is_served(target: LocalTarget, bundles: list[Bundle]) -> None:
    status = target.apply(toy_project(), bundles[0], "1")
    assert status.ready
    assert status.current == served(target)
    release = served(target)
    assert (release.project, release.version, release.digest) == ("visits", "1", bundles[0].digest)
    assert release.certificate == bundles[0].require_certificate().digest
    stored = open_bundle(target.releases / "visits" / release.bundle, digest=release.digest)
    assert stored.require_certificate() == bundles[0].require_certificate()


def test_again_changes_nothing(target: LocalTarget, bundles: list[Bundle]) -> None:
    first = target.apply(toy_project(), bundles[0], "1")
    before = files(target.releases)
    assert target.apply(toy_project(), bundles[0], "1") == first
    assert files(target.releases) == before


def test_rollback_goes_back_and_says_why(target: LocalTarget, bundles: list[Bundle]) -> None:
    for number, bundle in enumerate(bundles, start=1):
        target.apply(toy_project(), bundle, str(number))
    status = target.rollback("visits", "latency doubled")
    assert status.ready
    assert status.current is not None
    assert (status.current.version, status.current.reason) == ("2", "rolled back from 3: latency doubled")
    assert status.current.digest == bundles[1].digest


def test_rollback_never_returns_to_what_was_rolled_back_from(target: LocalTarget, bundles: list[Bundle]) -> None:
    for number, bundle in enumerate(bundles, start=1):
        target.apply(toy_project(), bundle, str(number))
    target.rollback("visits", "bad")
    target.rollback("visits", "bad too")
    assert served(target).version == "1"
    with pytest.raises(RolloutError, match="version 1 is the first release"):
        target.rollback("visits", "no more")
    assert [decision.action for decision in target.history("visits")] == ["apply"] * 3 + ["rollback"] * 2
    assert [decision.release.version for decision in target.history("visits")] == ["1", "2", "3", "2", "1"]


def test_rollback_leaves_the_same_bundle_behind(target: LocalTarget, bundles: list[Bundle]) -> None:
    for version, bundle in [("1", bundles[0]), ("2", bundles[1]), ("3", bundles[1])]:
        target.apply(toy_project(), bundle, version)
    target.rollback("visits", "bad")
    assert served(target).digest == bundles[0].digest


def test_rollback_without_releases_is_refused(target: LocalTarget) -> None:
    with pytest.raises(RolloutError, match="nothing was ever released"):
        target.rollback("visits", "bad")


def test_rollback_to_a_tampered_bundle_is_refused(target: LocalTarget, bundles: list[Bundle]) -> None:
    for version, bundle in [("1", bundles[0]), ("2", bundles[1])]:
        target.apply(toy_project(), bundle, version)
    (target.releases / "visits" / "bundles" / bundles[0].digest / "model.onnx").write_text("poison")
    with pytest.raises(TamperedBundleError):
        target.rollback("visits", "bad")
    assert served(target).version == "2"


def test_a_bundle_judged_again_gets_its_new_certificate(target: LocalTarget, bundles: list[Bundle]) -> None:
    target.apply(toy_project(), bundles[0], "1")
    again = certify(bundles[0], champion=Reference(version="9", digest="a" * 64))
    status = target.apply(toy_project(), again, "1")
    assert status.current is not None
    assert status.current.certificate == again.require_certificate().digest
    stored = open_bundle(target.releases / "visits" / status.current.bundle)
    assert stored.certificate == again.certificate


def test_without_a_certificate_nothing_is_served(target: LocalTarget, tmp_path: Path) -> None:
    with pytest.raises(GateError, match=r"no certificate\.json"):
        target.apply(toy_project(), toy_bundle(tmp_path / "raw"), "1")
    assert not target.releases.exists()


def test_with_a_refusing_certificate_nothing_is_served(target: LocalTarget, tmp_path: Path) -> None:
    with pytest.raises(GateError, match="too slow"):
        target.apply(toy_project(), certify(toy_bundle(tmp_path / "refused"), reason="too slow"), "1")
    assert not target.releases.exists()


def test_with_another_bundles_certificate_nothing_is_served(target: LocalTarget, bundles: list[Bundle]) -> None:
    bundles[0].require_certificate().write(bundles[1].folder)
    with pytest.raises(GateError, match="its certificate is for"):
        target.apply(toy_project(), open_bundle(bundles[1].folder), "1")
    assert not target.releases.exists()


def test_a_bundle_changed_after_it_was_opened_is_not_served(target: LocalTarget, bundles: list[Bundle]) -> None:
    (bundles[0].folder / "model.onnx").write_text("poison")
    with pytest.raises(TamperedBundleError):
        target.apply(toy_project(), bundles[0], "1")
    assert not files(target.releases / "visits")
    assert target.status("visits").current is None


def test_a_bundle_of_another_project_is_not_served(target: LocalTarget, bundles: list[Bundle]) -> None:
    with pytest.raises(BundleError, match="'visits', the project is 'tumours'"):
        target.apply(toy_project("tumours"), bundles[0], "1")


def test_status_tells_of_a_served_bundle_that_was_tampered_with(target: LocalTarget, bundles: list[Bundle]) -> None:
    target.apply(toy_project(), bundles[0], "1")
    (target.releases / "visits" / served(target).bundle / "model.onnx").write_text("poison")
    status = target.status("visits")
    assert not status.ready
    assert "model.onnx was changed" in status.message


def test_a_record_edited_by_hand_is_named(target: LocalTarget, bundles: list[Bundle]) -> None:
    target.apply(toy_project(), bundles[0], "1")
    (target.releases / "visits" / RELEASE).write_text("{}")
    with pytest.raises(RolloutError, match=r"release\.json: cannot be read"):
        target.status("visits")


def test_shares_of_traffic_are_refused(target: LocalTarget, bundles: list[Bundle]) -> None:
    target.apply(toy_project(), bundles[0], "1")
    with pytest.raises(RolloutError, match="no router"):
        target.set_traffic("visits", 10)
    assert target.promote("visits") == target.status("visits"), "what was applied is current already"


def test_delete_removes_the_project_and_may_be_repeated(target: LocalTarget, bundles: list[Bundle]) -> None:
    target.apply(toy_project(), bundles[0], "1")
    target.delete("visits")
    target.delete("visits")
    assert not (target.releases / "visits").exists()
    assert target.status("visits").current is None
    assert target.apply(toy_project(), bundles[1], "2").ready


@pytest.mark.parametrize("name", ["../visits", "", "a/b", ".", "Visits"])
def test_a_name_that_is_no_projects_touches_nothing(target: LocalTarget, name: str) -> None:
    with pytest.raises(RolloutError, match="not a project's name"):
        target.delete(name)


def test_releases_that_cannot_be_written_are_named(tmp_path: Path, bundles: list[Bundle]) -> None:
    (tmp_path / "releases").write_text("a file where the folder should be")
    with pytest.raises(StorageError, match=r"releases.*cannot be written.*EVENKEEL_HOME"):
        LocalTarget(tmp_path / "releases").apply(toy_project(), bundles[0], "1")


def test_releases_at_once_are_made_one_after_the_other(target: LocalTarget, bundles: list[Bundle]) -> None:
    def apply(number: int) -> None:
        target.apply(toy_project(), bundles[number % 3], str(number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(apply, range(24)))
    history = target.history("visits")
    assert sorted(int(decision.release.version) for decision in history) == list(range(24))
    assert served(target) == history[-1].release


def deaths(target: LocalTarget, scratch: Path, verb: str, bundle: Bundle) -> list[LocalTarget]:
    """The target as it is left where the verb is killed, at each of its file operations in turn."""
    scratch.mkdir()
    command = [sys.executable, "-m", "tests.evenkeel.killed_releases"]
    places = [str(target.releases), str(scratch), verb, str(bundle.folder)]
    done = subprocess.run([*command, *places], check=True, stdout=subprocess.PIPE, cwd=REPOSITORY)
    return [LocalTarget(Path(folder)) for folder in json.loads(done.stdout)]


def test_an_apply_killed_anywhere_serves_the_old_or_the_new_and_is_repaired(
    target: LocalTarget, bundles: list[Bundle], tmp_path: Path
) -> None:
    target.apply(toy_project(), bundles[0], "1")
    left = deaths(target, tmp_path / "killed", "apply", bundles[1])
    assert len(left) > 10
    for target in left:
        assert target.status("visits").ready, target.releases
        assert served(target).version in "12"
        assert target.apply(toy_project(), bundles[1], "2").ready
        assert served(target).version == "2"
        assert [decision.release.version for decision in target.history("visits")] == ["1", "2"]
        assert not list(target.releases.rglob("bundles/.*")), "nothing half-copied stays"
        assert target.rollback("visits", "bad").ready
        assert served(target).version == "1"


def test_a_rollback_killed_anywhere_goes_back_once(target: LocalTarget, bundles: list[Bundle], tmp_path: Path) -> None:
    for number, bundle in enumerate(bundles, start=1):
        target.apply(toy_project(), bundle, str(number))
    left = deaths(target, tmp_path / "killed", "rollback", bundles[0])
    assert {served(target).version for target in left} == {"2", "3"}
    for target in left:
        assert target.status("visits").ready
        if served(target).version == "3":
            assert target.rollback("visits", "bad").ready
        assert served(target).version == "2"
        assert len(target.history("visits")) == 4


def test_it_is_a_target(tmp_path: Path) -> None:
    target: Target = open_target("local", Settings(home=tmp_path))
    assert target.status("visits").current is None


def test_an_unknown_target_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(RolloutError, match=r"'mainframe' is not one of .*local"):
        open_target("mainframe", Settings(home=tmp_path))
