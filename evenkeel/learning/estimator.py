"""The estimator of a project: found by its import path and checked before anything is fitted."""

import importlib
import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from sklearn.base import BaseEstimator, is_classifier, is_regressor
from sklearn.utils import get_tags

from evenkeel.config.contract import ColumnType
from evenkeel.config.project import Project
from evenkeel.errors import ModelError
from evenkeel.learning.tree import TREES


@dataclass(frozen=True)
class Traits:
    """What an estimator wants of its matrix."""

    keep_missing: bool
    """It takes NaN."""
    standardise: bool
    sparse: bool
    """It takes a sparse matrix, and the project has texts."""


def build_estimator(project: Project, trial: Mapping[str, Any] | None = None) -> BaseEstimator:
    """A fresh estimator: ``model.params``, then a trial's parameters over them, then the seed where it has one.

    A parameter that is itself an estimator (of a calibration, a vote) is written like ``model``:
    ``{estimator: import.path, params: {...}}``. Raises ModelError naming what is wrong, and the nearest right name.
    """
    estimator = _make(project.model.estimator, project.model.params)
    path, known = project.model.estimator, estimator.get_params()
    _check_names(path, "model.search.space", {*project.model.search.space, *(trial or {})}, known)
    estimator.set_params(**(trial or {}))
    seeds = [name for name in known if name.split("__")[-1] == "random_state" and known[name] is None]
    estimator.set_params(**dict.fromkeys(seeds, project.model.seed))
    _check_task(estimator, project)
    return estimator


def traits(estimator: BaseEstimator, project: Project) -> Traits:
    """What an estimator says of itself (its scikit-learn tags)."""
    tags = get_tags(estimator).input_tags
    has_texts = any(column.type is ColumnType.TEXT for column in project.feature_columns.values())
    sparse = has_texts and tags.sparse
    return Traits(
        keep_missing=tags.allow_nan and not sparse,  # no estimator takes both
        standardise=not tags.positive_only and not isinstance(estimator, TREES),
        sparse=sparse,
    )


def import_estimator(path: str) -> type[BaseEstimator]:
    """The class at this import path. Raises ModelError where there is none, or it is no estimator."""
    module, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as exc:
        raise ModelError(f"model.estimator {path!r} cannot be imported: {exc}{_nearest_estimator(name)}") from exc
    if not (isinstance(found, type) and hasattr(found, "fit") and hasattr(found, "get_params")):
        raise ModelError(f"model.estimator {path!r} is not a scikit-learn estimator{_nearest_estimator(name)}")
    return found


def _make(path: str, params: Mapping[str, Any]) -> BaseEstimator:
    estimator = import_estimator(path)
    known = inspect.signature(estimator).parameters
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values()):
        _check_names(path, "model.params", params, known)
    try:
        return estimator(**{name: _made(value) for name, value in params.items()})
    except (TypeError, ValueError) as exc:
        raise ModelError(f"model.params: {path} cannot be built: {exc}") from exc


def _made(value: Any) -> Any:
    """A parameter's value, with the estimators in it built."""
    if isinstance(value, Mapping) and "estimator" in value and set(value) <= {"estimator", "params"}:
        return _make(value["estimator"], value.get("params", {}))
    if isinstance(value, list):
        return [_made(item) for item in value]
    return value


def _check_names(path: str, field: str, names: Iterable[str], known: Iterable[str]) -> None:
    for name in sorted(set(names) - set(known)):
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ModelError(f"{field}: {path} has no parameter {name!r}; {hint}known: {', '.join(sorted(known))}")


def _check_task(estimator: BaseEstimator, project: Project) -> None:
    path, task = project.model.estimator, project.target.task
    if task == "regression":
        if not is_regressor(estimator):
            raise ModelError(f"model.estimator: {path} is not a regressor, and target.task is regression")
    elif not is_classifier(estimator):
        raise ModelError(f"model.estimator: {path} is not a classifier, and target.task is {task}")
    elif not hasattr(estimator, "predict_proba"):
        raise ModelError(
            f"model.estimator: {path} gives no probabilities with these parameters; use a classifier that does, or"
            " wrap it: estimator: sklearn.calibration.CalibratedClassifierCV,"
            f" params: {{estimator: {{estimator: {path}}}}}"
        )


def _nearest_estimator(name: str) -> str:
    """The end of an error's sentence: the scikit-learn estimator whose name is nearest."""
    from sklearn.utils.discovery import all_estimators  # imports all of scikit-learn

    known = dict(all_estimators())
    near = get_close_matches(name, known, n=1)
    return f"; did you mean {_public_path(known[near[0]])}?" if near else ""


def _public_path(estimator: type) -> str:
    """``sklearn.ensemble.RandomForestClassifier``, not ``sklearn.ensemble._forest.RandomForestClassifier``."""
    public = []
    for part in estimator.__module__.split("."):
        if part.startswith("_"):
            break
        public.append(part)
    return ".".join([*public, estimator.__name__])
