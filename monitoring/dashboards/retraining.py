"""The loop: what asked for a new model, what the governor decided, and what became of it."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from monitoring.dashboards.panels import graph, new_dashboard, number, rows, states

_MODEL = 'model="$model"'


def retraining() -> Dashboard:
    """The page of the loop of the model that is chosen."""
    started = f"max(ml_retraining_last_start_timestamp_seconds{{{_MODEL}}})"
    released = f"max(ml_release_timestamp_seconds{{{_MODEL}}})"
    return (
        new_dashboard(
            "evenkeel-retraining", "Retraining", "Who asked for a new model, and what became of it.", of_model=True
        )
        .with_panel(number("Last start", f"time() - {started}", "s", width=6, note="Ago."))
        .with_panel(number("Last release", f"time() - {released}", "s", width=6, note="Ago."))
        .with_panel(number("Running", f"max(ml_retraining_running{{{_MODEL}}})", "bool_yes_no", width=6))
        .with_panel(
            number(
                "Reasons now", f'count(ALERTS{{{_MODEL},alertstate="firing",action="retrain"}}) or vector(0)', width=6
            )
        )
        .with_row(Row("Asked for"))
        .with_panel(
            states(
                "Alarms",
                {"{{alarm}}": f"max by (alarm) (ml_monitoring_alarm{{{_MODEL}}})"},
                note="Input shift, label shift and performance drop ask for a new model, unless data are broken.",
            )
        )
        .with_panel(
            states(
                "Alerts that ask for a new model",
                {
                    "{{alertname}} {{model_version}}": "max by (alertname, model_version)"
                    f' (ALERTS{{{_MODEL},alertstate="firing",action="retrain"}})'
                },
            )
        )
        .with_row(Row("Decided"))
        .with_panel(
            graph(
                "Decisions",
                {"{{decision}}": f"sum by (decision) (increase(ml_retraining_decisions_total{{{_MODEL}}}[1h]))"},
                note="In the hour before. Reasons: make retrain-log.",
            )
        )
        .with_panel(
            graph(
                "Retrainings that ended",
                {"{{outcome}}": f"sum by (outcome) (increase(ml_retraining_runs_total{{{_MODEL}}}[1h]))"},
                note="In the hour before. Refused: the gate kept the champion.",
            )
        )
        .with_row(Row("All models"))
        .with_panel(
            rows(
                "Decisions since the governor started",
                {"Times": ("sum by (model, decision) (ml_retraining_decisions_total)", "none")},
                width=12,
            )
        )
        .with_panel(
            rows(
                "Models",
                {
                    "Released": ("1000 * max by (model) (ml_release_timestamp_seconds)", "dateTimeAsIso"),
                    "Retraining started": (
                        "1000 * max by (model) (ml_retraining_last_start_timestamp_seconds)",
                        "dateTimeAsIso",
                    ),
                    "Running": ("max by (model) (ml_retraining_running)", "bool_yes_no"),
                },
                width=12,
            )
        )
    )
