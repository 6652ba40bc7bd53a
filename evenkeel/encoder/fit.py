"""Fitting an encoder: what each feature column becomes, learnt from the training rows alone."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenkeel.config.contract import Column, ColumnType
from evenkeel.config.features import CategoryFeatures, ColumnFeatures, NumericFeatures
from evenkeel.config.project import Project
from evenkeel.encoder.dates import date_part
from evenkeel.encoder.encoder import Category, Columns, Encoder, Module, Number
from evenkeel.features import derive, module_digest
from evenkeel.prediction import FloatArray
from evenkeel.table import label_text
from evenkeel.text import fit_vocabulary


def fit_encoder(
    columns: Columns, project: Project, *, keep_missing: bool = False, standardise: bool = False
) -> Encoder:
    """The encoder of a project's feature columns, fitted on these rows (as ``to_columns`` makes them).

    ``keep_missing`` and ``standardise`` are what ``impute: auto`` and ``scale: auto`` mean for the estimator at hand
    (see ``evenkeel.learning.fit_encoder_for``). Raises EncodingError where a text column has no term, or
    ``features.module`` cannot compute.
    """
    features = project.features
    numbers: list[Number] = []
    categories: list[Category] = []
    texts = []
    for name, column in project.feature_columns.items():
        own = features.overrides.get(name, ColumnFeatures())
        numeric = _resolved(own.numeric or features.numeric, keep_missing=keep_missing, standardise=standardise)
        match column.type:
            case ColumnType.INTEGER | ColumnType.NUMBER:
                numbers.append(_fit_number(Number(column=name), columns[name], numeric))
            case ColumnType.DATETIME:
                parts = (own.date or features.date).parts
                numbers += _fit_dates(name, columns[name], parts, numeric)
            case ColumnType.TEXT:
                texts.append(fit_vocabulary(name, columns[name], own.text or features.text))
            case _:
                categories.append(_fit_category(name, column, columns[name], own.category or features.category))
    module = None
    if features.module is not None:
        module = Module(name=features.module, sha256=module_digest(features.module))
        numeric = _resolved(features.numeric, keep_missing=keep_missing, standardise=standardise)
        computed = derive(features.module, columns)
        numbers += [_fit_number(Number(column=name), values, numeric) for name, values in computed.items()]
    return Encoder(numbers=tuple(numbers), categories=tuple(categories), texts=tuple(texts), module=module)


def _resolved(settings: NumericFeatures, *, keep_missing: bool, standardise: bool) -> NumericFeatures:
    """The settings with nothing left on auto."""
    impute = ("none" if keep_missing else "median") if settings.impute == "auto" else settings.impute
    scale = ("standard" if standardise else "none") if settings.scale == "auto" else settings.scale
    return settings.model_copy(update={"impute": impute, "scale": scale})


def _fit_dates(name: str, moments: NDArray[Any], parts: tuple[Any, ...], settings: NumericFeatures) -> Iterator[Number]:
    """One number per part; the first says for all of them that the moment was missing."""
    for part in parts:
        yield _fit_number(Number(column=name, part=part), date_part(moments, part), settings)
        settings = settings.model_copy(update={"indicator": False})


def _fit_number(number: Number, values: FloatArray, settings: NumericFeatures) -> Number:
    known = values[~np.isnan(values)]
    fill = _fill(known, settings.impute)
    center, scale = 0.0, 1.0
    if settings.scale == "standard":
        seen = known if fill is None else np.concatenate([known, np.full(len(values) - len(known), fill)])
        center, scale = _center_and_scale(seen)
    indicator = settings.indicator and fill is not None and len(known) < len(values)
    return number.model_copy(update={"fill": fill, "indicator": indicator, "center": center, "scale": scale})


def _fill(known: FloatArray, impute: str) -> float | None:
    match impute:
        case "none":
            return None
        case "median" if len(known):
            return float(np.median(known))
        case "mean" if len(known):
            return float(np.mean(known))
        case _:
            return 0.0


def _center_and_scale(seen: FloatArray) -> tuple[float, float]:
    """Mean and standard deviation (of the population, as StandardScaler's); a constant is only centred."""
    if not len(seen):
        return 0.0, 1.0
    return float(np.mean(seen)), float(np.std(seen)) if np.ptp(seen) > 0 else 1.0


def _fit_category(name: str, column: Column, values: NDArray[Any], settings: CategoryFeatures) -> Category:
    if column.type is ColumnType.BOOLEAN:
        return _fit_boolean(name, values, settings)
    counts: Counter[Any] = Counter(values.tolist())
    missing = counts.pop(None, 0) > 0
    order = sorted(counts) if column.categories is None else [label_text(value) for value in column.categories]
    if settings.encode == "ordinal":
        return Category(column=name, values=tuple(order), ordinal=True)
    frequent = {value for value in counts if counts[value] >= settings.min_count}
    if len(frequent) + (len(frequent) < len(counts)) > settings.max_categories:
        by_count = sorted(frequent, key=lambda value: (-counts[value], value))
        frequent = set(by_count[: settings.max_categories - 1])
    kept = tuple(value for value in order if value in frequent)
    return Category(column=name, values=kept, rare=len(kept) < len(counts), missing=missing)


def _fit_boolean(name: str, values: NDArray[Any], settings: CategoryFeatures) -> Category:
    """One cell for true: one for false would say the same again."""
    if settings.encode == "ordinal":
        return Category(column=name, values=("false", "true"), ordinal=True, boolean=True)
    return Category(column=name, values=("true",), missing=bool(np.isnan(values).any()), boolean=True)
