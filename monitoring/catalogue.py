"""Every metric that Evenkeel exports, in one table: rules, dashboards and docs may name these and no others.

Names follow Prometheus: base units, ``_ratio``, ``_seconds``, ``_total``; what varies is a label, and every label has
few values: no request, entity, time or category value is ever one. ``model`` is the project's name.
"""

from typing import Literal, NamedTuple

Kind = Literal["gauge", "counter", "histogram"]
Source = Literal["exporter", "server", "governor"]


class Entry(NamedTuple):
    """One metric."""

    source: Source
    """Which process exports it."""
    kind: Kind
    labels: tuple[str, ...]
    description: str


VERSION = ("model", "model_version")
FEATURE = (*VERSION, "feature")

CATALOGUE: dict[str, Entry] = {
    # what is released
    "ml_release_info": Entry("exporter", "gauge", (*VERSION, "digest", "data_version"), "The released model: 1."),
    "ml_release_timestamp_seconds": Entry("exporter", "gauge", VERSION, "When the model was released."),
    # the check itself
    "ml_monitoring_projects": Entry("exporter", "gauge", (), "Projects that are released or were checked."),
    "ml_monitoring_unreadable_files": Entry(
        "exporter", "gauge", ("model",), "Results and release records of a project that cannot be read."
    ),
    "ml_monitoring_window_expected_seconds": Entry(
        "exporter", "gauge", VERSION, "Length of a window that has rows enough, as the released model's project says."
    ),
    "ml_monitoring_window_rows": Entry("exporter", "gauge", VERSION, "Predictions in the newest window."),
    "ml_monitoring_window_length_seconds": Entry("exporter", "gauge", VERSION, "Length of the newest window."),
    "ml_monitoring_window_end_timestamp_seconds": Entry("exporter", "gauge", VERSION, "End of the newest window."),
    "ml_monitoring_last_success_timestamp_seconds": Entry(
        "exporter", "gauge", VERSION, "When the newest window was last checked."
    ),
    "ml_monitoring_duration_seconds": Entry("exporter", "gauge", VERSION, "How long the check of it took."),
    "ml_monitoring_report_info": Entry("exporter", "gauge", (*VERSION, "url"), "Where its HTML report is: 1."),
    "ml_monitoring_suspected": Entry(
        "exporter", "gauge", (*VERSION, "alarm"), "1 where the newest window alone would raise this alarm."
    ),
    "ml_monitoring_alarm": Entry(
        "exporter", "gauge", (*VERSION, "alarm"), "1 where it raises this alarm together with the windows before it."
    ),
    "ml_monitoring_alarm_since_timestamp_seconds": Entry(
        "exporter", "gauge", (*VERSION, "alarm"), "Since when the alarm is raised; absent where it is not."
    ),
    # features
    "ml_features_monitored": Entry("exporter", "gauge", VERSION, "Features that were judged."),
    "ml_features_drifted": Entry("exporter", "gauge", VERSION, "Features that moved."),
    "ml_feature_drift_score": Entry(
        "exporter", "gauge", FEATURE, "Debiased population stability index of a feature against training."
    ),
    "ml_feature_drift_threshold_score": Entry("exporter", "gauge", FEATURE, "Index from which a move matters."),
    "ml_feature_drift_detected": Entry(
        "exporter", "gauge", FEATURE, "1 where the feature moved: more than chance, and large enough to matter."
    ),
    "ml_feature_distance_score": Entry(
        "exporter",
        "gauge",
        FEATURE,
        "Wasserstein distance in training's standard deviations (numbers), Jensen-Shannon distance (categories).",
    ),
    "ml_feature_missing_ratio": Entry("exporter", "gauge", FEATURE, "Share of missing values."),
    "ml_feature_reference_missing_ratio": Entry("exporter", "gauge", FEATURE, "Share of missing values in training."),
    "ml_feature_unseen_ratio": Entry("exporter", "gauge", FEATURE, "Share of values that training never saw."),
    "ml_feature_violations": Entry(
        "exporter", "gauge", FEATURE, "Values in the window that broke the contract and were let in."
    ),
    # predictions and labels
    "ml_prediction_drift_score": Entry("exporter", "gauge", VERSION, "Stability index of the predictions."),
    "ml_prediction_drift_threshold_score": Entry("exporter", "gauge", VERSION, "Index from which a move matters."),
    "ml_prediction_drift_detected": Entry("exporter", "gauge", VERSION, "1 where the predictions moved."),
    "ml_label_drift_score": Entry("exporter", "gauge", VERSION, "Stability index of the labels; absent if too few."),
    "ml_label_drift_threshold_score": Entry("exporter", "gauge", VERSION, "Index from which a move matters."),
    "ml_label_drift_detected": Entry("exporter", "gauge", VERSION, "1 where the labels moved."),
    "ml_label_coverage_ratio": Entry("exporter", "gauge", VERSION, "Share of the window's predictions with a label."),
    "ml_label_delay_seconds": Entry("exporter", "gauge", VERSION, "Median time from prediction to label."),
    # live performance
    "ml_model_performance_score": Entry(
        "exporter", "gauge", (*VERSION, "metric"), "Live performance; absent where it is not known yet."
    ),
    "ml_model_performance_bound_score": Entry(
        "exporter", "gauge", (*VERSION, "metric", "bound"), "Bootstrap interval of live performance: low, high."
    ),
    "ml_model_performance_baseline_score": Entry(
        "exporter", "gauge", (*VERSION, "metric"), "The same metric at registration."
    ),
    "ml_model_performance_estimated_score": Entry(
        "exporter", "gauge", (*VERSION, "metric"), "The same metric estimated without labels: never a trigger."
    ),
    "ml_model_performance_state": Entry(
        "exporter", "gauge", (*VERSION, "state"), "1 at what is known: unknown, immature (few labels) or mature."
    ),
    # retraining
    "ml_retraining_decisions_total": Entry(
        "governor", "counter", ("model", "decision"), "Decisions on retraining, refusals among them."
    ),
    "ml_retraining_last_start_timestamp_seconds": Entry("governor", "gauge", ("model",), "When the last one started."),
    "ml_retraining_running": Entry("governor", "gauge", ("model",), "1 while a retraining runs."),
    "ml_retraining_runs_total": Entry("governor", "counter", ("model", "outcome"), "Retrainings that ended."),
    # serving
    "ml_inference_requests_total": Entry("server", "counter", (*VERSION, "code"), "Inference requests by answer."),
    "ml_inference_request_duration_seconds": Entry(
        "server", "histogram", VERSION, "From the request's head to its answer."
    ),
    "ml_inference_rows_total": Entry("server", "counter", VERSION, "Rows answered."),
    "ml_inference_requests_in_progress": Entry("server", "gauge", (), "Requests being answered."),
    "ml_inference_shed_total": Entry("server", "counter", ("reason",), "Requests refused for load, by reason."),
    "ml_contract_violations_total": Entry(
        "server",
        "counter",
        (*VERSION, "column", "rule", "outcome"),
        "Values, columns and rows that broke the contract, as far as they were listed.",
    ),
    "ml_model_info": Entry("server", "gauge", (*VERSION, "digest", "data_version"), "The model in use."),
    "ml_model_loaded_timestamp_seconds": Entry("server", "gauge", VERSION, "Since when the model is in use."),
    "ml_model_reload_total": Entry("server", "counter", ("outcome",), "Releases taken up, by outcome."),
    "ml_release_source_up": Entry("server", "gauge", (), "Whether the release record could be read last time."),
    "ml_uncertified": Entry("server", "gauge", (), "1 where the model in use has no passing gate certificate."),
    "ml_server_ready": Entry("server", "gauge", (), "Whether the server wants traffic."),
    "ml_prediction_log_dropped_total": Entry("server", "counter", ("reason",), "Ledger rows lost, by reason."),
    "ml_prediction_log_rows_total": Entry("server", "counter", (), "Ledger rows written."),
    "ml_prediction_log_write_failures_total": Entry(
        "server", "counter", (), "Attempts to write the ledger that failed."
    ),
    "ml_prediction_log_queue_rows": Entry("server", "gauge", (), "Ledger rows not yet written."),
    "ml_feedback_labels_total": Entry("server", "counter", (), "Labels taken."),
    "ml_shadow_requests_total": Entry("server", "counter", ("outcome",), "Requests for the shadow model, by outcome."),
    "ml_shadow_rows_total": Entry("server", "counter", VERSION, "Rows both models answered."),
    "ml_shadow_disagreement_total": Entry(
        "server",
        "counter",
        VERSION,
        "Rows on which the shadow model's label differs, or its value by more than a hundredth.",
    ),
    "ml_shadow_difference_score": Entry(
        "server",
        "histogram",
        VERSION,
        "Absolute difference of the two models' scores (probability, or value relative to the live one).",
    ),
}
"""Name -> what it is."""


def series_names() -> frozenset[str]:
    """Every name that a query may use: of a histogram, its three series."""
    ends = {"histogram": ("_bucket", "_sum", "_count")}
    return frozenset(name + end for name, entry in CATALOGUE.items() for end in ends.get(entry.kind, ("",)))
