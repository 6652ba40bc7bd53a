"""What is for people, and for tools that read descriptions: the model's card, the API's document and page."""

from typing import Any

from serving.http import Call, Reply, encode
from serving.landing import PAGE
from serving.model import Model
from serving.openapi import document
from serving.plane import Plane
from serving.reference import render_reference


class Pages:
    """The pages of the model in use."""

    def __init__(self, plane: Plane, *, keys: bool) -> None:
        self._plane = plane
        self._keys = keys

    def card(self, _: Call) -> Reply:
        """``GET /model``: which model answers, since when, and what was proved about it."""
        return encode(card(self._plane.model()))

    def document(self, _: Call) -> Reply:
        """``GET /openapi.json``."""
        return encode(document(self._plane.slot.model, keys=self._keys))

    def docs(self, _: Call) -> Reply:
        """``GET /docs``."""
        content = render_reference(document(self._plane.slot.model, keys=self._keys))
        return Reply(200, content.encode(), PAGE)


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
