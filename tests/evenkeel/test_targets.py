"""What a person asks of a target with a router, and where the registry's champion is afterwards."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from evenkeel.account import account
from evenkeel.errors import RegistryError, RolloutError, SettingsError
from evenkeel.rollout.driver import Problem
from evenkeel.rollout.run import Stepped
from evenkeel.settings import Settings
from evenkeel.targets import TARGETS, open_target, stepped
from evenkeel.targets.__main__ import main
from evenkeel.targets.champion import require_champion, roll_out
from evenkeel.targets.verbs import VERBS, Asked
from evenkeel.tracking import champion_version, follow_release, log_candidate
from tests.evenkeel.rollout.fake_place import FakeDriver, Place
from tests.evenkeel.rollout.stage import Stage, route
from tests.evenkeel.toy_bundle import migrated_home, toy_candidate

Captured = pytest.CaptureFixture[str]


@dataclass(frozen=True)
class AskedHere(Asked):
    """A command to the place of a test."""

    stage: Stage = field(kw_only=True)

    def target(self) -> Stepped:
        """The place of the test."""
        return self.stage.target(me=f"{self.reason}")


@dataclass
class Team:
    """A place and a registry; the pipeline makes versions champion before it rolls them out."""

    stage: Stage
    settings: Settings

    def register(self, version: str) -> str:
        """A registered version, made champion."""
        follow_release(self.settings, "visits", version)
        return version

    def deploy(self, version: str) -> None:
        """As a box does it."""
        target, bundle = self.stage.target(me="box"), self.stage.bundle(version)
        roll_out(target, self.settings, self.stage.project, bundle, version)

    def ask(self, verb: str, **words: object) -> int:
        """As a person does it."""
        return VERBS[verb](AskedHere("visits", self.settings, stage=self.stage, **words))  # type: ignore[arg-type]

    @property
    def both(self) -> tuple[str | None, str]:
        """The version that is served, and the champion."""
        return self.stage.served, champion_version(self.settings, "visits")


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """Four versions in a registry; conf/visits.yaml is there."""
    folder = tmp_path_factory.mktemp("team")
    settings = Settings(home=migrated_home(tmp_path_factory, folder / "home"), workspace=folder)
    with route() as server:
        team = Team(Stage(server, folder), settings)
        (folder / "conf").mkdir()
        (folder / "conf" / "visits.yaml").write_text(team.stage.project.to_parameter())
        for version in ("1", "2", "3", "4"):
            assert log_candidate(settings, toy_candidate(team.stage.bundle(version))).version == version
        yield team


@pytest.fixture
def team(registered: Team, tmp_path: Path) -> Team:
    """Versions 1 and 2 were rolled out, one after the other."""
    there = registered.stage
    team = Team(Stage(there.route, tmp_path, made=there.made), registered.settings)
    for version in ("1", "2"):
        team.deploy(team.register(version))
    return team


def test_what_is_rolled_out_is_champion(team: Team) -> None:
    assert team.both == ("2", "2")


def test_what_is_dropped_is_not_champion_any_more_and_is_not_tried_again(team: Team) -> None:
    team.register("3")
    team.stage.judge.verdicts["latency"] = "fail"
    with pytest.raises(RolloutError, match="the registry's champion is version 2 again"):
        team.deploy("3")
    assert team.both == ("2", "2")
    with pytest.raises(RolloutError, match="version 3 is not champion any more, version 2 is"):
        require_champion(team.settings, "visits", "3")
    require_champion(team.settings, "visits", "2")


def test_what_was_refused_before_anything_changed_stays_champion(team: Team) -> None:
    team.register("3")
    team.stage.place.problems = (Problem("E-IMAGE", "no image", "push it"),)
    with pytest.raises(RolloutError, match="nothing was changed"):
        team.deploy("3")
    assert team.both == ("2", "3")
    team.stage.place.problems = ()
    assert team.ask("rollout") == 0
    assert team.both == ("3", "3")


def test_a_first_version_that_is_dropped_stays_champion_and_it_is_said(team: Team) -> None:
    team.stage.place = Place(crashes="OOMKilled: more memory")
    with pytest.raises(RolloutError, match="champion stays version 2, for none is served"):
        team.deploy("2")


def test_a_registry_that_is_away_does_not_hide_why_it_was_dropped(team: Team) -> None:
    team.register("3")
    team.stage.judge.verdicts["latency"] = "fail"
    away = team.settings.model_copy(update={"tracking_uri": "http://127.0.0.1:9"})
    with pytest.raises(RolloutError, match=r"latency: fail.*could not follow.*rollout visits --version 2"):
        roll_out(team.stage.target(), away, team.stage.project, team.stage.bundle("3"), "3")
    assert team.both == ("2", "3")
    assert team.ask("rollout", version="2") == 0
    assert team.both == ("2", "2")
    with pytest.raises(RegistryError, match="serves version 2, but the registry's champion did not follow"):
        roll_out(team.stage.target(), away, team.stage.project, team.stage.bundle("2"), "2")


def test_a_rollback_moves_both(team: Team, capsys: Captured) -> None:
    assert team.ask("rollback", reason="nonsense") == 0
    assert team.both == ("1", "1")
    assert "rolled back from 2: nonsense" in capsys.readouterr().out
    assert team.ask("history") == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[1].strip() for line in told] == ["promoted", "promoted", "rolled back"]


def test_a_rollback_of_what_another_process_drives_leaves_the_champion_to_that(team: Team, capsys: Captured) -> None:
    team.register("3")

    def meanwhile() -> None:
        rollout = team.stage.target().rollout("visits")
        if rollout is not None and rollout.phase == "stepping":
            team.stage.clock.meanwhile = lambda: None
            assert team.ask("rollback", reason="person") == 0
            assert team.both == ("2", "3")

    team.stage.clock.meanwhile = meanwhile
    with pytest.raises(RolloutError, match="rolled back by hand"):
        team.deploy("3")
    assert team.both == ("2", "2")
    assert "asked for: rollback" in capsys.readouterr().out


def test_held_shown_let_go_and_promoted_by_hand(team: Team, capsys: Captured) -> None:
    team.register("3")
    team.stage.judge.verdicts["errors"] = "unknown"
    with pytest.raises(RolloutError, match="It stays as it is"):
        team.deploy("3")
    assert team.ask("hold") == 0
    told = capsys.readouterr().out
    assert "visits serves version 2" in told
    assert "version 3 is stepping 2/3 since 2030-01-01" in told
    assert "  unknown errors: unknown" in told
    assert "asked for: hold" in told
    assert "driven by box, last seen" in told
    assert "make promote|rollback|hold PROJECT=visits" in told
    assert team.ask("hold", off=True) == 0
    assert "asked for" not in capsys.readouterr().out
    team.stage.clock.sleep(3600)
    assert team.ask("promote") == 0
    assert team.both == ("3", "3")
    assert "version 3 was promoted at 2030-01-01" in capsys.readouterr().out


def test_who_rolled_it_out_by_hand_is_in_the_history(team: Team, capsys: Captured) -> None:
    team.register("3")
    assert team.ask("rollout", reason="the box is broken") == 0
    capsys.readouterr()
    assert team.ask("history") == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.split(": ", 1)[1].split(";")[0] for line in told] == [
        "passed the gate", "passed the gate", f"rolled out by {account()}: the box is broken"
    ]  # fmt: skip


def test_rollout_goes_on_with_what_is_under_way(team: Team) -> None:
    team.register("3")
    team.stage.judge.verdicts["errors"] = "unknown"
    with pytest.raises(RolloutError, match="It stays as it is"):
        team.deploy("3")
    team.register("4")
    team.stage.judge.verdicts.clear()
    assert team.ask("rollout") == 0
    assert team.both == ("3", "3")


def test_a_plan_shows_the_difference_and_changes_nothing(team: Team, capsys: Captured) -> None:
    assert team.ask("plan", target_name="kubernetes") == 0
    assert "nothing to do" in capsys.readouterr().out
    team.register("3")
    before = team.stage.place.dump()
    assert team.ask("plan", target_name="kubernetes") == 0
    assert "create  Deployment visits-v3" in capsys.readouterr().out
    assert team.stage.place.dump() == before
    team.stage.place.problems = (Problem("E-IMAGE", "no image", "push it"),)
    assert team.ask("plan", target_name="kubernetes") == 1
    assert "problem [E-IMAGE] no image; push it" in capsys.readouterr().out


def test_delete_asks_first(team: Team, capsys: Captured) -> None:
    assert team.ask("delete") == 1
    assert "nothing was changed; --yes" in capsys.readouterr().err
    assert team.stage.served == "2"
    team.stage.clock.sleep(60)
    assert team.ask("delete", yes=True) == 0
    assert team.stage.history() == [("promoted", "1"), ("promoted", "2"), ("deleted", "2")]
    assert team.stage.served is None


def test_nothing_to_promote_is_said(team: Team) -> None:
    with pytest.raises(RolloutError, match="nothing to promote"):
        team.ask("promote")


def test_without_a_champion_a_version_must_be_said(team: Team, tmp_path: Path) -> None:
    empty = team.settings.model_copy(update={"home": tmp_path / "nowhere"})
    with pytest.raises(RegistryError, match="no champion: make pipeline-run PROJECT=visits"):
        VERBS["rollout"](AskedHere("visits", empty, stage=team.stage))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("verb", ["plan", "promote", "hold"])
def test_the_local_target_knows_no_rollout_under_way(verb: str, home: Path, capsys: Captured) -> None:
    assert main([verb, "visits", "--target", "local"]) == 1
    assert "moves all traffic at once" in capsys.readouterr().err


def test_words_that_are_wrong_are_another_code(capsys: Captured) -> None:
    for words in (["promoto", "visits"], ["status"], ["status", "visits", "--target", "mainframe"]):
        with pytest.raises(SystemExit) as wrong:
            main(words)
        assert wrong.value.code == 2
    assert "invalid choice: 'mainframe'" in capsys.readouterr().err


def test_a_project_that_is_not_there_is_named(home: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENKEEL_WORKSPACE", str(home))
    assert main(["status", "nobody"]) == 1
    assert "no project 'nobody'" in capsys.readouterr().err


def test_the_place_of_bundles_must_be_known() -> None:
    driver = FakeDriver(Place(), "http://127.0.0.1:9")
    with pytest.raises(SettingsError, match="EVENKEEL_BUNDLES is not set"):
        stepped(driver, Settings())
    made = stepped(driver, Settings(bundles="s3://models", serving_key="secret"))
    assert (made.bundles, made.key, "secret" in repr(made)) == ("s3://models", "secret", False)


def test_an_unknown_target_names_those_there_are() -> None:
    assert {*TARGETS} == {"local", "kubernetes", "kserve", "ecs"}
    with pytest.raises(RolloutError, match=r"'mainframe' is not one of ecs, kserve, kubernetes, local"):
        open_target("mainframe", Settings())
