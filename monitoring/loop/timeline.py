"""What happened when, told while it happens."""

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """One line."""

    seconds: float
    who: str
    what: str


class Timeline:
    """Prints each event with the seconds since the start, and keeps it for the page."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self.events: list[Event] = []

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._start

    def say(self, who: str, what: str) -> None:
        """One event, now."""
        event = Event(self.seconds, who, what)
        self.events.append(event)
        print(f"{event.seconds:6.1f} s  {who:<12} {what}", flush=True)
