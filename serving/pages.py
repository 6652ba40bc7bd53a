"""What is for people, and for tools that read descriptions, as a FastAPI application.

The model's card, the API's document and page, and the landing page. What has to be fast is answered below it.
"""

from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request, Response

from serving.auth import Keys
from serving.http import Call, Reply, encode, refused
from serving.landing import PAGE, Landing
from serving.model import Model, Slot
from serving.openapi import document
from serving.plane import Plane
from serving.problem import RefusedError
from serving.reference import render_reference


def _call(request: Request) -> Call:
    call: Call = request.state.call
    return call


Asked = Annotated[Call, Depends(_call)]
"""The request as the gate let it in."""


class Pages(FastAPI):
    """An application whose document is the model's: made from the contract of the one in use, with its examples."""

    def __init__(self, slot: Slot, *, keys: bool) -> None:
        super().__init__(docs_url=None, redoc_url=None, openapi_url=None)  # FastAPI's page loads scripts from a CDN
        self._slot = slot
        self._keys = keys

    def openapi(self) -> dict[str, Any]:
        """The document of the model in use."""
        return document(self._slot.model, keys=self._keys)


def create_pages(plane: Plane, keys: Keys | None = None, dashboard: str | None = None) -> Pages:
    """The application over a data plane. ``keys``: callers need one, so pages say how to send it."""
    app = Pages(plane.slot, keys=keys is not None)
    landing = Landing(plane, keys, dashboard)
    app.add_exception_handler(RefusedError, _refused)

    @app.get("/")
    async def show(call: Asked) -> Response:
        return _response(landing.show(call))

    @app.post("/")
    async def answer(call: Asked) -> Response:
        return _response(landing.answer(call))

    @app.get("/model")
    async def model() -> Response:
        return _response(encode(card(plane.model())))

    @app.get("/docs")
    async def docs() -> Response:
        return _response(Reply(200, render_reference(app.openapi()).encode(), PAGE))

    @app.get("/openapi.json")
    async def openapi() -> Response:
        return _response(encode(app.openapi()))

    return app


def _response(reply: Reply) -> Response:
    response = Response(reply.body, reply.status)
    response.raw_headers.extend(reply.headers)
    return response


async def _refused(_: Request, error: Exception) -> Response:
    if not isinstance(error, RefusedError):
        raise error
    return _response(refused(error))


def card(model: Model) -> dict[str, Any]:
    """What a model is, as JSON."""
    manifest, certificate = model.manifest, model.bundle.certificate
    return {
        "name": model.name,
        "version": model.version,
        "digest": model.bundle.digest,
        "data_version": manifest.data_version,
        "code_version": manifest.code_version,
        "task": manifest.task,
        "classes": list(manifest.classes),
        "threshold": manifest.threshold,
        "interval": manifest.interval.model_dump() if manifest.interval else None,
        "estimator": manifest.estimator,
        "portable": manifest.portable,
        "features": list(model.door.features),
        "certified": model.certified,
        "certificate": certificate.model_dump(mode="json") if certificate else None,
        "since": model.since.isoformat(),
    }
