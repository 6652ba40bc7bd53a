"""What a candidate must prove before it may be champion."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from evenkeel.config.behaviour import Behaviour
from evenkeel.config.section import Section

Unit = Annotated[float, Field(gt=0, lt=1)]

MIN_SHUFFLES = 8
"""Fewer shuffled models may all lean the same way by chance."""


class Slice(Section):
    """A part of the evaluation rows that is looked at on its own."""

    column: str
    bins: tuple[float, ...] = ()
    """Edges between bins (numbers); absent: each category, or quartiles of the evaluation rows."""


class ChampionGate(Section):
    """The candidate against the champion, on the same frozen rows."""

    margin: float = Field(default=0.01, ge=0)
    """How much worse in the gate's metric (in its units) a candidate may be. At 0 a model retrained on newer data
    must be surely better, for an equally good one cannot be told from one that is slightly worse."""
    confidence: Unit = 0.95
    """How sure the paired bootstrap must be that it is not worse than that, in any of the metrics (Holm)."""
    also: dict[str, Annotated[float, Field(ge=0)]] = {}
    """More metrics in which it must not be worse -> by how much it may be (in the metric's units)."""


class SliceGate(Section):
    """No part may be left behind."""

    floor: float | None = None
    """Worst value of the gate's metric that any slice may have (an error metric: highest)."""
    min_rows: int = Field(default=100, ge=1)
    """Slices with fewer rows are reported, not judged."""


class GapGate(Section):
    """No part may be far better off than another."""

    column: str
    """A column of ``slices``, with the parts it has there; ``gates.slices.min_rows`` holds here too."""
    metric: str | None = None
    """What is compared between its parts; absent: the gate's metric. recall: equal opportunity."""
    most: float = Field(gt=0)
    """Largest gap between any two parts, in the metric's units, that may not be exceeded with ``confidence``."""


class CanaryGate(Section):
    """A model that learnt from shuffled answers must know nothing."""

    shuffles: int = Field(default=10, ge=0, le=100)
    """Models fitted; 0: no canary."""
    rows: int = Field(default=1000, ge=100)
    """Evaluation rows used: on half of them is fitted, on the other half judged."""

    @model_validator(mode="after")
    def _none_or_enough(self) -> Self:
        if 0 < self.shuffles < MIN_SHUFFLES:
            raise ValueError(f"'shuffles' is 0 (no canary) or at least {MIN_SHUFFLES}: fewer tell nothing")
        return self


class BudgetGate(Section):
    """What a model may cost to serve."""

    latency_ms: float = Field(default=50.0, gt=0)
    """Median time of one row through the portable form, in milliseconds."""
    size_mb: float = Field(default=200.0, gt=0)
    """Size of the portable form, in MiB."""


class Gates(Section):
    """All gates. They are on by default; a threshold is changed here, in a reviewed diff."""

    metric: str
    """The metric that decides: champion, baseline, slices and search."""
    require: dict[str, float] = {}
    """Metric -> least value (an error metric: highest) on the evaluation rows."""
    champion: ChampionGate = ChampionGate()
    baseline_margin: float = Field(default=0.0, ge=0)
    """By how much the majority class or the mean must be beaten."""
    slices: SliceGate = SliceGate()
    budget: BudgetGate = BudgetGate()
    calibration_error: float | None = Field(default=None, gt=0, lt=1)
    """Highest expected calibration error (classification)."""
    gaps: tuple[GapGate, ...] = ()
    """Largest differences between the parts of a slice (fairness)."""
    behaviour: Behaviour = Behaviour()
    """What the model must do whatever its average is."""
    missing_column_drop: float | None = Field(default=None, ge=0)
    """How much worse in ``metric`` it may be where a nullable column is missing in every row."""
    canary: CanaryGate = CanaryGate()
    bootstrap: int = Field(default=500, ge=100, le=10_000)
    """Resamples behind each interval."""
    confidence: Unit = 0.95
    """Coverage of the reported intervals."""

    @model_validator(mode="after")
    def _something_is_required(self) -> Self:
        if not self.require:
            raise ValueError("'require' must hold at least one absolute minimum, for example {roc_auc: 0.7}")
        return self

    @model_validator(mode="after")
    def _the_deciding_metric_is_compared_once(self) -> Self:
        if self.metric in self.champion.also:
            raise ValueError(f"champion.also names {self.metric!r}, which decides already, by champion.margin")
        return self
