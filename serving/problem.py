"""What is wrong with a request, said so that its sender can repair it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evenkeel.errors import RequestError

_SHOWN = 100
"""Characters of a value that are echoed."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One rule of the contract that one value, column or row breaks."""

    rule: str
    message: str
    column: str | None = None
    row: int | None = None
    value: Any = None
    allowed: Any = None
    nearest: str | None = None

    def body(self) -> dict[str, Any]:
        """As it stands in an answer: what does not apply is left out."""
        fields = ("row", "column", "rule", "message", "value", "allowed", "nearest")
        return {name: value for name in fields if (value := getattr(self, name)) is not None}


class RefusedError(RequestError):
    """A request that gets a 4xx, or a 503 where the server has too much to do; every problem of it at once."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        problems: Sequence[Problem] = (),
        *,
        more: int = 0,
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.problems = tuple(problems)
        self.more = more
        """Problems beyond the limit, not listed."""
        self.headers = tuple(headers)

    def body(self) -> dict[str, Any]:
        """The error body of the answer."""
        error: dict[str, Any] = {"code": self.code, "message": str(self)}
        if self.problems:
            error["problems"] = [problem.body() for problem in self.problems]
        if self.more:
            error["more_problems"] = self.more
        return {"error": error}


def shown(value: Any) -> Any:
    """A value as it may be echoed: scalars, long texts cut, containers by their kind only."""
    if isinstance(value, str):
        return value if len(value) <= _SHOWN else value[:_SHOWN] + "..."
    if value is None or isinstance(value, bool | int | float):
        return value
    return kind(value)


def kind(value: Any) -> str:
    """What a JSON value is, in JSON's words."""
    names = {
        bool: "a boolean",
        int: "an integer",
        float: "a number",
        str: "a string",
        list: "an array",
        dict: "an object",
    }
    return "null" if value is None else names.get(type(value), type(value).__name__)
