"""Numbers as people read them, the same in reasons, names and pages."""

import math

from evenkeel.certificate import Interval


def number(value: float) -> str:
    """A number for people: four significant digits, or 'not defined'."""
    if math.isnan(value):
        return "not defined"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def percent(share: float) -> str:
    """A share for people."""
    return f"{100 * share:.4g} %"


def with_interval(score: Interval) -> str:
    """A value and, where it has one, its interval, in columns that align."""
    if math.isnan(score.low):
        return number(score.value)
    value, low, high = (
        f"{end:#.4g}".rstrip(".") if abs(end) < 10_000 else number(end) for end in (score.value, score.low, score.high)
    )
    return f"{value} [{low}, {high}]"
