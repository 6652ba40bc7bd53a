"""Rollouts as people and pipelines start them: a ``Target`` made of a driver, the rules and a clock."""

import datetime as dt
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evenkeel.bundle import Bundle
from evenkeel.config.project import Project
from evenkeel.errors import BundleError, ConflictError, RolloutError, StorageError
from evenkeel.release import Release
from evenkeel.rollout.driver import Change, Driver, Problem
from evenkeel.rollout.history import keep, read
from evenkeel.rollout.journal import LONGEST, Decision, Journal, Order, Rollout
from evenkeel.rollout.judge import Judge
from evenkeel.rollout.lease import Lease, myself, require_silence
from evenkeel.rollout.machine import Machine
from evenkeel.rollout.publish import announce, described, project_of, publish, withdraw
from evenkeel.signature import require_signature
from evenkeel.targets.status import Status


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _say(line: str) -> None:
    print(line, flush=True)


@dataclass(frozen=True)
class Stepped:
    """A target that moves traffic in steps and watches each."""

    driver: Driver
    judge: Judge
    bundles: str
    """Where bundles are published: path or s3://...."""
    now: Callable[[], dt.datetime] = _now
    sleep: Callable[[float], None] = time.sleep
    tell: Callable[[str], None] = _say
    interval: float = 5.0
    """Seconds between two looks."""
    patience: float = 3600.0
    """Seconds beyond its bake time that a step may hold before this process leaves the rollout as it is."""
    key: str | None = field(default=None, repr=False)
    """Of the servers, for the smoke test."""
    verify_keys: Path | None = None
    """Public keys; where given, only what one of them signed is rolled out."""
    me: str = field(default_factory=myself)

    def apply(self, project: Project, bundle: Bundle, version: str, reason: str = "") -> Status:
        """Roll this version out to the end. What is served already: nothing happens; what is under way: goes on.

        Raises GateError without a passing certificate, RolloutError where preflight finds a problem, another version
        is under way, or the version was dropped, ConflictError where another process is at it.
        """
        bundle.require_certificate()
        if self.verify_keys:
            require_signature(bundle, self.verify_keys)
        if bundle.manifest.name != project.name:
            raise BundleError(f"{bundle.folder}: is a bundle of {bundle.manifest.name!r}, not of {project.name!r}")
        journal = self.driver.read(project.name)
        under_way = journal.rollout
        if under_way is not None and not under_way.ended:
            if (under_way.release.digest, under_way.release.version) != (bundle.digest, version):
                raise RolloutError(f"{under_way.told}: wait for it, or promote or roll it back first")
            return self.resume(project)
        self._require_sound(project, bundle, version)
        keep(self._folder(project.name), journal.history)
        reason = reason or "passed the gate"
        release = publish(bundle, version, reason, self.bundles, self.now())
        if not self.driver.plan(project, release):
            self.tell(f"{project.name}: version {version} is served as it should be, nothing to do")
            return self.driver.status(project.name)
        self._begin(project, journal, release, reason)
        return self._drive(project)

    def plan(self, project: Project, bundle: Bundle, version: str) -> tuple[Sequence[Problem], Sequence[Change]]:
        """What stands against it, and what it would change. Writes nothing."""
        problems = self.driver.preflight(project, bundle, version)
        if any(problem.blocking for problem in problems):
            return problems, ()
        return problems, self.driver.plan(project, described(bundle, version, "planned", self.bundles, self.now()))

    def resume(self, project: Project) -> Status:
        """Go on with the rollout under way, whoever began it. Raises RolloutError where there is none."""
        rollout = self.driver.read(project.name).rollout
        if rollout is None or rollout.ended:
            raise RolloutError(f"{project.name}: no rollout is under way")
        return self._drive(project)

    def status(self, project: str) -> Status:
        """What is served now, as the place says."""
        return self.driver.status(project)

    def rollout(self, project: str) -> Rollout | None:
        """The rollout under way, or the last one."""
        return self.driver.read(project).rollout

    def ordered(self, project: str) -> Order | None:
        """What somebody asked for and nobody has done yet."""
        return self.driver.read(project).order

    def history(self, project: str) -> Sequence[Decision]:
        """All that was ever decided, oldest first. Raises StorageError where the older part cannot be read."""
        return read(self._folder(project), self.driver.read(project).history)

    def set_traffic(self, project: str, percent: int) -> Status:
        """Refuse: a share given by hand is one that no check watches."""
        raise RolloutError(
            f"{project}: {percent} % cannot be given by hand: shares are steps of a rollout, serving.rollout in"
            f" conf/{project}.yaml; a rollout under way can be held, promoted or rolled back"
        )

    def order(self, project: str, order: Order | None) -> None:
        """Ask for something, or (None) for nothing any more; who drives the rollout obeys at the next look.

        Raises RolloutError where none is under way.
        """
        while True:
            journal = self.driver.read(project)
            if journal.rollout is None or journal.rollout.ended:
                raise RolloutError(f"{project}: no rollout is under way, so nobody would obey")
            try:
                self.driver.write(project, journal.model_copy(update={"order": order}))
            except ConflictError:
                continue
            return

    def promote(self, project: str) -> Status:
        """Skip what is left of the steps; nothing where no rollout is under way."""
        rollout = self.rollout(project)
        if rollout is None or rollout.ended:
            return self.driver.status(project)
        return self._ordered(project, rollout, "promote")

    def rollback(self, project: str, reason: str) -> Status:
        """Drop the candidate; without one, roll straight back to what was served before the current version.

        Raises RolloutError where nothing was.
        """
        journal = self.driver.read(project)
        if journal.rollout is not None and not journal.rollout.ended:
            if journal.rollout.back:  # its process was killed: what was asked for is on its way
                return self._drive(project_of(journal.rollout.release))
            status = self._ordered(project, journal.rollout, "rollback")
            after = self.rollout(project)
            # too late to be obeyed: what was meant is still to be done
            return self.rollback(project, reason) if after is not None and after.phase == "promoted" else status
        served = journal.served()
        if len(served) < 2:
            there = f"version {served[-1].version} is the first" if served else "nothing was ever served"
            raise RolloutError(f"{project}: {there}, so there is nothing to go back to: roll out another, or delete")
        as_it_ran = project_of(served[-2])
        why = f"rolled back from {served[-1].version}: {reason}"
        self._begin(as_it_ran, journal, served[-2], why, back=True)
        return self._drive(as_it_ran)

    def delete(self, project: str) -> None:
        """Stop serving the project; its history stays. Raises ConflictError while somebody rolls it out."""
        journal = self.driver.read(project)
        rollout = journal.rollout
        if rollout is not None and not rollout.ended and self._lease.is_anothers(rollout):
            raise ConflictError(f"{rollout.told} by {rollout.driver}: roll it back first")
        keep(self._folder(project), journal.history)
        if (after := journal.deleted(self.now())) is not journal:
            keep(self._folder(project), self.driver.write(project, after).history)
        withdraw(project, self.bundles)
        self.driver.delete(project)

    def _ordered(self, project: str, rollout: Rollout, order: Order) -> Status:
        """Give the order, and carry it out here where nobody else drives the rollout."""
        self.order(project, order)
        if self._lease.is_anothers(rollout):
            self.tell(f"{rollout.told} by {rollout.driver}, which will {order} it at its next look")
            return self.driver.status(project)
        try:
            return self._drive(project_of(rollout.release))
        except RolloutError:
            if order == "rollback" and (after := self.rollout(project)) is not None and after.phase == "dropped":
                return self.driver.status(project)
            raise

    def _require_sound(self, project: Project, bundle: Bundle, version: str) -> None:
        problems = self.driver.preflight(project, bundle, version)
        for problem in problems:
            if not problem.blocking:
                self.tell(f"warning: {problem}")
        blocking = [problem for problem in problems if problem.blocking]
        if blocking:
            listed = "\n  ".join(map(str, blocking))
            raise RolloutError(f"{project.name}: {len(blocking)} problems, and nothing was changed:\n  {listed}")

    def _begin(self, project: Project, journal: Journal, release: Release, reason: str, *, back: bool = False) -> None:
        """Claim the place for this rollout: of two who begin at once, one is refused."""
        now = self.now()
        # the published record keeps the reason it came with first; this rollout has its own
        release = release.model_copy(update={"released_at": now, "reason": reason[:LONGEST]})
        steps = () if back else project.serving.rollout
        rollout = Rollout(
            release=release, steps=steps, started=now, since=now, back=back, driver=self.me, seen=now, message="begun"
        )
        try:
            self.driver.write(project.name, journal.model_copy(update={"rollout": rollout, "order": None}))
        except ConflictError as exc:
            raise ConflictError(f"{project.name}: another rollout began at the same moment: {exc}") from exc
        self.tell(f"{project.name}: rolling out version {release.version} ({release.digest[:12]})")

    def _drive(self, project: Project) -> Status:
        """Look, act and write until it has ended. Raises RolloutError where the version was dropped, or held."""
        machine = Machine(self.driver, self.judge, project, self.now, self.key)
        told = ""
        while True:
            journal = self.driver.read(project.name)
            rollout = journal.rollout
            if rollout is None or rollout.ended:
                self._remember(project.name, journal)
                return self._ended(project.name, rollout)
            if self._lease.is_anothers(rollout):
                self._outlive(project.name, rollout)
                continue
            after = machine.advance(journal.model_copy(update={"rollout": self._lease.taken(rollout)}))
            if after.message != told:
                told = after.message
                self.tell(f"  {after.at}: {told}")
            moved = (after.phase, after.step) != (rollout.phase, rollout.step)
            if self._kept(project.name, journal, after) and moved:
                continue
            self._require_patience(after)
            self.sleep(self.interval)

    def _kept(self, project: str, journal: Journal, after: Rollout) -> bool:
        """Whether the look was written; not where somebody wrote meanwhile, as who gives an order does."""
        after = self._lease.renewed(after)
        kept = journal.model_copy(update={"rollout": after})
        if after.phase == "promoted":
            announce(after.release, self.bundles)
        try:
            self.driver.write(project, kept.decided(after) if after.ended else kept)
        except ConflictError:
            return False
        return True

    def _remember(self, project: str, journal: Journal) -> None:
        """Copy what was decided. A rollout that has ended has ended, so where that fails it is told and done later."""
        try:
            keep(self._folder(project), journal.history)
        except StorageError as error:
            self.tell(f"{project}: its history could not be copied, so the next rollout begins with that: {error}")

    def _folder(self, project: str) -> str:
        return f"{self.bundles.rstrip('/')}/{project}/{self.driver.where(project)}/history"

    def _ended(self, project: str, rollout: Rollout | None) -> Status:
        if rollout is None:
            raise RolloutError(f"{project}: was deleted while it was rolled out")
        status = self.driver.status(project)
        if rollout.phase == "dropped":
            served = f"version {status.current.version}" if status.current else "nothing"
            raise RolloutError(
                f"{project}: version {rollout.release.version} was dropped: {rollout.message}; {served} is served"
            )
        return status

    @property
    def _lease(self) -> Lease:
        return Lease(self.me, self.now)

    def _outlive(self, project: str, rollout: Rollout) -> None:
        """Wait until who drives it is taken for dead, as a box does that is tried again after a kill.

        Raises ConflictError as soon as that one gives a sign of life.
        """
        self.tell(f"{rollout.told} by {rollout.driver}: waiting whether that one lives")
        while self._lease.is_anothers(rollout):
            self.sleep(self.interval)
            there = self.driver.read(project).rollout
            if there is None or there.ended:
                return
            require_silence(rollout, there)

    def _require_patience(self, rollout: Rollout) -> None:
        bake = rollout.steps[rollout.step].bake_minutes * 60 if rollout.phase == "stepping" else 0.0
        if (self.now() - rollout.since).total_seconds() > bake + self.patience:
            raise RolloutError(
                f"{rollout.told} for {(bake + self.patience) / 60:.0f} minutes: {rollout.message}. It stays as"
                " it is: roll it out again to go on, promote it or roll it back"
            )
