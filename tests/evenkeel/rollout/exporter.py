"""A model server and the monitoring, as far as Prometheus sees them: counters that a test moves."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from monitoring.catalogue import CATALOGUE

_KINDS: dict[str, Any] = {"counter": Counter, "gauge": Gauge, "histogram": Histogram}


class Exported:
    """Metrics of the catalogue, made when they are first named, with the labels that the catalogue gives them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._made: dict[str, Any] = {}

    def of(self, name: str, version: str, **labels: str) -> Any:
        """The child of one version of visits. KeyError for a metric that nobody exports."""
        entry = CATALOGUE[name]
        if name not in self._made:
            self._made[name] = _KINDS[entry.kind](name, entry.description, entry.labels, registry=self.registry)
        return self._made[name].labels(model="visits", model_version=version, **labels)


@contextmanager
def exported() -> Iterator[tuple[Exported, int]]:
    """Metrics behind a port."""
    metrics = Exported()
    server, thread = start_http_server(0, "127.0.0.1", metrics.registry)
    try:
        yield metrics, server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
