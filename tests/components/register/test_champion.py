"""Who is champion after a candidate that passed, was refused, or came late."""

from pathlib import Path

import pytest

from components.register.step import register
from evenkeel.bundle import Bundle
from evenkeel.errors import GateError, RegistryError
from evenkeel.settings import Settings
from evenkeel.tracking import champion_version, download_bundle, promote, version
from tests.components.register.registry import alias, reference, runs, standing, versions
from tests.evenkeel.toy_bundle import certify, toy_bundle, toy_project


def test_a_refused_candidate_is_challenger_and_says_why(settings: Settings, passing: Bundle, tmp_path: Path) -> None:
    register(toy_project(), passing.folder, [], "")
    reason = "roc_auc is 0.61, 0.7 is required"
    refused = certify(toy_bundle(tmp_path / "refused", payload="worse"), champion=reference(settings), reason=reason)

    with pytest.raises(GateError, match=reason):
        register(toy_project(), refused.folder, [], "1")

    assert alias(settings, "champion") == "1"
    assert alias(settings, "challenger") == "2"
    assert versions(settings)["2"]["gate.status"] == "refused"
    assert reason in runs(settings)[0].data.tags["mlflow.note.content"]
    with pytest.raises(GateError, match=reason):
        register(toy_project(), refused.folder, [], "1")
    assert set(versions(settings)) == {"1", "2"}


def test_a_refused_first_candidate_leaves_no_champion(settings: Settings, tmp_path: Path) -> None:
    refused = certify(toy_bundle(tmp_path / "refused"), reason="too slow")
    with pytest.raises(GateError, match="too slow"):
        register(toy_project(), refused.folder, [], "")
    assert champion_version(settings, "visits") == ""


def test_a_moved_champion_is_not_overwritten(settings: Settings, passing: Bundle, tmp_path: Path) -> None:
    register(toy_project(), passing.folder, [], "")
    started = reference(settings)
    other = certify(toy_bundle(tmp_path / "other", payload="other"), champion=started)
    late = certify(toy_bundle(tmp_path / "late", payload="late"), champion=started)
    register(toy_project(), other.folder, [], "1")

    with pytest.raises(RegistryError, match=r"champion moved .* was version 1 .* now it is version 2 .* run again"):
        register(toy_project(), late.folder, [], "1")
    assert champion_version(settings, "visits") == "2"
    assert alias(settings, "challenger") == "3"

    judged_again = certify(late, champion=reference(settings))
    assert register(toy_project(), judged_again.folder, [], "2") == "3"
    assert champion_version(settings, "visits") == "3"
    assert set(versions(settings)) == {"1", "2", "3"}


def test_a_champion_that_appeared_meanwhile_is_not_overwritten(
    settings: Settings, passing: Bundle, tmp_path: Path
) -> None:
    late = certify(toy_bundle(tmp_path / "late", payload="late"))
    register(toy_project(), passing.folder, [], "")
    with pytest.raises(RegistryError, match="it was none, now it is version 1"):
        register(toy_project(), late.folder, [], "")
    assert champion_version(settings, "visits") == "1"


def test_a_refused_bundle_may_pass_against_another_champion(settings: Settings, tmp_path: Path) -> None:
    bundle = toy_bundle(tmp_path / "bundle")
    with pytest.raises(GateError):
        register(toy_project(), certify(bundle, reason="no better than the champion").folder, [], "")
    assert register(toy_project(), certify(bundle).folder, [], "") == "1"
    assert versions(settings)["1"]["gate.status"] == "passed"
    fetched = download_bundle(settings, standing(settings), tmp_path / "fetched")
    assert fetched.require_certificate().passed, "the registered copy carries the newest certificate"
    assert len(runs(settings)) == 2, "each judgement has its run"


def test_a_refusal_takes_no_pass_away(settings: Settings, passing: Bundle, tmp_path: Path) -> None:
    """The old champion again, refused against the new one: it must stay good enough to go back to."""
    register(toy_project(), passing.folder, [], "")
    old = standing(settings)
    better = certify(toy_bundle(tmp_path / "better", payload="better"), champion=old.reference)
    register(toy_project(), better.folder, [], "1")
    refused = certify(passing, champion=reference(settings), reason="worse than the champion")
    for _ in range(2):
        with pytest.raises(GateError, match="version 1 was refused"):
            register(toy_project(), refused.folder, [], "2")

    assert (alias(settings, "champion"), alias(settings, "challenger")) == ("2", "1")
    assert len(runs(settings)) == 3, "the refusal has its run, once"
    promote(settings, version(settings, "visits", "1"), reference(settings))
    assert download_bundle(settings, standing(settings), tmp_path / "fetched").require_certificate().passed
