"""What a target says of itself."""

from dataclasses import dataclass

from evenkeel.release import Release


@dataclass(frozen=True)
class Status:
    """What a target serves for one project, as read back from it."""

    project: str
    current: Release | None
    """Serves what the candidate does not; None: nothing is served."""
    candidate: Release | None = None
    """Being rolled out; None: nothing is."""
    traffic: int = 0
    """Percent of the requests that the candidate answers."""
    ready: bool = False
    """Whether what is served can answer."""
    message: str = ""
    """Why it is not ready, or what is under way: one sentence for people."""
