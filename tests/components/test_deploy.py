"""The boxes that deploy to a target with a router: what they ask for before, and what its history tells afterwards."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.deploy import deploy
from evenkeel.config.project import Project
from evenkeel.errors import ApprovalError
from evenkeel.promotion.approval import Approval, record
from evenkeel.promotion.history import served_at
from evenkeel.settings import Settings, read_settings
from evenkeel.targets import TARGETS
from tests.evenkeel.rollout.stage import Stage, route
from tests.evenkeel.toy_bundle import crowned, migrated_home

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A place of its own, as a target that can be named; this process runs in production."""
    with route() as server:
        stage = Stage(server, tmp_path)
        stage.clock.time = dt.datetime.now(dt.UTC)
        monkeypatch.setitem(TARGETS, "stage", lambda _: stage.target())
        monkeypatch.setenv("EVENKEEL_ENVIRONMENT", "production")
        monkeypatch.setenv("EVENKEEL_TARGET", "stage")
        yield stage


@pytest.fixture
def settings(
    stage: Stage, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """With version 1 as champion."""
    home = migrated_home(tmp_path_factory, tmp_path / "home")
    monkeypatch.setenv("EVENKEEL_HOME", str(home))
    settings = read_settings()
    assert crowned(settings, stage.bundle("1")).version == "1"
    return settings


def asking(stage: Stage, **rule: object) -> Project:
    """The project, as production is asked for."""
    given = stage.project.model_dump(mode="json", exclude_defaults=True) | {"promotion": {"production": rule}}
    return Project.model_validate(given)


def yes(stage: Stage, who: str, reason: str) -> Approval:
    now = dt.datetime.now(dt.UTC)
    return Approval(
        project="visits",
        version="1",
        digest=stage.bundle("1").digest,
        environment="production",
        who=who,
        role="owner",
        reason=reason,
        at=now,
        expires=now + HOUR,
    )


def test_who_approved_is_told_by_the_history_of_the_target(stage: Stage, settings: Settings) -> None:
    project = asking(stage, approvals=2)
    record(settings, yes(stage, "ann", "read the report"))
    with pytest.raises(ApprovalError, match=r"it has ann \(owner, by file\)"):
        deploy("stage", project, stage.bundle("1").folder, "1")
    assert stage.served is None
    record(settings, yes(stage, "bob", "so\ndid I " + "very " * 100 + "well"))
    assert "visits serves version 1" in deploy("stage", project, stage.bundle("1").folder, "1")
    found = served_at(settings, project, stage.clock.now() + HOUR)
    assert found is not None
    first, second, third = found.release.reason.split("; ")
    assert first == "passed the gate"
    assert second == "approved by ann (owner) for production: read the report"
    assert third.startswith("approved by bob (owner) for production: so did I very very")
    assert third.endswith("very [...]")
    assert len(third) < 250


def test_where_nobody_was_asked_nobody_is_named(stage: Stage, settings: Settings) -> None:
    deploy("stage", asking(stage), stage.bundle("1").folder, "1")
    (line,) = stage.target().history("visits")
    assert line.release.reason == "passed the gate"


def test_after_a_deletion_nothing_was_served(stage: Stage, settings: Settings) -> None:
    project, before = asking(stage), stage.clock.now()
    deploy("stage", project, stage.bundle("1").folder, "1")
    stage.clock.sleep(3600)
    stage.target().delete("visits")
    at = [served_at(settings, project, before + hours * HOUR) for hours in (-1, 0.5, 2)]
    assert [each and each.release.version for each in at] == [None, "1", None]
