"""What a check of the doctor says."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from evenkeel.settings import Settings

Verdict = Literal["ok", "warn", "fail", "skip"]


@dataclass(frozen=True)
class Finding:
    """One line of the table."""

    thing: str
    verdict: Verdict
    """warn: works, but look at it; skip: not configured, so there is nothing to check."""
    told: str
    fix: str = ""


Check = Callable[[Settings], Iterator[Finding]]
