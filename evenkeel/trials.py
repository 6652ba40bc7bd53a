"""Trials of a hyper-parameter search: what was tried, and what it was worth."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter

from evenkeel.errors import ModelError
from evenkeel.metrics.metric import Metric


class Trial(BaseModel):
    """One set of parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    worker: int
    number: int
    """Counted over all workers; 0 is ``model.params`` as given."""
    params: dict[str, Any]
    """What differs from ``model.params``."""
    value: float | None = None
    """The search's metric on out-of-fold answers; None where it failed, or was the only one and needed no judging."""
    error: str | None = None
    """Why it failed."""


_TRIALS = TypeAdapter(list[Trial])


def write_trials(trials: Sequence[Trial], path: Path) -> None:
    """Write trials as a JSON list."""
    path.write_bytes(_TRIALS.dump_json(list(trials), indent=1) + b"\n")


def read_trials(path: Path) -> list[Trial]:
    """What ``write_trials`` wrote. Raises ModelError where the file holds something else."""
    try:
        return _TRIALS.validate_json(path.read_bytes())
    except (OSError, ValueError) as exc:
        raise ModelError(f"{path}: is not a list of trials; run the search stage again: {exc}") from exc


def best_trial(trials: Sequence[Trial], metric: Metric) -> Trial:
    """The trial with the best value; of equals the one of the lowest worker, then number. A single one needs no value.

    Raises ModelError with the first error where none succeeded.
    """
    if len(trials) == 1 and trials[0].error is None:
        return trials[0]
    sign = 1 if metric.larger_is_better else -1
    ranked = [(-sign * trial.value, trial.worker, trial.number, trial) for trial in trials if trial.value is not None]
    if not ranked:
        raise ModelError(all_failed(trials))
    return min(ranked, key=lambda entry: entry[:3])[3]


def all_failed(trials: Sequence[Trial]) -> str:
    """The sentence for people where no trial succeeded."""
    first = next((trial.error for trial in trials if trial.error), "there was none")
    return f"all {len(trials)} trials of the search failed, the first: {first}; see model.params and model.search.space"
