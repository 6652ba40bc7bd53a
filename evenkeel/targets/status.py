"""What a target says of itself."""

import datetime as dt
from dataclasses import dataclass
from typing import Protocol

from evenkeel.release import Release


@dataclass(frozen=True)
class Status:
    """What a target serves for one project, as read back from it."""

    project: str
    current: Release | None
    """Serves what the candidate does not; None: nothing is served."""
    candidate: Release | None = None
    """Being rolled out; None: nothing is."""
    traffic: int | None = 0
    """Percent of the requests that the candidate answers; None: not known, as until a router has taken it up."""
    ready: bool = False
    """Whether what is served can answer."""
    message: str = ""
    """Why it is not ready, or what is under way: one sentence for people."""


class Decided(Protocol):
    """One line of a target's history."""

    @property
    def action(self) -> str:
        """What was done with the release."""
        ...

    @property
    def release(self) -> Release:
        """What was released, or was not."""
        ...

    @property
    def at(self) -> dt.datetime:
        """When it was decided."""
        ...
