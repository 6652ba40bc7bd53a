"""The data of one model: what is missing, never seen or against the contract, and whether the ledger keeps up."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from monitoring.dashboards.panels import graph, new_dashboard, number

_MODEL = 'model="$model"'
_RATE = "[$__rate_interval]"
_FEATURE = "max by (model_version, feature)"


def data() -> Dashboard:
    """The page of the data of the model that is chosen."""
    built = new_dashboard(
        "evenkeel-data", "Data", "One model's data: missing, unseen, against the contract; the ledger.", of_model=True
    )
    _summary(built)
    _windows(built.with_row(Row("Windows that were checked")))
    _door(built.with_row(Row("At the server's door")))
    _ledger(built.with_row(Row("Ledger, of all servers")))
    return built


def _summary(built: Dashboard) -> None:
    broken = f'max(ml_monitoring_alarm{{{_MODEL},alarm="data_quality"}})'
    missing = (
        f"max({_FEATURE} (ml_feature_missing_ratio{{{_MODEL}}})"
        f" - {_FEATURE} (ml_feature_reference_missing_ratio{{{_MODEL}}}))"
    )
    built.with_panel(number("Data broken", broken, "bool_yes_no", bad_from=1, width=6))
    built.with_panel(number("Most missing beyond training", missing, "percentunit", bad_from=0.2, width=6))
    unseen = f"max(ml_feature_unseen_ratio{{{_MODEL}}})"
    built.with_panel(number("Most never seen in training", unseen, "percentunit", bad_from=0.2, width=6))
    lost = "sum(increase(ml_prediction_log_dropped_total[1d])) or vector(0)"
    built.with_panel(number("Ledger rows lost, 1 d", lost, bad_from=1, width=6))


def _windows(built: Dashboard) -> None:
    missing = f"{_FEATURE} (ml_feature_missing_ratio{{{_MODEL}}})"
    known = f"{_FEATURE} (ml_feature_reference_missing_ratio{{{_MODEL}}})"
    built.with_panel(graph("Missing beyond training", {"{{feature}}": f"topk(10, {missing} - {known})"}, "percentunit"))
    unseen = f"topk(10, {_FEATURE} (ml_feature_unseen_ratio{{{_MODEL}}}))"
    built.with_panel(graph("Never seen in training", {"{{feature}}": unseen}, "percentunit"))
    violations = f"topk(10, {_FEATURE} (ml_feature_violations{{{_MODEL}}}))"
    built.with_panel(
        graph("Against the contract, and let in", {"{{feature}}": violations}, note="Values of the window.")
    )
    count = f"max by (model_version) (ml_monitoring_window_rows{{{_MODEL}}})"
    seconds = f"max by (model_version) (ml_monitoring_duration_seconds{{{_MODEL}}})"
    built.with_panel(graph("Predictions in the window", {"{{model_version}}": count}, width=6))
    built.with_panel(graph("How long its check took", {"{{model_version}}": seconds}, "s", width=6))


def _door(built: Dashboard) -> None:
    broken = f"sum by (column, rule, outcome) (rate(ml_contract_violations_total{{{_MODEL}}}{_RATE}))"
    built.with_panel(
        graph(
            "Against the contract",
            {"{{column}} {{rule}} {{outcome}}": f"topk(10, {broken})"},
            "ops",
            note="Refused: the caller got an error. Warned: it was answered.",
        )
    )
    built.with_panel(
        graph(
            "Rows answered",
            {"{{model_version}}": f"sum by (model_version) (rate(ml_inference_rows_total{{{_MODEL}}}{_RATE}))"},
            "ops",
            width=6,
        )
    )
    built.with_panel(
        graph(
            "Refused for load",
            {"{{reason}}": f"sum by (reason) (rate(ml_inference_shed_total{_RATE}))"},
            "ops",
            width=6,
        )
    )


def _ledger(built: Dashboard) -> None:
    built.with_panel(
        graph(
            "Rows",
            {
                "written": f"sum(rate(ml_prediction_log_rows_total{_RATE}))",
                "lost: {{reason}}": f"sum by (reason) (rate(ml_prediction_log_dropped_total{_RATE}))",
            },
            "ops",
            width=8,
        )
    )
    built.with_panel(
        graph(
            "Waiting to be written",
            {
                "rows": "sum(ml_prediction_log_queue_rows)",
                "failed attempts": f"sum(increase(ml_prediction_log_write_failures_total{_RATE}))",
            },
            width=8,
        )
    )
    built.with_panel(graph("Labels taken", {"labels": f"sum(rate(ml_feedback_labels_total{_RATE}))"}, "ops", width=8))
