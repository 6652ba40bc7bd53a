import io
from pathlib import Path

import pytest

from pipelines.display import Display
from pipelines.local import Stage
from pipelines.warm import Failure


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def show(stream: io.StringIO, *, verbose: bool = False) -> str:
    display = Display(lambda stage: f"words about {stage.task}", verbose=verbose, stream=stream)
    good, cached, bad = (Stage(name, name, Path("log")) for name in ("pull", "split", "train"))
    good.cached = bad.cached = False
    bad.failure = Failure("ValueError", "x")
    for stage in (good, cached, bad):
        display.started(stage)
        display.wrote(stage, "a line of its log\n")
        stage.seconds = 1.25
        display.finished(stage)
    display.say("the end")
    return stream.getvalue()


def test_a_line_for_every_box_with_seconds_state_and_words() -> None:
    assert show(io.StringIO()).splitlines() == [
        "  pull            1.2 s  ok      words about pull",
        "  split           1.2 s  cached  words about split",
        "  train           1.2 s  failed",
        "the end",
    ]


def test_logs_are_shown_where_that_was_asked_for() -> None:
    assert "    pull a line of its log\n" in show(io.StringIO(), verbose=True)


def test_no_control_characters_outside_a_terminal() -> None:
    assert "\033" not in show(io.StringIO(), verbose=True)


def test_a_terminal_gets_colour_and_what_is_running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    told = show(Terminal())
    assert "\033[32mok" in told
    assert "pull ..." in told


@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colour_is_off_where_it_is_not_wanted(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(variable, value)
    assert "\033[3" not in show(Terminal())


def test_a_dumb_terminal_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert show(Terminal()) == show(io.StringIO())
