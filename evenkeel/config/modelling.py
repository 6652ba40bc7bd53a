"""Data, target, split, model: what is learnt from what."""

import datetime as dt
from typing import Any, Literal, Self

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator

from evenkeel.config.section import Section

Scalar = StrictBool | StrictInt | StrictFloat | StrictStr


class Data(Section):
    """Where the data is, and which columns say who and when."""

    path: str
    """File (CSV or Parquet) or folder of such files, below the repository."""
    pointer: str | None = None
    """Its DVC pointer; absent: the path with .dvc behind it."""
    version: str | None = Field(default=None, pattern=r"^[0-9a-f]{32}(\.dir)?$")
    """Train on exactly this data version (DVC's md5 id) instead of the pointer's."""
    id: str | None = None
    """Column that names a row (or its subject): rows with one id stay on one side of the split."""
    time: str | None = None
    """Column that says when a row happened."""
    missing: tuple[str, ...] = ("", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "-", "?")
    """How a CSV spells a missing value."""
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    """What separates the values of a CSV."""

    @property
    def pointer_path(self) -> str:
        """The pointer's path, given or derived."""
        return self.pointer or self.path + ".dvc"

    @model_validator(mode="after")
    def _inside_the_repository(self) -> Self:
        for field in ("path", "pointer"):
            value = getattr(self, field)
            if value is not None and (value.startswith(("/", "~", "..")) or "://" in value or ":\\" in value):
                raise ValueError(
                    f"{field} {value!r} must be a path below the repository, not a machine's path or a URL"
                )
        return self


class Target(Section):
    """What is predicted."""

    column: str
    task: Literal["binary", "multiclass", "regression"]
    positive: StrictBool | StrictInt | StrictStr | None = None
    """Binary: the class that probabilities and the threshold are about. Needed for binary."""

    @model_validator(mode="after")
    def _positive_fits_the_task(self) -> Self:
        if self.task == "binary" and self.positive is None:
            raise ValueError("a binary task needs 'positive', the class that probabilities are about")
        if self.task != "binary" and self.positive is not None:
            raise ValueError(f"'positive' is for binary tasks, this one is {self.task}")
        return self


class Leaks(Section):
    """Checks between the sides of the split, and between features and target."""

    single_feature: float = Field(default=0.98, gt=0.5, le=1)
    """A feature that alone reaches this score (AUC for classes, |Spearman's rho| for regression) is a leak."""
    on_single_feature: Literal["error", "warn"] = "error"
    allow: tuple[str, ...] = ()
    """Columns known to predict almost perfectly and yet known before the answer."""


class Split(Section):
    """Train and frozen evaluation rows."""

    by: Literal["hash", "time"] = "hash"
    """hash: a row's side is a function of its identity alone; time: rows from ``cutoff`` on are the evaluation set."""
    evaluation: float = Field(default=0.2, gt=0, lt=0.9)
    """Share of identities in the evaluation set (hash)."""
    cutoff: dt.datetime | None = None
    """First moment of the evaluation set (time). Fixed, so that a row never changes side."""
    group: str | None = None
    """Column whose equal values stay on one side (a household, a site)."""
    salt: str = "evenkeel"
    """Change it to draw another evaluation set; all earlier comparisons end there."""
    leaks: Leaks = Leaks()

    @model_validator(mode="after")
    def _cutoff_fits(self) -> Self:
        if (self.by == "time") != (self.cutoff is not None):
            raise ValueError("'cutoff' and 'by: time' go together: give both or neither")
        return self


class Space(Section):
    """The values a search may give one parameter: a range, or a list of choices."""

    low: float | None = None
    high: float | None = None
    log: bool = False
    """Sample by magnitude instead of evenly."""
    whole: bool = False
    """Whole numbers only; both ends included."""
    choices: tuple[Scalar | None, ...] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _range_or_choices(self) -> Self:
        if self.choices is not None:
            if self.low is not None or self.high is not None:
                raise ValueError("give low and high, or choices, not both")
        elif self.low is None or self.high is None or self.low >= self.high:
            raise ValueError("give low and high (low below high), or choices")
        elif self.log and self.low <= 0:
            raise ValueError("a log range must start above 0")
        return self


class Search(Section):
    """Hyper-parameter search by Optuna over cross-validation inside the training rows."""

    trials: int = Field(default=8, ge=1)
    """Trials in all; the first is ``model.params`` as given. 1: no search."""
    workers: int = Field(default=2, ge=1, le=64)
    """Parallel searches: pods on a cluster, processes on a laptop. Each has its deterministic share of the trials."""
    folds: int = Field(default=3, ge=2, le=20)
    metric: str | None = None
    """What is optimised; absent: the gate's metric."""
    max_rows: int = Field(default=50_000, ge=100)
    """Search on at most this many training rows, a seeded sample; the final fit sees all."""
    space: dict[str, Space] = {}
    """Parameter name -> {low, high, log, whole} or {choices}."""


class Model(Section):
    """The estimator: any scikit-learn-compatible class by import path."""

    estimator: str = Field(pattern=r"^[A-Za-z_][\w]*(\.[A-Za-z_][\w]*)+$")
    params: dict[str, Any] = {}
    search: Search = Search()
    seed: int = Field(default=0, ge=0)
    threshold: Literal["f1", "youden", "none"] | float = "f1"
    """Binary: what the label threshold maximises on out-of-fold predictions, or a fixed number; none: 0.5."""
    interval: float = Field(default=0.9, gt=0, lt=1)
    """Regression: coverage of the prediction interval (split conformal on out-of-fold residuals)."""
    portable: Literal["onnx", "skops"] = "onnx"
    """onnx: what servers load; skops: where ONNX cannot hold it (the server needs scikit-learn then)."""
