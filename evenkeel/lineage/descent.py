"""Which data version grew out of which: a record beside the data, ``<remote>/descent/<version>.json``.

A retraining adds labelled predictions to the version that the released model was trained on, so whatever was in the
parent is in the child, but for what the project's rules (window, cap, balance) leave out.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from evenkeel.errors import DataError
from evenkeel.storage import list_below, read_bytes, write_bytes

FOLDER = "descent"


class Descent(BaseModel):
    """One step."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["evenkeel.descent/v1"] = "evenkeel.descent/v1"
    project: str
    version: str
    parent: str
    added: int
    """Labelled predictions that the parent does not have."""
    at: dt.datetime


def record_descent(remote: str, descent: Descent) -> None:
    """Keep it, in the place of what was recorded of this version before. Raises StorageError."""
    write_bytes(f"{_folder(remote)}/{descent.version}.json", descent.model_dump_json(indent=1).encode() + b"\n")


def read_descents(remote: str) -> dict[str, Descent]:
    """Every recorded step, by the child's version. Raises StorageError, DataError for one that cannot be read."""
    folder = _folder(remote)
    return {each.version: each for each in (_read(f"{folder}/{name}") for name in list_below(folder))}


def descendants(version: str, descents: Mapping[str, Descent]) -> dict[str, list[str]]:
    """Every version that grew out of this one -> the way to it, from its parent back to this version."""
    found: dict[str, list[str]] = {}
    for child in descents:
        way, at = [], child
        while at in descents and at not in way:
            way.append(at)
            at = descents[at].parent
        if at == version:
            found[child] = [*way[1:], at]
    return found


def _folder(remote: str) -> str:
    return f"{remote.rstrip('/')}/{FOLDER}"


def _read(uri: str) -> Descent:
    try:
        return Descent.model_validate_json(read_bytes(uri))
    except ValidationError as exc:
        raise DataError(f"{uri}: is no record of a data version's descent: {exc.errors()[0]['msg']}") from exc
