"""How a verdict is written down. A value that is not defined never passes."""

import math
from collections.abc import Callable, Iterator
from typing import Literal

from components.evaluate.evidence import Evidence
from evenkeel.certificate import Check
from evenkeel.config.project import Project

Gate = Callable[[Evidence, Project], Iterator[Check]]
Bad = Literal["fail", "warn"]


def judged(
    gate: str, subject: str, value: float, threshold: float, good: bool, reason: str, otherwise: Bad = "fail"
) -> Check:
    """A check that passes where it is good and its value a finite number."""
    finite = math.isfinite(value)
    return Check(
        gate=gate,
        subject=subject,
        value=value if finite else None,
        threshold=threshold,
        verdict="pass" if good and finite else otherwise,
        reason=reason,
    )


def skipped(gate: str, subject: str, reason: str, threshold: float | None = None) -> Check:
    """A check that could not or need not be made, with the reason."""
    return Check(gate=gate, subject=subject, value=None, threshold=threshold, verdict="skip", reason=reason)
