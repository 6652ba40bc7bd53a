"""One model: its traffic, how its inputs moved, how good it is, and which version answered when."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from grafana_foundation_sdk.builders.timeseries import Panel
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from monitoring.dashboards.panels import graph, new_dashboard, number, rows, states

_MODEL = 'model="$model"'
_RATE = "[$__rate_interval]"


def model() -> Dashboard:
    """The page of the model that is chosen."""
    built = new_dashboard("evenkeel-model", "Model", "One model: traffic, drift, performance, versions.", of_model=True)
    _summary(built)
    _traffic(built.with_row(Row("Traffic")))
    _drift(built.with_row(Row("Drift, of the windows that were checked")))
    _quality(built.with_row(Row("Performance, of the windows that were checked")))
    _versions(built.with_row(Row("Versions")))
    return built


def _summary(built: Dashboard) -> None:
    built.with_panel(number("Requests", f"sum(rate(ml_inference_requests_total{{{_MODEL}}}{_RATE}))", "reqps"))
    built.with_panel(
        number(
            "Failed requests, 1 h",
            f"max(model:ml_inference_errors:ratio_rate1h{{{_MODEL}}})",
            "percentunit",
            bad_from=0.001,
        )
    )
    built.with_panel(
        number("Features moved", f"max(model:ml_features_drifted:ratio{{{_MODEL}}})", "percentunit", bad_from=0.15)
    )
    built.with_panel(number("Live performance", f"max(ml_model_performance_score{{{_MODEL}}})"))
    built.with_panel(number("Labelled", f"max(ml_label_coverage_ratio{{{_MODEL}}})", "percentunit"))
    built.with_panel(number("Window age", f"max(model:ml_monitoring_age:seconds{{{_MODEL}}})", "s"))


def _traffic(built: Dashboard) -> None:
    seconds = f"rate(ml_inference_request_duration_seconds_bucket{{{_MODEL}}}{_RATE})"
    built.with_panel(
        graph(
            "Requests by answer",
            {
                "{{model_version}} {{code}}": f"sum by (model_version, code)"
                f" (rate(ml_inference_requests_total{{{_MODEL}}}{_RATE}))"
            },
            "reqps",
            width=8,
        )
    )
    built.with_panel(
        graph(
            "Latency",
            {
                f"p{share * 100:g}": f"histogram_quantile({share}, sum by (le) ({seconds}))"
                for share in (0.5, 0.95, 0.99)
            },
            "s",
            note="From a request's head to its answer.",
            width=8,
        )
    )
    built.with_panel(
        graph(
            "Objectives",
            {
                "{{model_version}} failed": f"model:ml_inference_errors:ratio_rate5m{{{_MODEL}}}",
                "{{model_version}} slower than 100 ms": f"model:ml_inference_slow:ratio_rate5m{{{_MODEL}}}",
            },
            "percentunit",
            note="Alerts: 99.9 % without a server's error, 99 % within 100 ms.",
            width=8,
        )
    )


def _drift(built: Dashboard) -> None:
    by_feature = "max by (model_version, feature)"
    built.with_panel(
        graph(
            "Features, against the threshold of each",
            {
                "{{feature}}": f"topk(10, {by_feature} (ml_feature_drift_score{{{_MODEL}}}"
                f" / ml_feature_drift_threshold_score{{{_MODEL}}}))"
            },
            note="Debiased population stability index over the feature's threshold: from 1 on a move matters.",
        )
    )
    built.with_panel(
        graph(
            "Features, how far",
            {"{{feature}}": f"topk(10, {by_feature} (ml_feature_distance_score{{{_MODEL}}}))"},
            note="Numbers: Wasserstein distance in training's standard deviations; categories: Jensen-Shannon.",
        )
    )
    built.with_panel(
        graph(
            "Predictions and labels, against their threshold",
            {
                f"{name} {{{{model_version}}}}": f"max by (model_version) (ml_{name}_drift_score{{{_MODEL}}}"
                f" / ml_{name}_drift_threshold_score{{{_MODEL}}})"
                for name in ("prediction", "label")
            },
            note="From 1 on a move matters. Labels: only where there are enough.",
            width=8,
        )
    )
    built.with_panel(
        graph(
            "Share of features that moved",
            {"{{model_version}}": f"model:ml_features_drifted:ratio{{{_MODEL}}}"},
            "percentunit",
            width=8,
        )
    )
    built.with_panel(
        states(
            "Alarms",
            {"{{alarm}}": f"max by (alarm) (ml_monitoring_alarm{{{_MODEL}}})"},
            note="Raised by several windows in a row; broken data and late labels at once.",
            width=8,
        )
    )


def _quality(built: Dashboard) -> None:
    built.with_panel(_performance())
    built.with_panel(
        graph(
            "Labels",
            {"{{model_version}} labelled": f"max by (model_version) (ml_label_coverage_ratio{{{_MODEL}}})"},
            "percentunit",
            note="Share of the window's predictions that have a label.",
            width=6,
        )
    )
    built.with_panel(
        graph(
            "Label delay",
            {"{{model_version}}": f"max by (model_version) (ml_label_delay_seconds{{{_MODEL}}})"},
            "s",
            note="Median from prediction to label.",
            width=6,
        )
    )


def _performance() -> Panel:
    score = f"max by (model_version, metric) (ml_model_performance_%s_score{{{_MODEL}}})"
    bound = f'max by (model_version, metric) (ml_model_performance_bound_score{{{_MODEL},bound="%s"}})'
    panel = graph(
        "Live performance",
        {
            "{{metric}} {{model_version}}": score.replace("_%s", ""),
            "low": bound % "low",
            "high": bound % "high",
            "at registration": score % "baseline",
            "estimated without labels": score % "estimated",
        },
        note="With its bootstrap interval. A gap is not known yet; the estimate cannot see a changed world.",
    )
    thin = [DynamicConfigValue("custom.lineWidth", 0)]
    panel.override_by_name("low", thin)
    panel.override_by_name("high", [*thin, DynamicConfigValue("custom.fillBelowTo", "low")])
    dashed = DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 8]})
    panel.override_by_name("at registration", [dashed])
    panel.override_by_name("estimated without labels", [dashed])
    return panel


def _versions(built: Dashboard) -> None:
    built.with_panel(
        graph(
            "Requests by version",
            {
                "{{model_version}}": f"sum by (model_version) (rate(ml_inference_requests_total{{{_MODEL}}}{_RATE}))",
            },
            "reqps",
            note="Of a rollout: who answered how much.",
        )
    )
    built.with_panel(
        rows(
            "Release and servers",
            {
                "Released": (f"max by (model_version, digest, data_version) (ml_release_info{{{_MODEL}}})", "none"),
                "Servers": (f"count by (model_version, digest, data_version) (ml_model_info{{{_MODEL}}})", "none"),
                "Report": (f"max by (model_version, url) (ml_monitoring_report_info{{{_MODEL}}})", "none"),
            },
            width=12,
        )
    )
