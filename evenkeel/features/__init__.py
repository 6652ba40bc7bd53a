"""Features that are computed: one function per module, the same one in training and in every server.

A module is code of the checkout and of the images, never of a bundle: a bundle says which one it was fitted with, and
its sha256 (``encoder.json``), and nothing here runs that differs from it. So a module that a model uses is not edited:
what is to be otherwise gets a new name, as ``household_v2``.

A module reads nothing but the columns it is given and imports nothing but numpy, so that its file is all of it.
"""

import inspect
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from evenkeel.cells import ARROW_TYPES
from evenkeel.config.contract import Column
from evenkeel.digest import file_sha256
from evenkeel.errors import EncodingError
from evenkeel.features import household_v1
from evenkeel.table import to_columns

Columns = Mapping[str, NDArray[Any]]
"""As ``evenkeel.table.to_columns`` makes them, each of shape (rows,)."""
Derive = Callable[[Columns], dict[str, NDArray[np.float64]]]
"""Feature columns -> numbers by name, each of shape (rows,); row by row, so that one row is as many."""

MODULES: Mapping[str, Derive] = {
    "household_v1": household_v1.derive,
}
"""``features.module`` -> its function."""


def derive(module: str, columns: Columns) -> dict[str, NDArray[np.float64]]:
    """The module's features of these columns, NaN where they are not finite. Raises EncodingError."""
    function = _find(module)
    try:
        with np.errstate(all="ignore"):
            made = function(columns)
    except KeyError as exc:
        raise EncodingError(f"features.module {module!r} reads column {exc}; given are {', '.join(columns)}") from exc
    except (TypeError, ValueError) as exc:
        raise EncodingError(f"features.module {module!r} cannot be computed of columns of these types: {exc}") from exc
    if twice := sorted(made.keys() & columns.keys()):
        raise EncodingError(
            f"features.module {module!r} makes {', '.join(map(repr, twice))}, which is a column already"
        )
    return {name: np.where(np.isfinite(values), values, np.nan) for name, values in made.items()}


def require_columns(module: str, columns: Mapping[str, Column]) -> None:
    """Compute it of a row with nothing in it, as servers do to warm up. Raises EncodingError where that fails."""
    nothing = pa.table({name: pa.nulls(1, ARROW_TYPES[column.type]) for name, column in columns.items()})
    derive(module, to_columns(nothing, columns))


def module_digest(module: str) -> str:
    """Hex sha256 of the module's file. Raises EncodingError where there is no such module."""
    return file_sha256(Path(inspect.getfile(_find(module))))


def require_module(module: str, digest: str) -> None:
    """Raises EncodingError where the module here is not the one with this digest."""
    here = module_digest(module)
    if here != digest:
        raise EncodingError(
            f"evenkeel/features/{module}.py is {here[:12]} here, the model was fitted with {digest[:12]}: use the image"
            " of that code version, or train again; give changed features a new name instead"
        )


def _find(module: str) -> Derive:
    if module not in MODULES:
        near = get_close_matches(module, MODULES, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise EncodingError(f"features.module {module!r} is not here; {hint}known: {', '.join(MODULES)}")
    return MODULES[module]
