"""What the server tells Prometheus."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from serving.model import Model
from serving.problem import Problem
from serving.tally import MODEL, Tally


class Metrics:
    """All metrics of one server, in the registry it is given.

    ``follows``: whether it follows a release; a server that does not has no source to be up or down.
    """

    def __init__(self, registry: CollectorRegistry, *, follows: bool = True) -> None:
        self.registry = registry
        self.tally = Tally(registry)
        self.violations = Counter(
            "ml_contract_violations_total",
            "Values, columns and rows that broke the contract, as far as they were listed.",
            (*MODEL, "column", "rule", "outcome"),
            registry=registry,
        )
        self.concurrency = Gauge("ml_inference_requests_in_progress", "Requests being answered.", registry=registry)
        self.shed = Counter(
            "ml_inference_shed_total", "Requests refused for load, by reason.", ("reason",), registry=registry
        )
        self.info = Gauge("ml_model_info", "The model in use.", (*MODEL, "digest", "data_version"), registry=registry)
        self.loaded = Gauge(
            "ml_model_loaded_timestamp_seconds", "Since when the model is in use.", MODEL, registry=registry
        )
        self.reloads = Counter(
            "ml_model_reload_total", "Releases taken up, by outcome.", ("outcome",), registry=registry
        )
        self.source_up = Gauge(
            "ml_release_source_up",
            "Whether the release record could be read last time.",
            registry=registry if follows else None,
        )
        self.uncertified = Gauge(
            "ml_uncertified", "1 where the model in use has no passing gate certificate.", registry=registry
        )
        self.ready = Gauge("ml_server_ready", "Whether the server wants traffic.", registry=registry)
        self.dropped = Counter(
            "ml_prediction_log_dropped_total", "Ledger rows lost, by reason.", ("reason",), registry=registry
        )
        self.logged = Counter("ml_prediction_log_rows_total", "Ledger rows written.", registry=registry)
        self.log_failures = Counter(
            "ml_prediction_log_write_failures_total", "Attempts to write the ledger that failed.", registry=registry
        )
        self.waiting = Gauge("ml_prediction_log_queue_rows", "Ledger rows not yet written.", registry=registry)
        self.feedback = Counter("ml_feedback_labels_total", "Labels taken.", registry=registry)
        self.shadow = Counter(
            "ml_shadow_requests_total", "Requests for the shadow model, by outcome.", ("outcome",), registry=registry
        )
        self.shadow_rows = Counter("ml_shadow_rows_total", "Rows both models answered.", MODEL, registry=registry)
        self.shadow_disagreement = Counter(
            "ml_shadow_disagreement_total",
            "Rows on which the shadow model's label differs, or its value by more than a hundredth.",
            MODEL,
            registry=registry,
        )
        self.shadow_difference = Histogram(
            "ml_shadow_difference_score",
            "Absolute difference of the two models' scores (probability, or value relative to the live one).",
            MODEL,
            buckets=(0.001, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0),
            registry=registry,
        )

        for outcome in ("switched", "failed"):  # a counter that begins with its first event shows no increase
            self.reloads.labels(outcome)
        for reason in ("queue_full", "failed", "shutdown"):
            self.dropped.labels(reason)

    def switched(self, model: Model) -> None:
        """Tell which model is in use now."""
        self.info.clear()
        manifest = model.manifest
        self.info.labels(model.name, model.version, model.bundle.digest, manifest.data_version).set(1)
        self.loaded.clear()
        self.loaded.labels(model.name, model.version).set(model.since.timestamp())
        self.uncertified.set(0 if model.certified else 1)

    def violated(self, model: Model, problems: Sequence[Problem], outcome: str) -> None:
        """Count broken rules. Names come from the contract; what it does not know counts under one name."""
        for problem in problems:
            column = "" if problem.rule in ("unknown_column", "row") or problem.column is None else problem.column
            self.violations.labels(model.name, model.version, column, problem.rule, outcome).inc()
