"""The application: protocols over one data plane, behind one gate.

Protocols, labels, probes and metrics are handlers of our own HTTP layer. Pages and descriptions are FastAPI's, which is
imported when the first of them is asked for: a server that only predicts never holds it.
"""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, generate_latest

from serving.auth import Keys
from serving.bridge import Application, Bridge
from serving.feedback import Feedback
from serving.gate import Gate, Methods
from serving.http import TEXT, Call, Handler, Reply, Route
from serving.ledger import Ledger
from serving.metrics import Metrics
from serving.model import Slot
from serving.plane import Listener, Plane
from serving.rest import Rest
from serving.shadow import Shadow
from serving.v1 import V1
from serving.v2 import V2


def create_app(
    slot: Slot,
    metrics: Metrics,
    *,
    ledger: Ledger | None = None,
    shadow: Shadow | None = None,
    keys: Keys | None = None,
    open_metrics: bool = False,
    dashboard: str | None = None,
) -> Gate:
    """The application over the model in the slot.

    ``open_metrics``: /metrics needs no key. ``dashboard``: the page on the model's drift that / links to.
    """
    listeners: list[Listener] = [listener for listener in (ledger, shadow) if listener is not None]
    plane = Plane(slot, metrics, tuple(listeners))
    open_paths = {"/", "/metrics"} if open_metrics else {"/"}  # / asks for a key itself
    pages = Bridge(lambda: _pages(plane, keys, dashboard)).answer
    return Gate(slot, _routes(plane, ledger, pages), _model_routes(plane), keys, open_paths)


def _routes(plane: Plane, ledger: Ledger | None, pages: Handler) -> dict[str, Methods]:
    page = Route(pages, aside=True)
    v1, v2 = V1(plane), V2(plane)
    return {
        "/": {"GET": page, "POST": plane.inference(pages, aside=True)},
        "/docs": {"GET": page},
        "/openapi.json": {"GET": page},
        "/model": {"GET": page},
        "/feedback": {"POST": Route(Feedback(plane, ledger).take)},
        "/predict": {"POST": plane.inference(Rest(plane).predict)},
        "/healthz": {"GET": Route(v2.live)},
        "/readyz": {"GET": Route(v2.ready)},
        "/metrics": {"GET": Route(_metrics(plane.metrics.registry))},
        "/v2": {"GET": Route(v2.server)},
        "/v2/": {"GET": Route(v2.server)},
        "/v2/health/live": {"GET": Route(v2.live)},
        "/v2/health/ready": {"GET": Route(v2.ready)},
        "/v1/models": {"GET": Route(v1.models)},
    }


def _model_routes(plane: Plane) -> Mapping[str, Mapping[str, Methods]]:
    v1, v2 = V1(plane), V2(plane)
    return {
        "/v2/models/": {
            "/infer": {"POST": plane.inference(v2.infer)},
            "/ready": {"GET": Route(v2.model_ready)},
            "": {"GET": Route(v2.model)},
        },
        "/v1/models/": {
            ":predict": {"POST": plane.inference(v1.predict)},
            "": {"GET": Route(v1.model)},
        },
    }


def _pages(plane: Plane, keys: Keys | None, dashboard: str | None) -> Application:
    from serving.pages import create_pages  # a quarter of a second, and memory, only where pages are read

    return create_pages(plane, keys, dashboard)


def _metrics(registry: CollectorRegistry) -> Handler:
    def show(_: Call) -> Reply:
        return Reply(200, generate_latest(registry), (TEXT,))

    return show
