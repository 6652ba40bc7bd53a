"""What a window's report shows, as plain values: no Evidently in it."""

from dataclasses import asdict, dataclass
from typing import Any

from evenkeel.reference import ColumnProfile
from monitoring.check import Watched
from monitoring.drift.cells import cells
from monitoring.result import ColumnResult, WindowResult
from monitoring.window import Window

PREDICTION = "prediction"
LABEL = "label"
_MINUTE = "%Y-%m-%d %H:%M"


@dataclass(frozen=True)
class Shown:
    """One column."""

    name: str
    result: ColumnResult
    reference: ColumnProfile
    current: ColumnProfile

    @property
    def because(self) -> str:
        """Why its test passes or fails."""
        score, p_value = _text(self.result.score), _text(self.result.p_value)
        verdict = "moved" if self.result.moved else "did not move"
        return f"{verdict}: stability index {score}, matters from {self.result.threshold:.2f}; p-value {p_value}"


def shown_columns(watched: Watched, window: Window, result: WindowResult) -> list[Shown]:
    """Those that moved first, the farthest first of all; then predictions and labels. None of them is sensitive."""
    reference, current = watched.reference.profiles, window.profiles
    names = sorted(result.features, key=lambda name: (not result.features[name].moved, -_score(result.features[name])))
    shown = [Shown(name, result.features[name], reference.features[name], current.features[name]) for name in names]
    shown.append(Shown(PREDICTION, result.prediction, reference.prediction, current.prediction))
    if result.label and may_show_target(watched):
        shown.append(Shown(LABEL, result.label, reference.label, current.label))
    return shown


def may_show_target(watched: Watched) -> bool:
    """Whether true values may be in a report."""
    project = watched.project
    return project.contract.columns[project.target.column].sensitive == "no"


def content(result: WindowResult, shown: list[Shown], left_out: dict[str, str]) -> dict[str, Any]:
    """JSON of everything there is to show."""
    return {
        "window": _window(result, left_out),
        "columns": {
            column.name: {
                "score": _score(column.result),
                "figures": _figures(column.result),
                "cells": _cells(column),
            }
            for column in shown
        },
    }


def share_moved(result: WindowResult) -> float:
    """Share of the features that moved."""
    return len(result.moved) / len(result.features) if result.features else 0.0


def _window(result: WindowResult, left_out: dict[str, str]) -> dict[str, Any]:
    live = result.performance
    interval = "" if live.low is None else f" [{_text(live.low)}, {_text(live.high)}]"
    alarms = [f"{raised.alarm} since {raised.since:%Y-%m-%d %H:%M} UTC: {raised.detail}" for raised in result.alarms]
    notes = {"Alarms": "\n\n".join(alarms) or "none"}
    if left_out:
        notes["Left out of this report"] = "\n\n".join(f"{name}: {reason}" for name, reason in left_out.items())
    return {
        "title": f"{result.project} version {result.version}, {result.start:{_MINUTE}} to {result.end:{_MINUTE}} UTC",
        "share": share_moved(result),
        "figures": {
            "predictions": f"{result.rows:,}",
            "features moved": f"{len(result.moved)} of {len(result.features)}",
            f"live {live.metric}{interval}, {live.state}": _text(live.value),
            f"{live.metric} at registration": f"{live.baseline:.3f}",
            f"{live.metric} estimated without labels": _text(live.estimated),
            "labelled": f"{live.coverage:.0%}",
        },
        "notes": notes,
    }


def _figures(result: ColumnResult) -> dict[str, str]:
    return {
        "stability index": _text(result.score),
        "p-value": _text(result.p_value),
        "distance": _text(result.distance),
        "missing (training)": f"{result.missing_share:.1%} ({result.reference_missing_share:.1%})",
        "never seen in training": f"{result.unseen_share:.1%}",
    }


def _cells(column: Shown) -> dict[str, Any]:
    found = asdict(cells(column.reference, column.current))
    return {
        "names": list(found["names"]),
        "training": found["reference"].tolist(),
        "window": found["current"].tolist(),
    }


def _score(result: ColumnResult) -> float:
    return result.score if result.score is not None else 0.0


def _text(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3g}"
