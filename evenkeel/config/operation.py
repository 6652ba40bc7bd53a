"""Serving, monitoring and retraining: what happens after a model has been registered."""

from typing import Literal, Self

from pydantic import Field, model_validator

from evenkeel.config.contract import Share
from evenkeel.config.section import Section

TargetName = Literal["local", "kserve", "kubernetes", "ecs"]
Check = Literal["errors", "latency", "disagreement", "prediction_drift", "performance"]


class Step(Section):
    """One step of a rollout."""

    traffic: int = Field(ge=0, le=100)
    """Percent of requests the new version gets; 0 is shadow."""
    bake_minutes: float = Field(default=5, ge=0)
    """How long to watch before the next step."""
    checks: tuple[Check, ...] = ("errors", "latency")
    min_samples: int = Field(default=200, ge=1)
    """Fewer requests than this is 'not enough data': the rollout holds."""


class Resources(Section):
    """Kubernetes or Fargate quantities of one server."""

    cpu: str = "500m"
    memory: str = "512Mi"
    min_replicas: int = Field(default=1, ge=0)
    max_replicas: int = Field(default=4, ge=1)


class Limits(Section):
    """What one server accepts before it says no."""

    max_rows: int = Field(default=10_000, ge=1)
    max_body_mb: float = Field(default=16.0, gt=0)
    max_concurrency: int = Field(default=256, ge=1)
    timeout_seconds: float = Field(default=10.0, gt=0)
    max_problems: int = Field(default=50, ge=1)
    """Contract violations listed in one answer."""


class Serving(Section):
    """Where and how the champion is served."""

    target: TargetName = "local"
    resources: Resources = Resources()
    limits: Limits = Limits()
    rollout: tuple[Step, ...] = (Step(traffic=10), Step(traffic=50), Step(traffic=100, bake_minutes=0))
    max_error_ratio: Share = 0.01
    max_latency_ms: float = Field(default=100.0, gt=0)
    max_disagreement: Share = 0.1


class DriftRule(Section):
    """When a column counts as moved: Benjamini-Hochberg at q AND an effect at least this large."""

    q: float = Field(default=0.01, gt=0, lt=1)
    effect: float | None = Field(default=None, gt=0)
    """Debiased PSI that matters; absent: calibrated on blocks of the reference, else 0.1."""


class Monitoring(Section):
    """What is watched, in which windows, and what is an alarm."""

    window_minutes: int = Field(default=1440, ge=1)
    min_rows: int = Field(default=500, ge=1)
    """Smaller windows are merged with the next."""
    windows: int = Field(default=2, ge=1)
    """Windows in a row that must agree before an alarm."""
    drift: DriftRule = DriftRule()
    columns: dict[str, DriftRule] = {}
    """Rules of single columns."""
    drifted_share: Share = 0.15
    """Share of moved features that makes an alarm of the model."""
    missing_share: Share = 0.2
    """Share of missing values beyond training's that makes a data-quality alarm."""
    performance_drop: float = Field(default=0.05, gt=0)
    """Loss in the gate's metric, beyond its bootstrap interval, that makes an alarm."""
    label_coverage: Share = 0.5
    """Share of predictions with labels at which a window is mature."""
    label_delay_hours: float = Field(default=24.0, ge=0)
    """How late labels usually are; later is an alarm."""
    report_days: int = Field(default=30, ge=1)
    """How long HTML reports are kept."""


class QuietHours(Section):
    """Hours of the day, UTC, in which nothing is started automatically."""

    start: int = Field(ge=0, le=23)
    end: int = Field(ge=0, le=23)


class TrainingData(Section):
    """How labelled ledger rows become the next data version."""

    window_days: int | None = Field(default=None, ge=1)
    """Only rows this recent; absent: all."""
    max_rows: int | None = Field(default=None, ge=100)
    balance: bool = False
    """Sample classes to equal counts."""


class Retraining(Section):
    """When a new model is asked for. The gate alone decides whether it is promoted."""

    on: tuple[Literal["schedule", "drift", "performance", "data"], ...] = ("drift", "performance", "data")
    schedule: str | None = None
    """Six-field cron, seconds first, as Kubeflow's recurring runs take it."""
    cooldown_hours: float = Field(default=12.0, ge=0)
    daily_cap: int = Field(default=2, ge=1)
    min_new_labels: int = Field(default=500, ge=0)
    quiet_hours: QuietHours | None = None
    data: TrainingData = TrainingData()

    @model_validator(mode="after")
    def _schedule_has_six_fields(self) -> Self:
        if self.schedule is not None and len(self.schedule.split()) != 6:
            raise ValueError(
                f"schedule {self.schedule!r} needs six fields, seconds first: '0 0 3 * * *' is daily at 03:00"
            )
        if "schedule" in self.on and self.schedule is None:
            raise ValueError("'on' has schedule, so 'schedule' must be given")
        return self


class Promotion(Section):
    """What a version must have behind it before it is served in one environment."""

    after: str | None = None
    """Environment in which the same bundle must be, or have been, served."""
    soak_hours: float = Field(default=0.0, ge=0)
    """For how long at least it was served there."""
    approvals: int = Field(default=0, ge=0)
    """How many people must have approved exactly this bundle for this environment."""
    roles: tuple[str, ...] = ()
    """Roles whose approval counts; empty: anybody's."""
    valid_hours: float = Field(default=72.0, gt=0)
    """How long an approval counts, where it does not say so itself."""

    @model_validator(mode="after")
    def _soaks_somewhere(self) -> Self:
        if self.soak_hours and self.after is None:
            raise ValueError("soak_hours needs 'after', the environment that the version is watched in")
        return self
