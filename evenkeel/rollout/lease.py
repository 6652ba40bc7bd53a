"""Who drives a rollout: one process at a time, for as long as it gives signs of life in the journal."""

import datetime as dt
import os
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass

from evenkeel.errors import ConflictError
from evenkeel.rollout.journal import Rollout

LEASE_SECONDS = 120.0
"""Who was not seen for so long is taken for dead, and another may go on with the rollout."""


def myself() -> str:
    """Host, process and a random part: nobody else has ever driven under this name."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"


@dataclass(frozen=True)
class Lease:
    """What one process may take in hand."""

    me: str
    now: Callable[[], dt.datetime]

    def is_anothers(self, rollout: Rollout) -> bool:
        """Whether somebody else is at it, and not yet taken for dead."""
        if rollout.driver == self.me or rollout.seen is None:
            return False
        return (self.now() - rollout.seen).total_seconds() < LEASE_SECONDS

    def taken(self, rollout: Rollout) -> Rollout:
        """The rollout as who takes over sees it: what nobody watched meanwhile, neither bakes nor is late."""
        return rollout if rollout.driver == self.me else rollout.model_copy(update={"since": self.now()})

    def renewed(self, rollout: Rollout) -> Rollout:
        """The rollout with a sign of life of this process."""
        return rollout.model_copy(update={"driver": self.me, "seen": self.now()})


def require_silence(before: Rollout, there: Rollout) -> None:
    """Raise ConflictError where who drives it gave a sign of life since ``before`` was read."""
    if (there.driver, there.seen) != (before.driver, before.seen):
        raise ConflictError(
            f"{there.told} by {there.driver}, which lives: one process drives a rollout. Follow it with"
            f" `status`; `promote`, `rollback` and `hold` are obeyed there"
        )
