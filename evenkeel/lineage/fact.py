"""What a story of lineage is made of."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Fact:
    """One thing that is known, or known to be unknown."""

    thing: str
    value: str | None
    """None: unknown."""
    note: str = ""
    """What more there is to say; of what is unknown: why, and what would tell."""
    link: str = ""
    """http(s)://..., where people see it."""


@dataclass(frozen=True)
class Section:
    """Facts about one side of it."""

    title: str
    facts: tuple[Fact, ...]
    otherwise: str = ""
    """What to say where there are none."""


@dataclass(frozen=True)
class Story:
    """Everything that was found."""

    about: str
    """What was asked about: a title."""
    lead: str
    """The one sentence that matters."""
    sections: tuple[Section, ...]


def section(title: str, facts: Iterable[Fact], otherwise: str = "") -> Section:
    """A section of these facts."""
    return Section(title, tuple(facts), otherwise)


def count(number: int, noun: str) -> str:
    """``1 version``, ``2 versions``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
