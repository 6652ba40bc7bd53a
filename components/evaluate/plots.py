"""Small SVG pictures by hand: inline, deterministic, a few kilobytes, in the colours of the page, light or dark."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from evenkeel.prediction import FloatArray

WIDTH, HEIGHT = 460, 340
MARGINS = (58, 14, 30, 46)
"""Left, right, top, bottom."""

STYLE = Markup(
    "<style>.k-grid{stroke:var(--line)}.k-tick{fill:var(--soft);font-size:12px}.k-name{fill:var(--ink);font-size:13px}"
    ".k-line{fill:none;stroke-width:2.2;stroke-linejoin:round}.k-mark{stroke-width:1.6}"
    ".k-1{stroke:var(--accent);color:var(--accent)}.k-2{stroke:var(--second);color:var(--second)}"
    ".k-3{stroke:var(--pass);color:var(--pass)}.k-bad{stroke:var(--fail);color:var(--fail)}"
    ".k-soft{stroke:var(--soft);color:var(--soft)}.k-dash{stroke-dasharray:5 4}.k-fill{fill:currentColor;stroke:none}"
    ".k-confusion td{white-space:nowrap;padding-left:.6rem}.k-number{white-space:nowrap}figcaption{max-width:28rem}"
    "</style>"
)
"""The classes that pictures use; once on a page."""


@dataclass(frozen=True)
class Axes:
    """A plot's frame: data ranges onto pixels."""

    x: tuple[float, float]
    y: tuple[float, float]
    width: int = WIDTH
    height: int = HEIGHT
    margins: tuple[int, int, int, int] = MARGINS

    @property
    def inner(self) -> tuple[int, int, int, int]:
        """Pixels of the left, right, top and bottom edge of the plot."""
        left, right, top, bottom = self.margins
        return left, self.width - right, top, self.height - bottom

    def at_x(self, value: float) -> float:
        """Pixel of a data value."""
        left, right, _, _ = self.inner
        return left + (value - self.x[0]) / (self.x[1] - self.x[0]) * (right - left)

    def at_y(self, value: float) -> float:
        """Pixel of a data value; up is larger."""
        _, _, top, bottom = self.inner
        return bottom - (value - self.y[0]) / (self.y[1] - self.y[0]) * (bottom - top)

    def frame(self, x_label: str, y_label: str) -> Markup:
        """Grid, ticks and the axes' names."""
        left, right, top, bottom = self.inner
        across, up = ticks(*self.x), ticks(*self.y)
        parts = [_segment((self.at_x(v), top), (self.at_x(v), bottom), "k-grid") for v in across]
        parts += [_segment((left, self.at_y(v)), (right, self.at_y(v)), "k-grid") for v in up]
        parts += [text(self.at_x(v), bottom + 17, tick_text(v), "k-tick", "middle") for v in across]
        parts += [text(left - 7, self.at_y(v) + 4, tick_text(v), "k-tick", "end") for v in up]
        parts += [text((left + right) / 2, self.height - 8, x_label, "k-name", "middle")]
        parts += [text(8, 16, y_label, "k-name", "start")]
        return join(parts)

    def line(self, xs: FloatArray, ys: FloatArray, kind: str) -> Markup:
        """A line through points; broken where a value is not defined."""
        commands, pen = [], "M"
        for x, y in zip(xs.tolist(), ys.tolist(), strict=True):
            if np.isfinite(x) and np.isfinite(y):
                commands.append(f"{pen}{px(self.at_x(x))} {px(self.at_y(y))}")
                pen = "L"
            else:
                pen = "M"
        return Markup('<path class="k-line {}" d="{}"/>').format(kind, "".join(commands))

    def segment(self, start: tuple[float, float], end: tuple[float, float], kind: str) -> Markup:
        """A straight line between two data points."""
        return _segment((self.at_x(start[0]), self.at_y(start[1])), (self.at_x(end[0]), self.at_y(end[1])), kind)

    def dot(self, x: float, y: float, kind: str, radius: float = 4, opacity: float = 1) -> Markup:
        """A filled circle at a data point."""
        fade = "" if opacity == 1 else f' opacity="{opacity:.2f}"'
        shape = f'<circle class="k-fill {kind}" cx="{px(self.at_x(x))}" cy="{px(self.at_y(y))}" r="{radius:g}"{fade}/>'
        return Markup(shape)  # noqa: S704  numbers and our own class names only

    def box(self, x: tuple[float, float], y: tuple[float, float], kind: str, opacity: float = 1) -> Markup:
        """A filled rectangle between data values."""
        left, right = self.at_x(x[0]), self.at_x(x[1])
        low, high = self.at_y(y[0]), self.at_y(y[1])
        shape = (
            f'<rect class="k-fill {kind}" x="{px(left)}" y="{px(high)}" width="{px(right - left)}"'
            f' height="{px(low - high)}" opacity="{opacity:.2f}"/>'
        )
        return Markup(shape)  # noqa: S704  numbers and our own class names only

    def cells(self, across: FloatArray, up: FloatArray, places: NDArray[np.int64], kind: str, opacity: float) -> Markup:
        """Cells of a grid with edges ``across`` and ``up``, places (k, 2) of them filled, as one path."""
        wide, high = self.at_x(across[1]) - self.at_x(across[0]), self.at_y(up[0]) - self.at_y(up[1])
        box = f"h{px(wide)}v{px(high)}h-{px(wide)}z"
        corners = "".join(f"M{px(self.at_x(across[i]))} {px(self.at_y(up[j + 1]))}{box}" for i, j in places.tolist())
        return Markup('<path class="k-fill {}" opacity="{:.3g}" d="{}"/>').format(kind, opacity, corners)


def picture(parts: Iterable[Markup], description: str, width: int = WIDTH, height: int = HEIGHT) -> Markup:
    """A whole SVG; the description is what a screen reader says."""
    frame = Markup('<svg viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="img" aria-label="{2}">{3}</svg>')
    return frame.format(width, height, description, join(parts))


def legend(entries: Sequence[tuple[str, str]], width: int = WIDTH) -> Markup:
    """Names beside a stroke of their line's kind, in one row above the plot, to the right."""
    at = width - MARGINS[1] - sum(_name_width(name) for name, _ in entries)
    parts = []
    for name, kind in entries:
        parts += [_segment((at, 12), (at + 18, 12), f"k-line {kind}"), text(at + 23, 16, name, "k-tick", "start")]
        at += _name_width(name)
    return join(parts)


def _name_width(name: str) -> int:
    """About as many pixels as a legend's entry needs."""
    return 36 + 7 * len(name)


def text(x: float, y: float, content: str, kind: str, anchor: str) -> Markup:
    """A text at a pixel; anchor is start, middle or end."""
    shape = Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>')
    return shape.format(kind, px(x), px(y), anchor, content)


def join(parts: Iterable[Markup]) -> Markup:
    """Parts one after another."""
    return Markup("").join(parts)


def ticks(low: float, high: float) -> list[float]:
    """About five round values (1, 2 or 5 times a power of ten apart) within a range."""
    rough = (high - low) / 5
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first, last = np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9)
    return [float(step * index) + 0.0 for index in np.arange(first, last + 1)]


def padded(values: FloatArray, share: float = 0.05) -> tuple[float, float]:
    """A range around all finite values, a little wider; never empty."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    room = (high - low) * share or abs(high) * share or 1.0
    return low - room, high + room


def tick_text(value: float) -> str:
    """A tick's number, short."""
    return f"{value / 1e6:.4g}M" if abs(value) >= 1e6 else f"{round(value, 10):,.4g}"


def px(value: float) -> str:
    """A pixel, to a tenth."""
    return f"{value:.1f}".removesuffix(".0")


def _segment(start: tuple[float, float], end: tuple[float, float], kind: str) -> Markup:
    shape = Markup('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>')
    return shape.format(kind, px(start[0]), px(start[1]), px(end[0]), px(end[1]))
