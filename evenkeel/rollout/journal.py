"""What is kept with what is served: the rollout under way, what was decided before it, and what people asked for."""

import datetime as dt
from typing import Literal

from pydantic import BaseModel, ConfigDict

from evenkeel.config.operation import Check, Step
from evenkeel.release import Release

Phase = Literal["applying", "testing", "stepping", "promoting", "promoted", "dropping", "dropped"]
Order = Literal["promote", "rollback", "hold"]
Verdict = Literal["pass", "fail", "unknown"]

ENDED: frozenset[Phase] = frozenset({"promoted", "dropped"})
KEPT = 20
"""Decisions kept: all of it must fit an annotation."""
LONGEST = 2000
"""Characters of a message: what a server last said may be long, and must fit too."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Outcome(_Frozen):
    """One check of one step, as it was judged last."""

    check: Check
    verdict: Verdict
    """unknown: too few samples, or none; it holds the rollout and never promotes it."""
    told: str
    """Value, limit and samples, for people."""


class Rollout(_Frozen):
    """One release on its way."""

    release: Release
    steps: tuple[Step, ...]
    """As the project had them when it began: a changed project changes the next rollout."""
    phase: Phase = "applying"
    step: int = 0
    """Index of the step, from ``stepping`` on."""
    started: dt.datetime
    since: dt.datetime
    """Since when in this phase and step, under this driver."""
    asked: bool = False
    """Whether the place was asked for this step's share of the traffic."""
    back: bool = False
    """A return to what was served before: straight, without steps."""
    message: str = ""
    """Why it is where it is: one sentence."""
    outcomes: tuple[Outcome, ...] = ()
    driver: str = ""
    """Who drives it: host, process and a random part."""
    seen: dt.datetime | None = None
    """When that one was last alive."""

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to do."""
        return self.phase in ENDED

    @property
    def at(self) -> str:
        """Phase, and which step of how many."""
        return f"stepping {self.step + 1}/{len(self.steps)}" if self.phase == "stepping" else self.phase

    @property
    def told(self) -> str:
        """Which version is where."""
        return f"{self.release.project}: version {self.release.version} is {self.at}"


class Decision(_Frozen):
    """One line of the history."""

    action: Literal["promoted", "rolled back", "dropped", "deleted"]
    release: Release
    at: dt.datetime
    message: str


class Journal(_Frozen):
    """All of it."""

    rollout: Rollout | None = None
    history: tuple[Decision, ...] = ()
    """Oldest first, the newest ``KEPT``; all of it is in ``evenkeel.rollout.history``."""
    order: Order | None = None
    """What somebody asked for: ``rollback`` is obeyed at the next look, ``promote`` and ``hold`` where the steps begin.
    It stays until the rollout has ended, or somebody asks for something else."""
    token: str = ""
    """The place's own mark of what was read (a resourceVersion, an ETag): what makes a write a compare-and-swap."""

    def decided(self, rollout: Rollout) -> "Journal":
        """The journal after a rollout ended."""
        promoted: Literal["promoted", "rolled back"] = "rolled back" if rollout.back else "promoted"
        line = Decision(
            action=promoted if rollout.phase == "promoted" else "dropped",
            release=rollout.release,
            at=rollout.since,
            message=rollout.message,
        )
        update = {"rollout": rollout, "history": (*self.history, line)[-KEPT:], "order": None}
        return self.model_copy(update=update)

    def deleted(self, at: dt.datetime) -> "Journal":
        """The journal before the place is emptied; the same where nothing is served, or this stands there already."""
        served = self.served()
        if not served or self.history[-1].action == "deleted":
            return self
        line = Decision(action="deleted", release=served[-1], at=at, message="nothing was served from then on")
        return self.model_copy(update={"history": (*self.history, line)[-KEPT:]})

    def served(self) -> list[Release]:
        """What a rollback walks back through: without what was rolled back from, each bundle in a row once.

        The last one is current, and a rollback returns to the one before.
        """
        served: list[Release] = []
        for line in self.history:
            if line.action in ("dropped", "deleted"):
                continue
            if line.action == "rolled back":
                del served[-2:]
            elif served and served[-1].digest == line.release.digest:
                del served[-1]
            served.append(line.release)
        return served
