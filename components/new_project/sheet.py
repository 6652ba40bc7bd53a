"""A project file in the making: settings, the reasons that stand above them, and the same for a table."""

from typing import Any

from components.new_project.guess import Guess
from components.new_project.write import Place, to_yaml
from evenkeel.config import Project

COLUMN = "column "
"""How rows about columns begin in the table for people."""

_INLINE = frozenset[Place]({("contract", "columns"), ("model", "search", "space")})
_HEAD = """\
# yaml-language-server: $schema=schema.json
#
# Written by make new-project from the data itself. Every line is a guess with its reason above it, yours to change;
# what is not here (serving, monitoring, retraining, ...) has a default: an editor that reads the schema shows them.

"""


class Sheet:
    """Settings by their place in the file, in the order in which they were put."""

    def __init__(self) -> None:
        self._content: dict[str, Any] = {}
        self._comments: dict[Place, str] = {}
        self.rows: list[tuple[str, str, str]] = []
        """(what, guess, why), for people."""

    def put(self, place: Place, value: Any, why: str = "") -> None:
        """Set the value at this place, its reason above it."""
        section = self._content
        for part in place[:-1]:
            section = section.setdefault(part, {})
        section[place[-1]] = value
        if why:
            self._comments[place] = why

    def tell(self, what: str, guess: Guess[Any]) -> None:
        """A row of the table for people."""
        self.rows.append((what, "none" if guess.value in (None, [], {}) else str(guess.value), guess.why))

    @property
    def project(self) -> Project:
        """The project that the file describes."""
        return Project.model_validate(self._content)

    @property
    def text(self) -> str:
        """The file."""
        return _HEAD + to_yaml(self._content, self._comments, _INLINE)
