"""What people see while a run goes on: one line a box, and what is running now."""

import os
import sys
import threading
from collections.abc import Callable
from typing import TextIO

from pipelines.local import Stage

Words = Callable[[Stage], str]
"""A few words about a box that ended well."""

_GREEN, _RED, _DIM, _PLAIN = "\033[32m", "\033[31m", "\033[2m", "\033[0m"


class Display:
    """A Watcher that writes lines; on a terminal in colour and with a last line that says what is running."""

    def __init__(self, words: Words, *, verbose: bool = False, stream: TextIO | None = None) -> None:
        self._words, self._verbose = words, verbose
        self._stream = stream or sys.stdout
        self._moving = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._colour = self._moving and not os.environ.get("NO_COLOR")
        self._running: list[str] = []
        self._lock = threading.Lock()

    def started(self, stage: Stage) -> None:
        """Say that it runs."""
        with self._lock:
            self._running.append(stage.name)
            self._write()

    def finished(self, stage: Stage) -> None:
        """Its line."""
        with self._lock:
            self._running.remove(stage.name)
            self._write(self._line(stage))

    def wrote(self, stage: Stage, text: str) -> None:
        """Its log, where that was asked for."""
        if self._verbose:
            with self._lock:
                self._write(f"    {self._paint(_DIM, stage.name)} {text.rstrip()}")

    def say(self, text: str) -> None:
        """A line of its own."""
        with self._lock:
            self._write(text)

    def _line(self, stage: Stage) -> str:
        state, colour = ("failed", _RED) if stage.failure else ("cached", _DIM) if stage.cached else ("ok", _GREEN)
        words = "" if stage.failure else self._words(stage)
        return f"  {stage.name:<13}{stage.seconds:6.1f} s  {self._paint(colour, f'{state:<7}')} {words}".rstrip()

    def _write(self, text: str | None = None) -> None:
        if self._moving:
            self._stream.write("\r\033[K")
        if text is not None:
            self._stream.write(text + "\n")
        if self._moving and self._running:
            self._stream.write(self._paint(_DIM, f"  {', '.join(self._running)} ..."))
        self._stream.flush()

    def _paint(self, colour: str, text: str) -> str:
        return f"{colour}{text}{_PLAIN}" if self._colour else text
