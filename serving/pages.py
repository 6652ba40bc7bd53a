"""What is not hot, by FastAPI: the API pages under /docs and the document behind them.

FastAPI is imported when the first of these pages is asked for, beside the event loop: a server that is asked for
predictions alone starts sooner and stays smaller.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from serving.http import Call, Receive, Reply, Scope, Send, encode
from serving.model import Model, Slot
from serving.openapi import document
from serving.plane import Plane

if TYPE_CHECKING:
    from fastapi import FastAPI


class Pages:
    """The FastAPI application of a slot, made when it is needed."""

    paths = frozenset({"/docs", "/docs/oauth2-redirect", "/openapi.json"})

    def __init__(self, slot: Slot, *, keys: bool) -> None:
        self._slot = slot
        self._keys = keys
        self._making = asyncio.Lock()
        self._made: FastAPI | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by FastAPI."""
        async with self._making:
            if self._made is None:
                self._made = await asyncio.to_thread(self._make)
        await self._made(scope, receive, send)

    def _make(self) -> "FastAPI":
        from fastapi import FastAPI

        pages = FastAPI(title="Evenkeel", docs_url="/docs", redoc_url=None, openapi_url="/openapi.json")
        pages.openapi = lambda: document(self._slot.model, keys=self._keys)  # type: ignore[method-assign]
        return pages


class Card:
    """``GET /model``: which model answers, since when, and what was proved about it."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    async def show(self, _: Call) -> Reply:
        """The card of the model in use."""
        return encode(card(self._plane.model()))


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
