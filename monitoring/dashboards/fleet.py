"""All models on one page: which are well, which are not, which nobody watches."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from grafana_foundation_sdk.builders.table import Panel

from monitoring.dashboards.panels import graph, new_dashboard, number, rows, states

_BY_MODEL = "max by (model, model_version)"
_ALERT = "max by (alertname, model, model_version, job, severity, action)"


def fleet() -> Dashboard:
    """The overview."""
    return (
        new_dashboard("evenkeel-fleet", "Fleet", "All models at a glance.", of_model=False)
        .with_panel(number("Models released", "count(count by (model) (ml_release_info))"))
        .with_panel(
            number(
                "Models with an alarm",
                "count(count by (model) (ml_monitoring_alarm == 1)) or vector(0)",
                bad_from=1,
                note="Of the newest window that was checked.",
            )
        )
        .with_panel(number("Stale models", "count(model:ml_monitoring_stale:seconds) or vector(0)", bad_from=1))
        .with_panel(number("Oldest window", "max(model:ml_monitoring_age:seconds)", "s"))
        .with_panel(number("Requests", "sum(rate(ml_inference_requests_total[$__rate_interval]))", "reqps"))
        .with_panel(
            number(
                "Failed requests, 1 h",
                "max(model:ml_inference_errors:ratio_rate1h)",
                "percentunit",
                bad_from=0.001,
                note="Of the worst model. The objective is one in a thousand.",
            )
        )
        .with_panel(_models())
        .with_row(Row("Alarms"))
        .with_panel(
            states(
                "Alarms",
                {"{{model}} {{alarm}}": "max by (model, alarm) (ml_monitoring_alarm)"},
                note="What each model's newest window says together with those before it.",
            )
        )
        .with_panel(
            rows(
                "Alerts firing",
                {
                    "Firing": (
                        f'{_ALERT} (ALERTS{{namespace="evenkeel",alertstate="firing"}})',
                        "none",
                    )
                },
                width=12,
                note="Of Prometheus, before Alertmanager groups, holds back and routes them.",
            )
        )
        .with_row(Row("Traffic"))
        .with_panel(
            graph(
                "Requests",
                {"{{model}}": "sum by (model) (rate(ml_inference_requests_total[$__rate_interval]))"},
                "reqps",
            )
        )
        .with_panel(
            graph(
                "Failed requests",
                {"{{model}} {{model_version}}": "model:ml_inference_errors:ratio_rate5m"},
                "percentunit",
            )
        )
        .with_row(Row("Servers"))
        .with_panel(
            rows(
                "Servers",
                {
                    "Ready": ("max by (job, instance) (ml_server_ready)", "bool_yes_no"),
                    "Release read": ("max by (job, instance) (ml_release_source_up)", "bool_yes_no"),
                    "Uncertified": ("max by (job, instance) (ml_uncertified)", "bool_yes_no"),
                    "In progress": ("max by (job, instance) (ml_inference_requests_in_progress)", "none"),
                    "Model since": (
                        "1000 * max by (job, instance, model, model_version) (ml_model_loaded_timestamp_seconds)",
                        "dateTimeAsIso",
                    ),
                },
            )
        )
    )


def _models() -> Panel:
    performance = "max by (model, model_version, metric)"
    columns = {
        "Released": (f"1000 * {_BY_MODEL} (ml_release_timestamp_seconds)", "dateTimeAsIso"),
        "Window age": ("model:ml_monitoring_age:seconds", "s"),
        "Rows": (f"{_BY_MODEL} (ml_monitoring_window_rows)", "short"),
        "Features moved": ("model:ml_features_drifted:ratio", "percentunit"),
        "Alarms": (
            "sum by (model, model_version) (max by (model, model_version, alarm) (ml_monitoring_alarm))",
            "none",
        ),
        "Labelled": (f"{_BY_MODEL} (ml_label_coverage_ratio)", "percentunit"),
        "Live": (f"{performance} (ml_model_performance_score)", "short"),
        "At registration": (f"{performance} (ml_model_performance_baseline_score)", "short"),
    }
    return rows("Models", columns, note="An empty cell is not known yet. Open a model by the menu at the top.")
