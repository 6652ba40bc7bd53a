"""All that was decided is told for ever, whoever was killed and whatever was away; nothing is told twice."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from evenkeel.errors import RolloutError, StorageError
from evenkeel.rollout.journal import KEPT, LONGEST, Journal
from tests.evenkeel.rollout.fake_place import FakeDriver, Killed, Place
from tests.evenkeel.rollout.stage import Stage, stepped_project


class DiesDecided(FakeDriver):
    """Is killed as soon as a decision stands in the journal: nothing that comes after it is done."""

    def write(self, project: str, journal: Journal) -> Journal:
        """The last thing that it does."""
        before = len(self.read(project).history)
        written = super().write(project, journal)
        if len(written.history) > before:
            raise Killed("write")
        return written


@dataclass
class Staging(FakeDriver):
    """Another namespace, which publishes to the same bundles."""

    def where(self, project: str) -> str:
        """Of another name."""
        return f"kubernetes/{project}-staging"


@pytest.fixture
def stage(stage: Stage) -> Stage:
    """Where versions are rolled out without steps."""
    stage.project = stepped_project([])
    return stage


def copied(stage: Stage) -> list[str]:
    """The actions and digests of what lies there."""
    return [name.split("-", 1)[1] for name in sorted(file.name for file in stage.kept.glob("*"))]


@contextmanager
def unwritable(stage: Stage) -> Iterator[None]:
    """The history's folder can neither be read nor made: a file is in its place."""
    there = stage.kept.with_name("there")
    stage.kept.parent.mkdir(parents=True, exist_ok=True)
    if had := stage.kept.is_dir():
        stage.kept.rename(there)
    stage.kept.write_text("no folder")
    yield
    stage.kept.unlink()
    if had:
        there.rename(stage.kept)


def test_the_journal_forgets_and_the_history_does_not(stage: Stage) -> None:
    versions = [str(number) for number in range(1, KEPT + 6)]
    stage.apply(*versions)
    assert [line.release.version for line in stage.target().driver.read("visits").history] == versions[-KEPT:]
    assert stage.history() == [("promoted", version) for version in versions]
    times = [line.at for line in stage.target().history("visits")]
    assert times == sorted(set(times))
    stage.target().rollback("visits", "bad")
    assert stage.history()[-1] == ("rolled back", versions[-2])


def test_killed_before_it_was_copied_it_is_told_once_and_copied_by_the_next(stage: Stage) -> None:
    stage.apply("1")
    with pytest.raises(Killed):
        stage.target(DiesDecided(stage.place, stage.route.url)).apply(stage.project, stage.bundle("2"), "2")
    assert len(copied(stage)) == 1
    assert stage.history() == [("promoted", "1"), ("promoted", "2")]
    stage.apply("3")
    assert len(copied(stage)) == 3
    assert stage.history() == [("promoted", "1"), ("promoted", "2"), ("promoted", "3")]


def test_what_was_decided_before_there_was_a_history_is_in_it(stage: Stage) -> None:
    stage.apply("1", "2")
    for file in stage.kept.glob("*"):
        file.unlink()
    assert stage.history() == [("promoted", "1"), ("promoted", "2")]
    stage.apply("3")
    assert len(copied(stage)) == 3


def test_a_rollout_that_ended_has_ended_though_it_cannot_be_copied_and_it_is_said(stage: Stage) -> None:
    with unwritable(stage):
        with pytest.raises(StorageError):
            stage.apply("1", "2")
        assert (stage.served, stage.said[-1].partition(":")[0]) == ("1", "visits")
        assert "history could not be copied, so the next rollout begins with that" in stage.said[-1]
        assert [line.release.version for line in stage.target().driver.read("visits").history] == ["1"]
    stage.apply("2")
    assert len(copied(stage)) == 2


def test_the_way_back_does_not_wait_for_the_history(stage: Stage) -> None:
    stage.apply("1", "2")
    with unwritable(stage):
        stage.target().rollback("visits", "bad")
        assert stage.served == "1"
    assert stage.history()[-1] == ("rolled back", "1")
    assert len(copied(stage)) == 2
    stage.apply("3")
    assert stage.history()[-2:] == [("rolled back", "1"), ("promoted", "3")]
    assert len(copied(stage)) == 4


def test_two_namespaces_that_share_bundles_have_each_its_own(stage: Stage) -> None:
    staging = Staging(Place(), stage.route.url)
    stage.target(staging).apply(stage.project, stage.bundle("2"), "2", "tried")
    stage.apply("1")
    assert stage.history() == [("promoted", "1")]
    (line,) = stage.target(staging).history("visits")
    assert (line.action, line.release.version, line.release.reason) == ("promoted", "2", "tried")


def test_a_deletion_is_in_it_and_what_came_before_and_after(stage: Stage) -> None:
    stage.apply("1", "2")
    stage.clock.sleep(60)
    with pytest.raises(Killed):
        stage.target(DiesDecided(stage.place, stage.route.url)).delete("visits")
    stage.clock.sleep(60)
    stage.target().delete("visits")
    stage.target().delete("visits")
    assert stage.place.kept == {}
    stage.clock.sleep(60)
    stage.apply("3")
    assert stage.history() == [("promoted", "1"), ("promoted", "2"), ("deleted", "2"), ("promoted", "3")]
    with pytest.raises(RolloutError, match="version 3 is the first"):
        stage.target().rollback("visits", "what was served before is gone")


def test_nothing_is_deleted_whose_history_cannot_be_kept(stage: Stage) -> None:
    stage.apply("1")
    for file in stage.kept.glob("*"):
        file.unlink()
    with unwritable(stage), pytest.raises(StorageError):
        stage.target().delete("visits")
    assert (stage.served, stage.history()) == ("1", [("promoted", "1")])


def test_each_rollout_has_its_own_reason_though_the_record_is_written_once(stage: Stage) -> None:
    stage.target().apply(stage.project, stage.bundle("1"), "1", "approved by ann (owner)")
    stage.apply("2")
    status = stage.target().apply(stage.project, stage.bundle("1"), "1", f"approved by bob (owner){'.' * 5000}")
    assert status.current is not None
    assert status.current.reason.startswith("approved by bob (owner)")
    reasons = [line.release.reason for line in stage.target().history("visits")]
    assert [reason[:15] for reason in reasons] == ["approved by ann", "passed the gate", "approved by bob"]
    assert len(reasons[-1]) == LONGEST, "what is kept beside what is served must fit there"


def test_a_line_that_was_edited_names_itself(stage: Stage) -> None:
    stage.apply(*(str(number) for number in range(1, KEPT + 2)))
    first = min(stage.kept.glob("*"))
    first.write_text("{}")
    with pytest.raises(RolloutError, match=rf"{first.name}: is no decision, was it edited by hand"):
        stage.history()
