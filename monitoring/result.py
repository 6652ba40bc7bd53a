"""What one check of one window found: the record that metrics, alarms, reports and the governor read.

"Not known yet" is None or a state, never a zero. Written once a window as JSON below
``<home>/monitoring/<project>/windows/<version>/``, and re-written while labels still arrive.
"""

import datetime as dt
from typing import Literal

from pydantic import BaseModel, ConfigDict

Alarm = Literal[
    "input_shift", "prediction_shift", "label_shift", "performance_drop", "data_quality", "labels_late", "staleness"
]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ColumnResult(_Frozen):
    """One column of one window against the reference."""

    score: float | None
    """Debiased population stability index; None where it cannot be told."""
    threshold: float
    """Effect from which the score matters."""
    method: str
    """How the threshold came about: fixed, calibrated or project."""
    p_value: float | None
    distance: float | None
    """Wasserstein in the reference's standard deviations (numbers), Jensen-Shannon (categories)."""
    moved: bool
    """Believed to be more than chance, and large enough to matter."""
    missing_share: float
    reference_missing_share: float
    unseen_share: float = 0.0
    """Share of values (text: of words) that training never saw, beyond training's own share of rare ones."""
    violations: int = 0
    """Values that broke the contract and were let in with a warning."""


class Performance(_Frozen):
    """Live performance of one window, as far as labels allow."""

    state: Literal["unknown", "immature", "mature"]
    """unknown: no label yet; immature: fewer than the project's coverage; mature: judged."""
    metric: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    baseline: float
    """The metric at registration."""
    dropped: bool = False
    """Mature, and the whole interval is worse than the baseline by more than the project allows."""
    estimated: float | None = None
    """Without labels, where the model's probabilities can be believed (CBPE): an estimate, never a trigger."""
    labels: int = 0
    coverage: float = 0.0
    """Share of the window's predictions that have a label."""
    label_delay_seconds: float | None = None
    """Median from prediction to label."""


class Raised(_Frozen):
    """An alarm of a window, with what a person needs at 3 a.m."""

    alarm: Alarm
    since: dt.datetime
    """End of the first of the windows in a row that agree."""
    detail: str
    columns: tuple[str, ...] = ()


class WindowResult(_Frozen):
    """One window of one model version."""

    format: Literal["evenkeel.window/v1"] = "evenkeel.window/v1"
    project: str
    version: str
    """Model version."""
    digest: str
    """The bundle's digest."""
    start: dt.datetime
    end: dt.datetime
    rows: int
    features: dict[str, ColumnResult]
    prediction: ColumnResult
    label: ColumnResult | None = None
    """None while there are too few labels to tell."""
    performance: Performance
    suspicions: tuple[Alarm, ...] = ()
    """What this window alone would say."""
    alarms: tuple[Raised, ...] = ()
    """What it says together with the windows before it."""
    report: str | None = None
    """Path or URL of the HTML report."""
    checked_at: dt.datetime
    seconds: float
    """How long the check took."""

    @property
    def moved(self) -> tuple[str, ...]:
        """The features that moved, the farthest first."""
        found = [(result.score or 0.0, name) for name, result in self.features.items() if result.moved]
        return tuple(name for _, name in sorted(found, reverse=True))
