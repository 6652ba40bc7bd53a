"""Whatever happens in whatever order: nobody is given more of a candidate than its step says, or one that failed."""

import datetime as dt
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from evenkeel.config.operation import Check, Serving, Step
from evenkeel.errors import RolloutError
from evenkeel.release import Release
from evenkeel.rollout.journal import Order, Outcome, Rollout, Verdict
from tests.evenkeel.rollout.fake_place import FakeDriver, Killed
from tests.evenkeel.rollout.stage import Route, Stage, stepped_project

CHECKS: tuple[Check, ...] = ("errors", "latency")
verdicts = st.sampled_from(["pass", "pass", "pass", "unknown", "fail"])
steps = st.lists(
    st.fixed_dictionaries(
        {
            "traffic": st.integers(0, 100),
            "bake_minutes": st.sampled_from([0, 1, 3]),
            "checks": st.lists(st.sampled_from(CHECKS), unique=True),
        }
    ),
    max_size=4,
)
events = st.lists(
    st.tuples(
        st.integers(0, 40),
        st.sampled_from(["promote", "rollback", "hold", "free", "crash", "slow", "ignore", "weights", "kill"]),
    ),
    max_size=6,
)


@dataclass
class Moody:
    """A judge whose verdicts come from a list, and who keeps what it said last."""

    coming: list[Verdict]
    last: tuple[Outcome, ...] = ()

    def judge(self, release: Release, serving: Serving, step: Step, seconds: float) -> tuple[Outcome, ...]:
        """Each check of the step."""
        said = [(check, self.coming.pop(0) if self.coming else "pass") for check in step.checks]
        self.last = tuple(Outcome(check=check, verdict=verdict, told=check) for check, verdict in said)
        return self.last


@dataclass
class Watchful(FakeDriver):
    """A driver that holds each deed against what the journal says."""

    judge: Moody = field(default_factory=lambda: Moody([]))

    def set_traffic(self, project: str, percent: int) -> None:
        """Exactly the step's."""
        rollout = self._now(project)
        assert rollout.phase == "stepping"
        assert percent == rollout.steps[rollout.step].traffic
        super().set_traffic(project, percent)

    def promote(self, project: str) -> None:
        """Only behind the last step, unless it was ordered."""
        rollout = self._now(project)
        assert rollout.phase == "promoting"
        steps_are_done = self.place.kept.get("current") in (None, rollout.release.version) or not rollout.steps
        ordered = rollout.message == "promoted by hand"
        if not (steps_are_done or ordered):
            assert rollout.step == len(rollout.steps) - 1
            assert [outcome.verdict for outcome in self.judge.last] == ["pass"] * len(rollout.steps[-1].checks)
        super().promote(project)

    def _now(self, project: str) -> Rollout:
        rollout = FakeDriver(self.place, self.url).read(project).rollout
        assert rollout is not None
        return rollout


class World:
    """What happens while the rollout sleeps."""

    def __init__(self, stage: Stage, happens: dict[int, str]) -> None:
        self.stage, self.happens, self.slept = stage, happens, 0

    def __call__(self) -> None:
        self.slept += 1
        what = self.happens.pop(self.slept, "")
        orders: dict[str, Order | None] = {"promote": "promote", "rollback": "rollback", "hold": "hold", "free": None}
        place = self.stage.place
        if what in orders:
            with suppress(RolloutError):  # where it has ended
                self.stage.target(me="somebody").order("visits", orders[what])
        elif what == "crash":
            place.crashes = "it crashes"
        elif what == "slow":
            place.looks_until_ready = 5
        elif what == "ignore":
            place.ignores_weights = True
        elif what == "weights" and place.kept.get("candidate"):
            place.kept["traffic"] = 77
        elif what == "kill":
            raise Killed(what)


@settings(max_examples=60, deadline=dt.timedelta(seconds=5))
@given(steps=steps, coming=st.lists(verdicts, max_size=30), happens=events)
def test_never_more_than_the_step_says_and_never_promoted_without_a_pass(
    one_route: Route, steps: list[dict[str, object]], coming: list[Verdict], happens: list[tuple[int, str]]
) -> None:
    with TemporaryDirectory() as folder:
        one_route.first.clear()
        stage = Stage(one_route, Path(folder), project=stepped_project(steps))
        stage.apply("1")
        judge = Moody(coming)
        stage.clock.meanwhile = World(stage, dict(happens))
        for life in range(len(happens) + 1):
            driver = Watchful(stage.place, one_route.url, judge=judge)
            try:
                target = stage.target(driver, me=f"life {life}")
                object.__setattr__(target, "judge", judge)
                target.apply(stage.project, stage.bundle("2"), "2")
            except Killed:
                continue
            except RolloutError:
                pass
            break
        rollout = stage.target().rollout("visits")
        assert rollout is not None
        ended = {"promoted": "2", "dropped": "1"}
        assert stage.served == ended.get(rollout.phase, "1")
        assert rollout.ended == (stage.place.kept.get("candidate") is None)
