"""Whether a retraining is started: a pure function of who asks, what is known, the project's rules and the time.

The gate alone decides whether what was trained is promoted; these rules only keep a noisy alarm, a broken upstream or
a loop of retrainings from costing anything.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from evenkeel.config.operation import QuietHours, Retraining

Trigger = Literal["drift", "performance", "data", "schedule", "hand"]
ALERTS: tuple[Trigger, ...] = ("drift", "performance")
"""Triggers that Alertmanager delivers, again and again: of these, one retraining a model version."""

Rule = Literal[
    "started",
    "unknown_project",
    "not_released",
    "not_a_trigger",
    "other_version",
    "data_quality",
    "running",
    "already_retrained",
    "quiet_hours",
    "cooldown",
    "daily_cap",
    "no_new_data",
    "few_labels",
    "unusable_rows",
]
"""The rule that decided: what the metric counts by."""


@dataclass(frozen=True)
class Ask:
    """A wish for a new model."""

    project: str
    version: str
    """Model version that it is about; '' is whichever is released."""
    trigger: Trigger
    reason: str
    """For people: an alert's summary, or what a person said."""


@dataclass(frozen=True)
class Known:
    """What is known about the project's model at the time of asking."""

    released: str
    """Model version that is served."""
    new_labels: int | None = None
    """Labelled predictions that the released model was not trained on, without those of broken windows; None: they
    were not counted yet, and do not speak against a start."""
    broken: str = ""
    """What the newest window says about broken data; '' where it is sound."""
    unusable: str = ""
    """Why labelled predictions cannot become training rows; '' where they can."""
    same_data: str = ""
    """The workspace's data version, where the released model was trained on just that; '' where it was not."""


@dataclass(frozen=True)
class Past:
    """What the governor remembers about the project."""

    running: bool = False
    """A retraining is under way."""
    retrained: bool = False
    """An alert of this model version already had its retraining, and the gate's word on it (or will)."""
    starts: tuple[dt.datetime, ...] = ()
    """Automatic starts, the oldest first."""


@dataclass(frozen=True)
class Decision:
    """The answer, with the rule it follows from and its reason for people."""

    rule: Rule
    reason: str

    @property
    def started(self) -> bool:
        """Whether a retraining is started."""
        return self.rule == "started"


def decide(ask: Ask, known: Known, past: Past, rules: Retraining, now: dt.datetime) -> Decision:
    """The first rule that speaks against it, else a start. ``now`` is UTC.

    A person's wish passes over all rules but one: two retrainings of a project never run side by side.
    """
    if past.running:
        return Decision("running", "a retraining of this project is under way")
    if ask.trigger == "hand":
        return Decision("started", ask.reason)
    return (
        _wanted(ask, known, rules)
        or _spent(ask, past)
        or _too_soon(past, rules, now)
        or (_nothing_brought(known) if ask.trigger == "data" else _too_little(known, rules))
        or Decision("started", ask.reason)
    )


def _wanted(ask: Ask, known: Known, rules: Retraining) -> Decision | None:
    if ask.trigger not in rules.on:
        return Decision("not_a_trigger", f"retraining.on of the project is {', '.join(rules.on)}: not {ask.trigger}")
    if ask.version and ask.version != known.released:
        return Decision("other_version", f"it is about version {ask.version}; version {known.released} is served")
    if known.broken:
        return Decision("data_quality", f"broken data must not be learnt: {known.broken}")
    return None


def _spent(ask: Ask, past: Past) -> Decision | None:
    if ask.trigger in ALERTS and past.retrained:
        return Decision(
            "already_retrained",
            "an alert of this version already had its retraining; if the gate refused it, a person must look",
        )
    return None


def _too_soon(past: Past, rules: Retraining, now: dt.datetime) -> Decision | None:
    if rules.quiet_hours is not None and is_quiet(rules.quiet_hours, now):
        hours = rules.quiet_hours
        return Decision("quiet_hours", f"nothing starts by itself from {hours.start}:00 to {hours.end}:00 UTC")
    cooldown = dt.timedelta(hours=rules.cooldown_hours)
    if past.starts and now - past.starts[-1] < cooldown:
        return Decision("cooldown", f"the last one started at {past.starts[-1]:%H:%M} UTC; cooldown is {cooldown}")
    today = [start for start in past.starts if now - start < dt.timedelta(days=1)]
    if len(today) >= rules.daily_cap:
        return Decision("daily_cap", f"{len(today)} were started within 24 hours; daily_cap is {rules.daily_cap}")
    return None


def _nothing_brought(known: Known) -> Decision | None:
    if known.same_data:
        about = f"version {known.released} was trained on {known.same_data}, as the workspace's pointer has it"
        return Decision("no_new_data", f"{about}: make data-add")
    return None


def _too_little(known: Known, rules: Retraining) -> Decision | None:
    if known.unusable:
        return Decision("unusable_rows", known.unusable)
    if known.new_labels is not None and known.new_labels < rules.min_new_labels:
        needed = f"min_new_labels is {rules.min_new_labels}"
        return Decision("few_labels", f"{known.new_labels} new labelled rows; {needed}")
    return None


def is_quiet(hours: QuietHours, now: dt.datetime) -> bool:
    """Whether ``now`` (UTC) is from start (included) to end (not); over midnight where end is before start."""
    if hours.start <= hours.end:
        return hours.start <= now.hour < hours.end
    return now.hour >= hours.start or now.hour < hours.end
