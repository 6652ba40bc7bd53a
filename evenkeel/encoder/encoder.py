"""A fitted encoder: what each column becomes, as data, and the one way it is carried out."""

from collections.abc import Mapping
from functools import cached_property
from itertools import chain
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from evenkeel.config.features import DatePart
from evenkeel.encoder.dates import date_part
from evenkeel.errors import EncodingError
from evenkeel.features import derive, require_module
from evenkeel.prediction import FloatArray
from evenkeel.text import SparseRows, Vocabulary

Columns = Mapping[str, NDArray[Any]]


class _Fitted(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str


class Number(_Fitted):
    """An integer or number column, or one part of a datetime column: ((value or fill) - center) / scale."""

    part: DatePart | None = None
    fill: float | None = None
    """What stands for a missing value; None: NaN goes through, to an estimator that takes it."""
    indicator: bool = False
    """Whether a cell of its own says that the value was missing."""
    center: float = 0.0
    scale: float = 1.0

    @property
    def name(self) -> str:
        """The cell's name."""
        return self.column if self.part is None else f"{self.column}:{self.part}"


class Category(_Fitted):
    """A category, boolean or string column.

    One-hot: a cell per value of ``values``, then the rare and the missing cell where there are such; a value without
    a cell is all zeros. Ordinal: one cell with the value's place in ``values``, -1 for what is missing or unknown.
    """

    values: tuple[str, ...]
    """Canonical texts."""
    ordinal: bool = False
    rare: bool = False
    """One-hot: whether values that are not listed share a cell."""
    missing: bool = False
    """One-hot: whether a missing value has a cell."""
    boolean: bool = False
    """Whether the column arrives as 0.0, 1.0 or NaN instead of text."""

    @property
    def cells(self) -> list[str]:
        """The cells' names."""
        if self.ordinal:
            return [self.column]
        listed = [f"{self.column}={value}" for value in self.values]
        return listed + [f"{self.column}=(rare)"] * self.rare + [f"{self.column}=(missing)"] * self.missing

    def lookup(self, first: int) -> tuple[dict[Any, int], int]:
        """Each value's code and that of any other, -1 for none.

        The code is a cell's position, counted from ``first``, or an ordinal place.
        """
        start = 0 if self.ordinal else first
        codes: dict[Any, int] = {value: start + i for i, value in enumerate(self.values)}
        end = start + len(self.values)
        other = end if self.rare else -1
        codes[None] = end + self.rare if self.missing else -1
        if self.boolean:  # NaN equals nothing, so the missing value is what is neither 0 nor 1
            return {0.0: codes.get("false", -1), 1.0: codes.get("true", -1)}, codes[None]
        return codes, other


class Module(BaseModel):
    """The module that some numbers were computed by (evenkeel.features)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    sha256: str
    """Of its file when the encoder was fitted."""


class Encoder(BaseModel):
    """Columns -> matrix. The cells stand in blocks: numbers | missing indicators | ordinals | one-hot | terms."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    numbers: tuple[Number, ...] = ()
    categories: tuple[Category, ...] = ()
    texts: tuple[Vocabulary, ...] = ()
    module: Module | None = None

    def to_json(self) -> str:
        """As JSON; floats are written so that they read back bit for bit."""
        return self.model_dump_json(indent=1, exclude={"module"} if self.module is None else None)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What ``to_json`` wrote. Raises EncodingError where it is something else, or its module is another here."""
        try:
            encoder = cls.model_validate_json(text)
        except ValidationError as exc:
            raise EncodingError(f"not an encoder this version can read: {exc}") from exc
        if encoder.module is not None:
            require_module(encoder.module.name, encoder.module.sha256)
        return encoder

    @property
    def whole_columns(self) -> bool:
        """Whether it reads columns as arrays only: ``evenkeel.encoder.row`` has no way for a single row."""
        return bool(self.texts) or self.module is not None

    @cached_property
    def feature_names(self) -> tuple[str, ...]:
        """One name per cell of a row, for people: ``age``, ``age missing``, ``town=Rome``, ``when:month``."""
        return (
            *(number.name for number in self.numbers),
            *(f"{number.column} missing" for number in self.numbers if number.indicator),
            *chain.from_iterable(category.cells for category in self._plan.ordinals),
            *chain.from_iterable(category.cells for category in self._plan.onehots),
            *(f"{text.column}~{term}" for text in self.texts for term in text.terms),
        )

    @property
    def width(self) -> int:
        """Cells in a row."""
        return self._plan.width

    @property
    def dense_width(self) -> int:
        """Cells in a row before the first term of a text."""
        return self._plan.dense_width

    def encode(self, columns: Columns, rows: int) -> FloatArray:
        """The matrix, dense, C-contiguous, of shape (rows, width).

        Takes columns as ``evenkeel.table.to_columns`` makes them, each of shape (rows,). Raises EncodingError
        naming the column that is absent or holds something else.
        """
        matrix = self._encode(columns, rows, self.width)
        if self.texts:
            row, position, weight = self.encode_terms(columns)
            matrix[row, self.dense_width + position] = weight
        return matrix

    def encode_dense(self, columns: Columns, rows: int) -> FloatArray:
        """The same without the terms of texts, of shape (rows, dense_width): ``encode_terms`` has those."""
        return self._encode(columns, rows, self.dense_width)

    def encode_terms(self, columns: Columns) -> SparseRows:
        """What ``encode_dense`` leaves out of columns with texts; positions count from the first term of the first.

        Text column by text column, so that each row has its terms by position, whatever rows are beside it.
        """
        parts = [text.weigh(self._read(columns, text.column).tolist()) for text in self.texts]
        if len(parts) == 1:
            return parts[0]
        rows, positions, weights = zip(*parts, strict=True)
        starts = zip(positions, self._plan.term_starts, strict=True)
        return np.concatenate(rows), np.concatenate([each + start for each, start in starts]), np.concatenate(weights)

    def _encode(self, columns: Columns, rows: int, width: int) -> FloatArray:
        buffer = np.zeros(rows * width + 1)  # the last cell takes what has no cell
        matrix = buffer[:-1].reshape(rows, width)
        if self.numbers:
            self._encode_numbers(columns, matrix)
        if self._plan.ordinals:
            first = self._plan.numbers_width
            matrix[:, first : self._plan.onehot_start] = self._codes(columns, self._plan.ordinal_codes).T
        if self._plan.onehots:
            codes = self._codes(columns, self._plan.onehot_codes)
            cells = codes + np.arange(0, rows * width, width)
            cells[codes < 0] = -1
            buffer[cells.ravel()] = 1.0
        return matrix

    def _encode_numbers(self, columns: Columns, matrix: FloatArray) -> None:
        plan, count = self._plan, len(self.numbers)
        if self.module is not None:
            columns = {**columns, **derive(self.module.name, columns)}
        try:
            block = np.array([self._number(columns, number) for number in self.numbers], np.float64)
        except (TypeError, ValueError) as exc:
            raise EncodingError(f"columns {_listed(self.numbers)} must be numbers, one a row: {exc}") from exc
        missing = np.isnan(block)
        if missing.any():
            block = np.where(missing, plan.fill, block)
            matrix[:, count : plan.numbers_width] = missing[plan.indicators].T
        matrix[:, :count] = ((block - plan.center) / plan.scale if plan.scaled else block).T

    def _number(self, columns: Columns, number: Number) -> NDArray[Any]:
        values = self._read(columns, number.column)
        return values if number.part is None else date_part(values, number.part)

    def _codes(self, columns: Columns, tables: list[tuple[str, dict[Any, int], int]]) -> NDArray[np.int64]:
        """Shape (columns, rows)."""
        read = self._read
        found = [[codes.get(cell, other) for cell in read(columns, name).tolist()] for name, codes, other in tables]
        return np.array(found, np.int64)

    @staticmethod
    def _read(columns: Columns, name: str) -> NDArray[Any]:
        try:
            return columns[name]
        except KeyError:
            raise EncodingError(f"column {name!r} is absent; given are {', '.join(columns) or 'none'}") from None

    @cached_property
    def _plan(self) -> "_Plan":
        return _Plan(self)


class _Plan:
    """Where each cell is, worked out once."""

    def __init__(self, encoder: Encoder) -> None:
        numbers = encoder.numbers
        self.indicators = np.array([i for i, number in enumerate(numbers) if number.indicator], np.int64)
        self.fill = np.array([[np.nan if number.fill is None else number.fill] for number in numbers])
        self.center = np.array([[number.center] for number in numbers])
        self.scale = np.array([[number.scale] for number in numbers])
        self.scaled = any(number.center != 0 or number.scale != 1 for number in numbers)
        self.numbers_width = len(numbers) + len(self.indicators)
        self.ordinals = [category for category in encoder.categories if category.ordinal]
        self.onehots = [category for category in encoder.categories if not category.ordinal]
        self.ordinal_codes = [(category.column, *category.lookup(0)) for category in self.ordinals]
        self.onehot_start = self.numbers_width + len(self.ordinals)
        self.onehot_codes = []
        place = self.onehot_start
        for category in self.onehots:
            self.onehot_codes.append((category.column, *category.lookup(place)))
            place += len(category.cells)
        self.dense_width = place
        sizes = [len(text.terms) for text in encoder.texts]
        self.term_starts = np.cumsum([0, *sizes])[:-1].tolist()
        self.width = place + sum(sizes)


def _listed(numbers: tuple[Number, ...]) -> str:
    return ", ".join(dict.fromkeys(number.column for number in numbers))
