"""Promotion moves the same bundle, and only what the environment takes."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evenkeel.bundle import Bundle
from evenkeel.config.project import Project
from evenkeel.errors import ApprovalError, PromotionError, SettingsError
from evenkeel.promotion.approval import Approval, record
from evenkeel.promotion.environment import read_environment
from evenkeel.promotion.history import served_at
from evenkeel.promotion.promote import promote_to
from evenkeel.settings import Settings
from evenkeel.targets.local import LocalTarget
from evenkeel.tracking import champion, champion_version, log_candidate
from tests.evenkeel.toy_bundle import certify, toy_bundle, toy_candidate

Ruled = Callable[[dict[str, dict[str, Any]]], Project]
HOUR = dt.timedelta(hours=1)


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def yes(bundle: Bundle, **given: Any) -> Approval:
    at = given.pop("at", now() - HOUR)
    facts = {
        "project": "visits",
        "version": "1",
        "digest": bundle.digest,
        "environment": "production",
        "who": "ada",
        "role": "owner",
        "reason": "reviewed the report",
        "at": at,
        "expires": at + 24 * HOUR,
    }
    return Approval.model_validate(facts | given)


def served(settings: Settings, environment: str) -> str | None:
    there = read_environment(environment, settings.workspace)
    current = LocalTarget(there.releases).status("visits").current
    return current.digest if current else None


def test_the_same_bundle_arrives_registered_and_served(settings: Settings, bundle: Bundle, project: Ruled) -> None:
    done = promote_to(project({"production": {}}), "1", "production", settings, now())
    there = read_environment("production", settings.workspace)
    assert served(settings, "production") == bundle.digest == done.version.digest
    standing = champion(there, "visits")
    assert standing is not None
    assert standing.digest == bundle.digest
    assert standing.tags["promoted.from"] == "visits/1"


def test_again_changes_nothing(settings: Settings, bundle: Bundle, project: Ruled) -> None:
    ruled = project({"production": {}})
    first = promote_to(ruled, "1", "production", settings, now())
    again = promote_to(ruled, "1", "production", settings, now())
    there = read_environment("production", settings.workspace)
    assert again.version.version == first.version.version
    assert len(LocalTarget(there.releases).history("visits")) == 1


def test_one_registry_for_all_gives_the_environments_alias(settings: Settings, bundle: Bundle, project: Ruled) -> None:
    promote_to(project({"staging": {}}), "1", "staging", settings, now())
    assert served(settings, "staging") == bundle.digest
    assert champion_version(settings, "visits") == "1"


def test_an_environment_that_the_project_does_not_name_gets_nothing(
    settings: Settings, bundle: Bundle, project: Ruled
) -> None:
    with pytest.raises(PromotionError, match=r"conf/visits\.yaml has no promotion\.production"):
        promote_to(project({}), "1", "production", settings, now())
    assert served(settings, "production") is None


def test_an_environment_that_is_not_there_is_named(settings: Settings, bundle: Bundle, project: Ruled) -> None:
    with pytest.raises(SettingsError, match=r"prod\.env: there is no such environment \(production, staging\)"):
        promote_to(project({"prod": {}}), "1", "prod", settings, now())


def test_without_approval_it_waits_and_then_goes_on(settings: Settings, bundle: Bundle, project: Ruled) -> None:
    ruled = project({"production": {"approvals": 1, "roles": ["owner"]}})
    with pytest.raises(ApprovalError, match=r"waiting for approval: visits version 1 .* needs 1 by owner"):
        promote_to(ruled, "1", "production", settings, now())
    assert served(settings, "production") is None
    record(settings, yes(bundle))
    done = promote_to(ruled, "1", "production", settings, now())
    assert [each.who for each in done.approvals] == ["ada"]
    assert done.status.current is not None
    assert "approved by ada (owner)" in done.status.current.reason


@pytest.mark.parametrize(
    "flaw",
    [
        {"digest": "0" * 64},
        {"environment": "staging"},
        {"role": "intern"},
        {"at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)},
        {"at": dt.datetime(2100, 1, 1, tzinfo=dt.UTC)},
        {"project": "wine"},
    ],
    ids=["another bundle", "another environment", "another role", "expired", "from the future", "another project"],
)
def test_what_is_no_approval_of_this_does_not_count(
    settings: Settings, bundle: Bundle, project: Ruled, flaw: dict[str, Any]
) -> None:
    record(settings, yes(bundle, **flaw))
    with pytest.raises(ApprovalError, match="it has none"):
        promote_to(project({"production": {"approvals": 1, "roles": ["owner"]}}), "1", "production", settings, now())


def test_one_person_counts_once(settings: Settings, bundle: Bundle, project: Ruled) -> None:
    ruled = project({"production": {"approvals": 2}})
    record(settings, yes(bundle))
    record(settings, yes(bundle, reason="and once more"))
    with pytest.raises(ApprovalError, match="needs 2"):
        promote_to(ruled, "1", "production", settings, now())
    record(settings, yes(bundle, who="grace"))
    assert len(promote_to(ruled, "1", "production", settings, now()).approvals) == 2


def test_an_edited_approval_is_refused(settings: Settings, bundle: Bundle, project: Ruled) -> None:
    place = Path(record(settings, yes(bundle, role="intern")))
    place.write_text(place.read_text().replace("intern", "owner"))
    with pytest.raises(ApprovalError, match="was edited after it was given"):
        promote_to(project({"production": {"approvals": 1}}), "1", "production", settings, now())


def test_a_file_in_the_checkout_approves(settings: Settings, bundle: Bundle, project: Ruled) -> None:
    folder = settings.workspace / "approvals"
    folder.mkdir()
    (folder / "visits.yaml").write_text(yes(bundle, by="file").model_dump_json())  # JSON is YAML
    done = promote_to(project({"production": {"approvals": 1}}), "1", "production", settings, now())
    assert [each.by for each in done.approvals] == ["file"]


def test_a_broken_file_names_itself_and_the_field(settings: Settings, bundle: Bundle, project: Ruled) -> None:
    folder = settings.workspace / "approvals"
    folder.mkdir()
    (folder / "visits.yaml").write_text("project: visits\nwho: ada\n")
    with pytest.raises(ApprovalError, match=r"visits\.yaml: is no approval: version: Field required"):
        promote_to(project({"production": {"approvals": 1}}), "1", "production", settings, now())


def test_what_was_not_served_before_is_refused(settings: Settings, bundle: Bundle, project: Ruled) -> None:
    ruled = project({"staging": {}, "production": {"after": "staging"}})
    with pytest.raises(PromotionError, match=r"was never served in staging.*TO=staging"):
        promote_to(ruled, "1", "production", settings, now())
    promote_to(ruled, "1", "staging", settings, now())
    promote_to(ruled, "1", "production", settings, now())
    assert served(settings, "production") == bundle.digest


def test_what_was_not_served_for_long_enough_is_refused(settings: Settings, bundle: Bundle, project: Ruled) -> None:
    ruled = project({"staging": {}, "production": {"after": "staging", "soak_hours": 24}})
    promote_to(ruled, "1", "staging", settings, now())
    with pytest.raises(PromotionError, match="production asks for 24"):
        promote_to(ruled, "1", "production", settings, now() + 23 * HOUR)
    promote_to(ruled, "1", "production", settings, now() + 25 * HOUR)


def test_what_was_replaced_before_its_time_does_not_soak_by_waiting(
    settings: Settings, bundle: Bundle, project: Ruled, tmp_path: Path
) -> None:
    ruled = project({"staging": {}, "production": {"after": "staging", "soak_hours": 24}})
    promote_to(ruled, "1", "staging", settings, now())
    later = certify(toy_bundle(tmp_path / "later", payload="later"))
    assert log_candidate(settings, toy_candidate(later)).version == "2"
    promote_to(ruled, "2", "staging", settings, now())
    with pytest.raises(PromotionError, match=r"was served in staging for 0\.0 hours; production asks for 24"):
        promote_to(ruled, "1", "production", settings, now() + 25 * HOUR)
    promote_to(ruled, "2", "production", settings, now() + 25 * HOUR)


def test_history_says_what_was_served_when_and_who_said_so(settings: Settings, bundle: Bundle, project: Ruled) -> None:
    record(settings, yes(bundle))
    before = now()
    ruled = project({"production": {"approvals": 1}})
    promote_to(ruled, "1", "production", settings, now())
    there = read_environment("production", settings.workspace)
    found = served_at(there, ruled, now())
    assert served_at(there, ruled, before) is None
    assert found is not None
    assert found.release.digest == bundle.digest
    assert "approved by ada" in found.release.reason
