"""What a caller sends: the features; where this server looks some of them up, their keys in their stead."""

import datetime as dt
from functools import lru_cache
from typing import Any

from evenkeel.bundle import EVALUATION
from evenkeel.config import Column
from evenkeel.table import label_text, read_table
from serving.model import Model

_NAMED = 3
"""Features that a key's description names."""


def input_columns(model: Model) -> dict[str, Column]:
    """The columns to ask callers for, in the contract's order. Features that are looked up may still be sent."""
    features, keys = model.project.feature_columns, key_columns(model)
    absent = looked_up(model)
    return {
        name: keys.get(name, column)
        for name, column in model.project.contract.columns.items()
        if name in keys or (name in features and name not in absent)
    }


def looked_up(model: Model) -> tuple[str, ...]:
    """The features that this server looks up where a row lacks them."""
    feast = model.project.features.feast
    if feast is None or not model.door.waits:
        return ()
    return tuple(name for name in model.door.features if name in feast.columns)


def key_columns(model: Model) -> dict[str, Column]:
    """The columns by which it does: needed whatever the contract says, and described."""
    feast, names = model.project.features.feast, looked_up(model)
    if feast is None or not names:
        return {}
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    told = f"{', '.join(names[:_NAMED])}{more} are looked up by it"
    return {
        name: column.model_copy(
            update={"nullable": False, "description": "; ".join(filter(None, (column.description, told)))}
        )
        for name, column in model.project.contract.columns.items()
        if name in feast.entities.values()
    }


@lru_cache(maxsize=2)
def example_keys(model: Model) -> dict[str, Any]:
    """Keys that a store should know: of one of the model's evaluation rows. None where one of them is sensitive."""
    keys = key_columns(model)
    if not keys or any(column.sensitive != "no" for column in keys.values()):
        return {}
    known = read_table(model.bundle.folder / EVALUATION).select(list(keys)).drop_null()
    return {name: _as_sent(cell, keys[name]) for row in known.slice(0, 1).to_pylist() for name, cell in row.items()}


def _as_sent(cell: Any, column: Column) -> Any:
    if column.categories is not None:
        return next(choice for choice in column.categories if label_text(choice) == cell)
    return cell.isoformat() if isinstance(cell, dt.datetime) else cell
