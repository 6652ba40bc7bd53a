"""One line on how far the work is: rewritten on a terminal, now and then a new one in a log."""

import sys
import time
from dataclasses import dataclass, field
from typing import TextIO

_LOG_SECONDS = 10.0
_TERMINAL_SECONDS = 0.2


@dataclass
class Progress:
    """Rows done so far. ``resumed`` of them were finished by a run before."""

    answered: int = 0
    refused: int = 0
    resumed: int = 0
    out: TextIO = field(default_factory=lambda: sys.stderr)
    _started: float = field(default_factory=time.monotonic)
    _told: float = field(default_factory=time.monotonic)

    @property
    def rows(self) -> int:
        """Rows done."""
        return self.answered + self.refused

    def add(self, answered: int, refused: int, *, resumed: bool) -> None:
        """One more part."""
        self.answered += answered
        self.refused += refused
        self.resumed += (answered + refused) * resumed
        pause = _TERMINAL_SECONDS if self.out.isatty() else _LOG_SECONDS
        if (now := time.monotonic()) - self._told >= pause:
            self._told = now
            self._tell("\r" if self.out.isatty() else "\n")

    def end(self) -> None:
        """The last line."""
        self._tell("\n")

    def _tell(self, end: str) -> None:
        speed = (self.rows - self.resumed) / max(1e-9, time.monotonic() - self._started)
        before = f", {self.resumed:,} of them by a run before" if self.resumed else ""
        line = f"score: {self.rows:,} rows{before}: {self.answered:,} answered, {self.refused:,} refused"
        print(f"{line}; {speed:,.0f} rows/s", end=end, file=self.out, flush=True)
