"""One look at one rollout: where it stands, what the place and the checks say, and what follows from it.

``advance`` does at most one thing to the place and says where the rollout stands then. What is to be done is written
first, and what was done may be done again: whoever goes on after a kill, before or behind the deed, ends at the same.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from evenkeel.config.operation import Step
from evenkeel.config.project import Project
from evenkeel.errors import WorkloadError
from evenkeel.release import Release
from evenkeel.rollout.driver import Driver
from evenkeel.rollout.journal import LONGEST, Journal, Order, Outcome, Phase, Rollout
from evenkeel.rollout.judge import Judge, failed, unknown
from evenkeel.rollout.smoke import ask
from evenkeel.targets.status import Status

START_SECONDS = 900.0
"""An image and a bundle are fetched, a node may have to be bought."""
ROUTE_SECONDS = 180.0
"""Until a gateway has taken up a new route."""
WEIGHT_SECONDS = 120.0
"""Until the weights that were asked for are the weights."""
BY_HAND = "rolled back by hand"


@dataclass(frozen=True)
class Machine:
    """The rules, for one project at one place."""

    driver: Driver
    judge: Judge
    project: Project
    now: Callable[[], dt.datetime]
    key: str | None = None
    """Of the servers, where they ask for one."""

    def advance(self, journal: Journal) -> Rollout:
        """The rollout after one look. Raises RolloutError where the place cannot be asked."""
        rollout = journal.rollout
        if rollout is None or rollout.ended:
            raise ValueError("nothing is under way")
        if rollout.phase == "dropping":
            return self._dropping(rollout)
        try:
            return self._look(rollout, journal.order)
        except WorkloadError as error:
            return self._to(rollout, "dropping", str(error))

    def _look(self, rollout: Rollout, order: Order | None) -> Rollout:
        if rollout.phase == "promoting":
            return self._promoting(rollout, order)
        if order == "rollback":
            return self._to(rollout, "dropping", BY_HAND)
        if rollout.phase == "applying":
            return self._applying(rollout)
        if rollout.phase == "testing":
            return self._testing(rollout)
        return self._stepping(rollout, order)

    def _applying(self, rollout: Rollout) -> Rollout:
        if changes := self.driver.plan(self.project, rollout.release):
            self.driver.apply(self.project, rollout.release)
            told = f"applied: {', '.join(change.thing for change in changes)}"
        else:
            status = self._status()
            if status.ready:
                return self._to(rollout, "testing", "the server is ready")
            told = status.message
        if self._waited(rollout) > START_SECONDS:
            return self._to(rollout, "dropping", f"not ready after {START_SECONDS / 60:.0f} minutes: {told}")
        return _saying(rollout, told)

    def _testing(self, rollout: Rollout) -> Rollout:
        smoke = ask(self.driver.endpoint(self.project.name), rollout.release, self.key)
        if smoke.passed:
            current = self._status().current
            straight = current is None or _is(current, rollout.release) or not rollout.steps
            return self._to(rollout, "promoting" if straight else "stepping", smoke.told)
        if smoke.answered or self._waited(rollout) > ROUTE_SECONDS:
            return self._to(rollout, "dropping", f"smoke test: {smoke.told}")
        return _saying(rollout, f"smoke test: {smoke.told}")

    def _stepping(self, rollout: Rollout, order: Order | None) -> Rollout:
        if order == "promote":
            return self._to(rollout, "promoting", "promoted by hand")
        step = rollout.steps[rollout.step]
        if not rollout.asked:
            self.driver.set_traffic(self.project.name, step.traffic)
            return _saying(rollout, f"asked for {step.traffic} % of the traffic", asked=True)
        status = self._status()
        if status.traffic != step.traffic:
            return self._ignored(rollout, step, status)
        outcomes = self.judge.judge(rollout.release, self.project.serving, step, self._waited(rollout))
        rollout = rollout.model_copy(update={"outcomes": outcomes})
        if reasons := failed(outcomes):
            return self._to(rollout, "dropping", f"at {step.traffic} %: {reasons}")
        if order == "hold":
            return _saying(rollout, f"held by hand at {step.traffic} %")
        if self._waited(rollout) < step.bake_minutes * 60:
            return _saying(rollout, f"{step.traffic} %, watched for {step.bake_minutes:g} minutes")
        if reasons := unknown(outcomes):
            return _saying(rollout, f"holds at {step.traffic} %: {reasons}")
        return self._passed(rollout, outcomes)

    def _passed(self, rollout: Rollout, outcomes: tuple[Outcome, ...]) -> Rollout:
        told = "; ".join(outcome.told for outcome in outcomes) or "no checks"
        if rollout.step + 1 < len(rollout.steps):
            return self._to(rollout, "stepping", told, step=rollout.step + 1, outcomes=())
        return self._to(rollout, "promoting", told)

    def _ignored(self, rollout: Rollout, step: Step, status: Status) -> Rollout:
        """The weights are not what was asked for: ask again, and give up before people believe them."""
        says = "does not say yet" if status.traffic is None else f"says {status.traffic} %"
        why = f": {status.message}" if status.message else ""
        told = f"asked for {step.traffic} % of the traffic, the place {says}{why}"
        if self._waited(rollout) > WEIGHT_SECONDS:
            return self._to(rollout, "dropping", told)
        self.driver.set_traffic(self.project.name, step.traffic)
        return _saying(rollout, told)

    def _promoting(self, rollout: Rollout, order: Order | None) -> Rollout:
        status = self._status()
        if _is(status.current, rollout.release) and status.candidate is None:
            return self._to(rollout, "promoted", rollout.message)
        if order == "rollback":
            return self._to(rollout, "dropping", BY_HAND)
        self.driver.promote(self.project.name)
        return rollout

    def _dropping(self, rollout: Rollout) -> Rollout:
        """Drop before asking: what a place says of a candidate that failed may be the failure again."""
        self.driver.drop(self.project.name)
        if self._status().candidate is None:
            return self._to(rollout, "dropped", rollout.message)
        return rollout

    def _status(self) -> Status:
        return self.driver.status(self.project.name)

    def _to(self, rollout: Rollout, phase: Phase, message: str, **update: object) -> Rollout:
        return _saying(rollout, message, phase=phase, since=self.now(), asked=False, **update)

    def _waited(self, rollout: Rollout) -> float:
        return (self.now() - rollout.since).total_seconds()


def _is(there: Release | None, wanted: Release) -> bool:
    return there is not None and (there.digest, there.version) == (wanted.digest, wanted.version)


def _saying(rollout: Rollout, message: str, **update: object) -> Rollout:
    return rollout.model_copy(update={"message": message[:LONGEST], **update})
