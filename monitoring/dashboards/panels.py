"""What all dashboards are made of: panels over one chosen Prometheus, in one hand."""

from collections.abc import Mapping
from typing import TypeVar

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models.common import DataSourceRef, LegendDisplayMode, TableCellHeight, VisibilityMode
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DataTransformerConfig,
    DynamicConfigValue,
    Threshold,
    ThresholdsMode,
    VariableRefresh,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

DATASOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
HEIGHT = 8

_P = TypeVar("_P", timeseries.Panel, stat.Panel, statetimeline.Panel, table.Panel)


def new_dashboard(uid: str, title: str, description: str, *, of_model: bool) -> dashboard.Dashboard:
    """An empty one, with the choice of a Prometheus and, where it is of one model, of the model."""
    built = (
        dashboard.Dashboard(f"Evenkeel / {title}")
        .uid(uid)
        .description(description)
        .tags(["evenkeel"])
        .readonly()
        .refresh("1m")
        .time("now-7d", "now")
        .timezone("utc")
        .link(
            dashboard.DashboardLink("Evenkeel").type(DashboardLinkType.DASHBOARDS).tags(["evenkeel"]).as_dropdown(True)
        )
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    )
    if of_model:
        models = 'label_values({__name__=~"ml_release_info|ml_monitoring_window_rows|ml_model_info"}, model)'
        built.with_variable(
            dashboard.QueryVariable("model")
            .label("Model")
            .datasource(DATASOURCE)
            .query(models)
            .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        )
        mark(
            built,
            "Releases",
            "green",
            'max by (model_version) (ml_release_timestamp_seconds{model="$model"})',
            "{{model_version}} released",
        )
        mark(
            built,
            "Taken up",
            "blue",
            'max by (model_version) (ml_model_loaded_timestamp_seconds{model="$model"})',
            "{{model_version}} serves",
        )
        mark(
            built,
            "Retraining",
            "purple",
            'max by (model) (ml_retraining_last_start_timestamp_seconds{model="$model"})',
            "retraining started",
        )
    return built


def mark(built: dashboard.Dashboard, name: str, color: str, expression: str, title: str) -> None:
    """Annotations at the times that the query's values are (seconds since 1970)."""
    built.annotation(
        dashboard.AnnotationQuery()
        .name(name)
        .datasource(DATASOURCE)
        .enable(True)
        .icon_color(color)
        .expr(f"1000 * {expression}")
        .use_value_for_time(True)
        .step("60s")
        .title_format(title)
    )


def graph(
    title: str, queries: Mapping[str, str], unit: str = "short", *, note: str = "", width: int = 12
) -> timeseries.Panel:
    """Lines over time. ``queries``: legend -> PromQL."""
    panel = (
        timeseries.Panel()
        .fill_opacity(8)
        .line_width(1)
        .show_points(VisibilityMode.AUTO)
        .legend(
            common.VizLegendOptions().display_mode(LegendDisplayMode.TABLE).calcs(["lastNotNull"]).show_legend(True)
        )
    )
    return _filled(panel, title, queries, unit, note, width)


def number(
    title: str, query: str, unit: str = "short", *, note: str = "", width: int = 4, bad_from: float | None = None
) -> stat.Panel:
    """One figure of now; red from ``bad_from`` on."""
    panel = stat.Panel().no_value("unknown").thresholds(thresholds(bad_from))
    return _filled(panel, title, {"": query}, unit, note, width, instant=True).height(4)


def states(title: str, queries: Mapping[str, str], *, note: str = "", width: int = 12) -> statetimeline.Panel:
    """What was on when: 0 green, 1 red."""
    panel = statetimeline.Panel().thresholds(thresholds(1)).show_value(VisibilityMode.NEVER).merge_values(True)
    return _filled(panel, title, queries, "short", note, width)


def rows(title: str, columns: Mapping[str, tuple[str, str]], *, note: str = "", width: int = 24) -> table.Panel:
    """A table of now, a row per set of labels. ``columns``: heading -> (PromQL, unit)."""
    panel = _filled(table.Panel(), title, {}, "short", note, width).cell_height(TableCellHeight.SM)
    renamed = {}
    for letter, (heading, (query, unit)) in zip("ABCDEFGH", columns.items(), strict=False):
        panel.with_target(target(letter, query, "", instant=True).format(PromQueryFormat.TABLE))
        panel.override_by_name(heading, [DynamicConfigValue("unit", unit)])
        renamed[f"Value #{letter}" if len(columns) > 1 else "Value"] = heading
    organize = {"renameByName": renamed, "excludeByName": {"Time": True}}
    return panel.with_transformation(DataTransformerConfig("merge", options={})).with_transformation(
        DataTransformerConfig("organize", options=organize)
    )


def thresholds(bad_from: float | None) -> dashboard.ThresholdsConfig:
    """Green, and red from a value on."""
    steps = [Threshold(value=None, color="green")]
    if bad_from is not None:
        steps.append(Threshold(value=bad_from, color="red"))
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def target(letter: str, expression: str, legend: str, *, instant: bool = False) -> prometheus.Dataquery:
    """One query."""
    query = prometheus.Dataquery().datasource(DATASOURCE).ref_id(letter).expr(expression).legend_format(legend)
    return query.instant() if instant else query.range()


def _filled(
    panel: _P, title: str, queries: Mapping[str, str], unit: str, note: str, width: int, *, instant: bool = False
) -> _P:
    panel.title(title).description(note).datasource(DATASOURCE).unit(unit).span(width).height(HEIGHT)
    for letter, (legend, query) in zip("ABCDEFGH", queries.items(), strict=False):
        panel.with_target(target(letter, query, legend, instant=instant))
    return panel
