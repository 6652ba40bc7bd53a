"""The contract: the columns a project's data has, and what is allowed in them.

The same object guards training data, prediction requests and the ledger.
"""

import re
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, StrictInt, StrictStr, model_validator

from evenkeel.config.section import Section


class ColumnType(StrEnum):
    """What a column's values are."""

    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    CATEGORY = "category"
    """One of few values; ``categories`` lists them."""
    TEXT = "text"
    """Free text, a feature by its words."""
    STRING = "string"
    """Ids, names, codes: checked, never a feature unless ``features.columns`` says so."""
    DATETIME = "datetime"


Category = StrictStr | StrictInt | StrictBool
Share = Annotated[float, Field(ge=0, le=1)]

_NUMERIC = {ColumnType.INTEGER, ColumnType.NUMBER}
_WORDS = {ColumnType.TEXT, ColumnType.STRING}


class Column(Section):
    """One column of the contract."""

    type: ColumnType
    """integer, number, boolean, category, text, string or datetime."""
    description: str = ""
    """What it means, for people: shown on the model's card and in the API pages."""
    nullable: bool = False
    """Whether a value may be missing."""
    min: float | None = None
    """Smallest value allowed (integer, number)."""
    max: float | None = None
    """Largest value allowed (integer, number)."""
    categories: tuple[Category, ...] | None = None
    """The values allowed (category)."""
    regex: str | None = None
    """What the whole value must match (string, text)."""
    max_length: int | None = Field(default=None, ge=1)
    """Longest value allowed, in characters (string, text)."""
    unique: bool = False
    """Whether no two rows of a table may share a value."""
    format: str | None = None
    """How a datetime is written, as for strptime; ISO 8601 where absent."""
    severity: Literal["error", "warn"] = "error"
    """error: rows that break a rule fail the run (or go to quarantine); warn: they are counted."""
    mostly: Share = 1.0
    """Share of rows that must keep each rule of this column for it to hold."""
    on_request: Literal["reject", "warn", "impute"] = "reject"
    """What the server does with a value that breaks a rule: refuse it, answer with a warning,
    or treat it as missing, as in training."""
    sensitive: Literal["no", "hash", "drop"] = "no"
    """How the ledger and reports hold it: as it is, hashed, or not at all."""

    @model_validator(mode="after")
    def _rules_fit_the_type(self) -> Self:
        self._only("min", _NUMERIC)
        self._only("max", _NUMERIC)
        self._only("categories", {ColumnType.CATEGORY})
        self._only("regex", _WORDS)
        self._only("max_length", _WORDS)
        self._only("format", {ColumnType.DATETIME})
        if self.type is ColumnType.CATEGORY and not self.categories:
            raise ValueError("a category column needs 'categories', the list of its values")
        if self.categories and len({str(value) for value in self.categories}) < len(self.categories):
            raise ValueError("'categories' lists a value twice")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        if self.regex is not None:
            try:
                re.compile(self.regex)
            except re.error as exc:
                raise ValueError(f"regex {self.regex!r} does not compile: {exc}") from exc
        return self

    def _only(self, rule: str, types: set[ColumnType]) -> None:
        if getattr(self, rule) is not None and self.type not in types:
            allowed = ", ".join(sorted(types))
            raise ValueError(f"'{rule}' is for {allowed} columns, this one is {self.type}")


class Contract(Section):
    """All columns, and the rules for the table as a whole."""

    columns: dict[str, Column] = Field(min_length=1)
    """The columns by name, the target among them."""
    min_rows: int = Field(default=30, ge=1)
    """Fewest rows a table may have to train on."""
    extra_columns: Literal["ignore", "warn", "error"] = "warn"
    """What columns that the contract does not name are in a table. In a request they are refused."""
    quarantine: Share = 0.0
    """Share of rows that may break an error rule and be set aside, with reasons, instead of failing the run."""
