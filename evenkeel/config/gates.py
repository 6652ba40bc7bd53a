"""What a candidate must prove before it may be champion."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from evenkeel.config.section import Section

Unit = Annotated[float, Field(gt=0, lt=1)]


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
    """How sure the paired bootstrap must be that it is not worse than that."""


class SliceGate(Section):
    """No part may be left behind."""

    floor: float | None = None
    """Worst value of the gate's metric that any slice may have (an error metric: highest)."""
    min_rows: int = Field(default=100, ge=1)
    """Slices with fewer rows are reported, not judged."""


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
    bootstrap: int = Field(default=500, ge=100, le=10_000)
    """Resamples behind each interval."""
    confidence: Unit = 0.95
    """Coverage of the reported intervals."""

    @model_validator(mode="after")
    def _something_is_required(self) -> Self:
        if not self.require:
            raise ValueError("'require' must hold at least one absolute minimum, for example {roc_auc: 0.7}")
        return self
