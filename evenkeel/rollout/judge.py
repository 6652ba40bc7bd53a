"""What Prometheus says of a candidate during one step. Too few samples is 'unknown': it holds, it never promotes."""

import http.client
import json
import math
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from evenkeel.config.operation import Check, Serving, Step
from evenkeel.errors import RolloutError
from evenkeel.release import Release
from evenkeel.rollout.journal import Outcome

_SECONDS = 5.0
"""To wait for one answer: all of a step's must come well within the driver's lease."""
_SHORTEST = 60
"""Seconds: a shorter range than two scrapes has no increase."""
QUANTILE = 0.99
"""Of the latency that is held against ``serving.max_latency_ms``."""


class Judge(Protocol):
    """Whoever knows how a candidate does."""

    def judge(self, release: Release, serving: Serving, step: Step, seconds: float) -> tuple[Outcome, ...]:
        """The step's checks over its last ``seconds``, in its order; unknown where nobody can be asked."""
        ...


class Blind:
    """Stands where no Prometheus is known: every check holds the rollout until somebody promotes it."""

    def judge(self, release: Release, serving: Serving, step: Step, seconds: float) -> tuple[Outcome, ...]:  # noqa: ARG002
        """Each check, unknown."""
        told = "nobody can be asked: set EVENKEEL_PROMETHEUS, or promote it by hand"
        return tuple(Outcome(check=check, verdict="unknown", told=f"{check}: {told}") for check in step.checks)


@dataclass(frozen=True)
class PrometheusJudge:
    """Asks a Prometheus that scrapes the servers and the exporter."""

    url: str

    def judge(self, release: Release, serving: Serving, step: Step, seconds: float) -> tuple[Outcome, ...]:
        """Each check of the step, in its order."""
        scope = _Scope(self, release, serving, step, max(_SHORTEST, math.ceil(seconds)))
        return tuple(_judged(check, scope) for check in step.checks)

    def value(self, query: str) -> float | None:
        """The one value of an instant query; None where there is no series or no number. Raises RolloutError."""
        url = f"{self.url.rstrip('/')}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        try:
            with urllib.request.urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310  a setting names it
                result = json.loads(answer.read())["data"]["result"]
            number = float(result[0]["value"][1]) if result else math.nan
        except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError) as exc:
            raise RolloutError(
                f"Prometheus at {self.url} does not answer the rollout's checks: {exc}; see EVENKEEL_PROMETHEUS"
            ) from exc
        return None if math.isnan(number) else number


@dataclass(frozen=True)
class _Scope:
    """One candidate during one step."""

    prometheus: PrometheusJudge
    release: Release
    serving: Serving
    step: Step
    seconds: int

    def series(self, name: str, more: str = "") -> str:
        """The candidate's series of this name."""
        return f'{name}{{model="{self.release.project}",model_version="{self.release.version}"{more}}}'

    def grown(self, name: str, more: str = "") -> float:
        """How much a counter grew in all pods since the step began; 0 without a series."""
        return self.largest("sum({})", name, more) or 0.0

    def largest(self, query: str, name: str, more: str = "") -> float | None:
        """The largest value of a query of growth, which is measured in two ways; None where neither has one.

        ``increase`` does not see what a series was born with, and the first errors of a version are born so; the
        difference to then does not see what was counted before a restart. The larger of both misses neither.
        """
        x, ago = self.series(name, more), f"{self.seconds}s"
        ways = (f"increase({x}[{ago}])", f"clamp_min({x} - ({x} offset {ago} or {x} * 0), 0)")
        values = [self.prometheus.value(query.format(way)) for way in ways]
        return max((value for value in values if value is not None), default=None)

    def told(self, check: Check, samples: float, value: float | None, limit: float) -> Outcome:
        """The verdict on a value that must not exceed its limit."""
        needed = self.step.min_samples
        if value is None or samples < needed:
            few = f"not enough data, {samples:.0f} of {needed} samples" if samples < needed else "not known yet"
            return Outcome(check=check, verdict="unknown", told=f"{check}: {few}")
        measured = f"{check}: {value:.4g}, at most {limit:.4g}, of {samples:.0f} samples"
        return Outcome(check=check, verdict="pass" if value <= limit else "fail", told=measured)


def _errors(scope: _Scope) -> Outcome:
    """Share of answers that are the server's fault."""
    requests = scope.grown("ml_inference_requests_total")
    failed = scope.grown("ml_inference_requests_total", ',code=~"5.."')
    return scope.told("errors", requests, failed / requests if requests else None, scope.serving.max_error_ratio)


def _latency(scope: _Scope) -> Outcome:
    """99th percentile in milliseconds, as the servers measure it."""
    name = "ml_inference_request_duration_seconds"
    seconds = scope.largest(f"histogram_quantile({QUANTILE}, sum by (le) ({{}}))", f"{name}_bucket")
    value = None if seconds is None else seconds * 1000
    return scope.told("latency", scope.grown(f"{name}_count"), value, scope.serving.max_latency_ms)


def _disagreement(scope: _Scope) -> Outcome:
    """Share of rows that the candidate answers otherwise than the current version does beside it."""
    rows = scope.grown("ml_shadow_rows_total")
    apart = scope.grown("ml_shadow_disagreement_total")
    return scope.told("disagreement", rows, apart / rows if rows else None, scope.serving.max_disagreement)


def _prediction_drift(scope: _Scope) -> Outcome:
    return _watched(scope, "prediction_drift", scope.series("ml_prediction_drift_detected"))


def _performance(scope: _Scope) -> Outcome:
    alarm = scope.series("ml_monitoring_suspected", ',alarm="performance"')
    known = scope.series("ml_model_performance_state", ',state="mature"')
    return _watched(scope, "performance", f"{alarm} and on (model, model_version) ({known} == 1)")


def _watched(scope: _Scope, check: Check, query: str) -> Outcome:
    """What monitoring found in the newest window of the candidate; one that ended before the step says nothing."""
    ended = f"{scope.series('ml_monitoring_window_end_timestamp_seconds')} > time() - {scope.seconds}"
    rows = scope.prometheus.value(f"max({scope.series('ml_monitoring_window_rows')} and ({ended}))") or 0.0
    return scope.told(check, rows, scope.prometheus.value(f"max({query})"), 0.0)


CHECKS: dict[Check, Callable[[_Scope], Outcome]] = {
    "errors": _errors,
    "latency": _latency,
    "disagreement": _disagreement,
    "prediction_drift": _prediction_drift,
    "performance": _performance,
}
"""Every check that a step may name."""


def _judged(check: Check, scope: _Scope) -> Outcome:
    """A Prometheus that is away for a moment holds the rollout; it does not end the process that drives it."""
    try:
        return CHECKS[check](scope)
    except RolloutError as error:
        return Outcome(check=check, verdict="unknown", told=f"{check}: {error}")


def failed(outcomes: Sequence[Outcome]) -> str:
    """What failed, for people; empty where nothing did."""
    return "; ".join(outcome.told for outcome in outcomes if outcome.verdict == "fail")


def unknown(outcomes: Sequence[Outcome]) -> str:
    """What is not known yet, for people; empty where all is."""
    return "; ".join(outcome.told for outcome in outcomes if outcome.verdict == "unknown")
