"""Our verdicts as Evidently metrics: a column's drift score with its histogram, and the window as a whole.

Nothing is computed here: what a check found travels as ``additional_data`` and is shown. Types name their modules,
because Evidently's own UI imports by that name what it does not know (EVIDENTLY_TYPE_PREFIXES=monitoring.).
"""

import json
from typing import Any, ClassVar

import plotly.graph_objects as go  # type: ignore[import-untyped]
from evidently import Dataset
from evidently.core.metric_types import (
    BoundTest,
    MetricCalculationBase,
    MetricTest,
    MetricTestResult,
    SingleValue,
    SingleValueCalculation,
    SingleValueMetric,
    SingleValueTest,
    TestStatus,
)
from evidently.core.report import Context
from evidently.legacy.renderers.html_widgets import CounterData, WidgetSize, counter, plotly_figure, text_widget

FOUND = "evenkeel"
"""The name of the additional data: one row, whose column ``json`` holds what there is to show."""


class Passes(MetricTest):  # type: ignore[misc]
    """Fails where the check said so: a score over its threshold alone may be chance."""

    class Config:  # noqa: D106  pydantic's
        type_alias: ClassVar[str] = "monitoring.drift.metric.Passes"

    passes: bool
    because: str

    def to_test(self) -> SingleValueTest:
        """Evidently's function for it."""

        def run(_: Context, metric: MetricCalculationBase[Any], value: SingleValue) -> MetricTestResult:
            return MetricTestResult(
                id="evenkeel",
                name=value.display_name,
                description=self.because,
                status=TestStatus.SUCCESS if self.passes else TestStatus.FAIL,
                metric_config=metric.to_metric_config(),
                test_config=self.dict(),
            )

        return run


class _Judged(SingleValueMetric):  # type: ignore[misc]
    """A value that the check has judged."""

    passes: bool
    because: str

    class Config:
        type_alias: ClassVar[str] = "monitoring.drift.metric._Judged"

    def _default_tests(self, context: Context) -> list[BoundTest]:  # noqa: ARG002  Evidently's signature
        return [Passes(passes=self.passes, because=self.because).bind_single(self.get_fingerprint())]

    def _default_tests_with_reference(self, context: Context) -> list[BoundTest]:
        return self._default_tests(context)


class ColumnDrift(_Judged):
    """Debiased population stability index of one column."""

    class Config:  # noqa: D106  pydantic's
        type_alias: ClassVar[str] = "monitoring.drift.metric.ColumnDrift"

    column: str
    threshold: float
    method: str


class WindowDrift(_Judged):
    """Share of features that moved."""

    class Config:  # noqa: D106  pydantic's
        type_alias: ClassVar[str] = "monitoring.drift.metric.WindowDrift"


class ColumnDriftCalculation(SingleValueCalculation[ColumnDrift]):  # type: ignore[misc]
    """Shows a column."""

    def calculate(self, context: Context, *_: Dataset | None) -> SingleValue:
        """The score, with figures and a histogram."""
        found = _found(context)["columns"][self.metric.column]
        result = self.result(found["score"])
        counters = [CounterData(name, text) for name, text in found["figures"].items()]
        figure = plotly_figure(title="", figure=_histogram(found["cells"]), size=WidgetSize.FULL)
        result.widget = [counter(counters=counters, title=self.display_name()), figure]
        return result

    def display_name(self) -> str:
        """Its title."""
        return f"{self.metric.column}: stability index (moves from {self.metric.threshold:.2f}, {self.metric.method})"


class WindowDriftCalculation(SingleValueCalculation[WindowDrift]):  # type: ignore[misc]
    """Shows the window as a whole."""

    def calculate(self, context: Context, *_: Dataset | None) -> SingleValue:
        """The share, with the window's figures, its alarms, and what this report had to leave out."""
        found = _found(context)["window"]
        result = self.result(found["share"])
        counters = [CounterData(name, text) for name, text in found["figures"].items()]
        notes = [text_widget(text=text, title=title) for title, text in found["notes"].items()]
        result.widget = [counter(counters=counters, title=found["title"]), *notes]
        return result

    def display_name(self) -> str:
        """Its title."""
        return "Share of features that moved"


def _found(context: Context) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(context.additional_data[FOUND].as_dataframe()["json"].iloc[0])
    return content


def _histogram(cells: dict[str, Any]) -> go.Figure:
    sides = {"training": "#9aa5b1", "window": "#c8102e"}
    bars = [go.Bar(x=cells["names"], y=cells[side], name=side, marker_color=color) for side, color in sides.items()]
    figure = go.Figure(bars)
    margin = {"l": 40, "r": 20, "t": 20, "b": 40}
    figure.update_layout(barmode="group", yaxis={"tickformat": ".0%"}, xaxis={"type": "category"}, margin=margin)
    return figure
