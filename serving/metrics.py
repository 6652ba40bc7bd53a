"""What the server tells Prometheus. Label children of the hot path are looked up once per model."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from serving.model import Model
from serving.problem import Problem

_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_MODEL = ("model", "model_version")


class Metrics:
    """All metrics of one server, in the registry it is given.

    ``follows``: whether it follows a release; a server that does not has no source to be up or down.
    """

    def __init__(self, registry: CollectorRegistry, *, follows: bool = True) -> None:
        self.registry = registry
        self.requests = Counter(
            "ml_inference_requests_total", "Inference requests by answer.", (*_MODEL, "code"), registry=registry
        )
        self.duration = Histogram(
            "ml_inference_request_duration_seconds",
            "From the request's head to its answer.",
            _MODEL,
            buckets=_BUCKETS,
            registry=registry,
        )
        self.rows = Counter("ml_inference_rows_total", "Rows answered.", _MODEL, registry=registry)
        self.violations = Counter(
            "ml_contract_violations_total",
            "Values, columns and rows that broke the contract, as far as they were listed.",
            (*_MODEL, "column", "rule", "outcome"),
            registry=registry,
        )
        self.concurrency = Gauge("ml_inference_requests_in_progress", "Requests being answered.", registry=registry)
        self.shed = Counter(
            "ml_inference_shed_total", "Requests refused for load, by reason.", ("reason",), registry=registry
        )
        self.info = Gauge("ml_model_info", "The model in use.", (*_MODEL, "digest", "data_version"), registry=registry)
        self.loaded = Gauge(
            "ml_model_loaded_timestamp_seconds", "Since when the model is in use.", _MODEL, registry=registry
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
        self.shadow_rows = Counter("ml_shadow_rows_total", "Rows both models answered.", _MODEL, registry=registry)
        self.shadow_disagreement = Counter(
            "ml_shadow_disagreement_total",
            "Rows on which the shadow model's label differs, or its value by more than a hundredth.",
            _MODEL,
            registry=registry,
        )
        self.shadow_difference = Histogram(
            "ml_shadow_difference_score",
            "Absolute difference of the two models' scores (probability, or value relative to the live one).",
            _MODEL,
            buckets=(0.001, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0),
            registry=registry,
        )

        for outcome in ("switched", "failed"):  # a counter that begins with its first event shows no increase
            self.reloads.labels(outcome)
        for reason in ("queue_full", "shutdown"):
            self.dropped.labels(reason)

    def of(self, model: Model) -> "ModelMetrics":
        """The children of one model."""
        return ModelMetrics(self, model.name, model.version)

    def switched(self, model: Model) -> None:
        """Tell which model is in use now."""
        self.info.clear()
        manifest = model.manifest
        self.info.labels(model.name, model.version, model.bundle.digest, manifest.data_version).set(1)
        self.loaded.clear()
        self.loaded.labels(model.name, model.version).set(model.since.timestamp())
        self.uncertified.set(0 if model.certified else 1)


class ModelMetrics:
    """One model's children of the hot path's metrics."""

    def __init__(self, metrics: Metrics, model: str, version: str) -> None:
        self.duration = metrics.duration.labels(model, version)
        self.rows = metrics.rows.labels(model, version)
        self._requests = metrics.requests
        self._violations = metrics.violations
        self._labels = (model, version)
        self._codes: dict[int, Counter] = {}

    def answered(self, code: int, seconds: float) -> None:
        """Count one answer."""
        child = self._codes.get(code)
        if child is None:
            child = self._codes[code] = self._requests.labels(*self._labels, str(code))
        child.inc()
        self.duration.observe(seconds)

    def violated(self, problems: "list[Problem] | tuple[Problem, ...]", outcome: str) -> None:
        """Count broken rules. Names come from the contract; what it does not know counts under one name."""
        for problem in problems:
            column = "" if problem.rule in ("unknown_column", "row") or problem.column is None else problem.column
            self._violations.labels(*self._labels, column, problem.rule, outcome).inc()
