"""The loop as one HTML page: verdict, timeline, drift and live performance before and after, versions."""

from pathlib import Path

from markupsafe import Markup

from evenkeel.page import figure, heading, paragraph, render_page, table, verdict
from monitoring.governor.state import Run
from monitoring.loop.stage import Stage
from monitoring.loop.timeline import Timeline
from monitoring.result import WindowResult

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 540, 280, 48, 12, 36, 36
"""Narrow, for letters shrink with the plot on a telephone; the legend stands above it."""


def write_page(stage: Stage, timeline: Timeline, results: list[WindowResult], run: Run) -> Path:
    """Write the page of a demo that closed; where it is."""
    path = stage.folder / "loop.html"
    live = [result.performance for result in results]
    said = (
        f"{live[0].metric}: {live[0].value:.3f} before the drift, {live[2].value:.3f} in it, {live[3].value:.3f} after"
    )
    blocks = [
        verdict("pass", "The loop closed by itself.", said),
        heading("Live performance"),
        figure(
            performance_plot(results),
            "Each window with its bootstrap interval; the line is the served model's metric at registration.",
        ),
        heading("Drift of the inputs"),
        figure(
            drift_plot(results),
            "Stability index of the features that moved most, against what the served model was"
            " trained on; the dashed line is where it starts to matter.",
        ),
        heading("Versions"),
        table(["", "version", "digest", "data version", "windows"], _versions(results, run)),
        heading("Timeline"),
        table(["seconds", "who", "what"], [[f"{e.seconds:.1f}", e.who, e.what] for e in timeline.events]),
        paragraph(
            f"Alarms went through {stage.telling.path}. Intervals are seconds here; gates and data rules are those"
            f" of {stage.settings.workspace / 'conf'}."
        ),
    ]
    path.write_text(render_page("The loop, closed", "Synthetic customers, real processes.", blocks), encoding="utf-8")
    return path


def performance_plot(results: list[WindowResult]) -> Markup:
    """Value and interval of each window, and the baseline of the version it was served by."""
    live = [result.performance for result in results]
    known = [value for each in live for value in (each.low, each.high, each.baseline) if value is not None]
    scale = _Scale(min(known), max(known), len(results))
    parts = [_axes(scale, _names(results))]
    for at, each in enumerate(live):
        x, base = scale.x(at), scale.y(each.baseline)
        parts.append(_line(x - scale.step / 2, base, x + scale.step / 2, base, "var(--soft)"))
        if each.value is not None and each.low is not None and each.high is not None:
            colour = "var(--fail)" if each.dropped else "var(--accent)"
            parts.append(_line(x, scale.y(each.low), x, scale.y(each.high), colour, width=2))
            parts.append(_dot(x, scale.y(each.value), colour))
            parts.append(_text(x + 9, scale.y(each.value) + 4, f"{each.value:.3f}"))
    return _svg(parts, f"{live[0].metric} by window")


def drift_plot(results: list[WindowResult], most: int = 4) -> Markup:
    """Scores of the features that moved farthest, window by window."""
    names = list(dict.fromkeys(name for result in results for name in result.moved))[:most]
    scores = {name: [max(0.0, result.features[name].score or 0.0) for result in results] for name in names}
    limit = min((result.features[name].threshold for result in results for name in names), default=0.1)
    scale = _Scale(0.0, max([limit * 1.5, *(value for row in scores.values() for value in row)]), len(results))
    parts = [_axes(scale, _names(results))]
    parts.append(_line(_LEFT, scale.y(limit), _WIDTH - _RIGHT, scale.y(limit), "var(--soft)", dash="5 4"))
    for index, (name, row) in enumerate(scores.items()):
        colour = ("var(--accent)", "var(--second)", "var(--pass)", "var(--warn)")[index % 4]
        points = " ".join(f"{scale.x(at):.1f},{scale.y(value):.1f}" for at, value in enumerate(row))
        parts.append(Markup('<polyline points="{}" fill="none" stroke="{}" stroke-width="2"/>').format(points, colour))
        parts += [_dot(scale.x(at), scale.y(value), colour) for at, value in enumerate(row)]
        x = _LEFT + index * (_WIDTH - _LEFT - _RIGHT) / most
        parts += [_dot(x + 4, 12, colour), _text(x + 12, 16, name)]
    return _svg(parts, "stability index by window")


class _Scale:
    def __init__(self, low: float, high: float, windows: int) -> None:
        room = (high - low) * 0.08 or 0.1
        self.low, self.high = (low - room if low else 0.0), high + room
        self.step = (_WIDTH - _LEFT - _RIGHT) / windows

    def x(self, window: int) -> float:
        return _LEFT + self.step * (window + 0.5)

    def y(self, value: float) -> float:
        return _HEIGHT - _BOTTOM - (value - self.low) / (self.high - self.low) * (_HEIGHT - _BOTTOM - _TOP)


def _names(results: list[WindowResult]) -> list[str]:
    return [f"window {at}, v{result.version}" for at, result in enumerate(results, 1)]


def _axes(scale: _Scale, names: list[str]) -> Markup:
    parts = [_line(_LEFT, _HEIGHT - _BOTTOM, _WIDTH - _RIGHT, _HEIGHT - _BOTTOM, "var(--line)")]
    for tick in range(5):
        value = scale.low + (scale.high - scale.low) * tick / 4
        parts.append(_line(_LEFT, scale.y(value), _WIDTH - _RIGHT, scale.y(value), "var(--line)"))
        parts.append(_text(_LEFT - 6, scale.y(value) + 4, f"{value:.2f}", anchor="end"))
    parts += [_text(scale.x(at), _HEIGHT - _BOTTOM + 20, name, anchor="middle") for at, name in enumerate(names)]
    return Markup("").join(parts)


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, *, width: float = 1, dash: str = "") -> Markup:
    return Markup(
        '<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" stroke="{}" stroke-width="{}" stroke-dasharray="{}"/>'
    ).format(x1, y1, x2, y2, colour, width, dash)


def _dot(x: float, y: float, colour: str) -> Markup:
    return Markup('<circle cx="{:.1f}" cy="{:.1f}" r="4" fill="{}"/>').format(x, y, colour)


def _text(x: float, y: float, text: str, *, anchor: str = "start") -> Markup:
    # a rim in the paper's colour, so that lines behind it do not strike it through
    rim = Markup('paint-order="stroke" stroke="var(--paper)" stroke-width="4"')
    return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}" font-size="13" fill="var(--soft)" {}>{}</text>').format(
        x, y, anchor, rim, text
    )


def _svg(parts: list[Markup], label: str) -> Markup:
    head = Markup('<svg viewBox="0 0 {} {}" width="{}" role="img" aria-label="{}">').format(
        _WIDTH, _HEIGHT, _WIDTH, label
    )
    return head + Markup("").join(parts) + Markup("</svg>")


def _versions(results: list[WindowResult], run: Run) -> list[list[str]]:
    first, last = results[0], results[-1]
    windows = {
        v: ", ".join(str(at) for at, each in enumerate(results, 1) if each.version == v)
        for v in (first.version, last.version)
    }
    return [
        ["before", first.version, first.digest[:12], "as bundled", windows[first.version]],
        ["after", last.version, last.digest[:12], run.data_version[:12], windows[last.version]],
    ]
