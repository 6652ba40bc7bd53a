"""The smoke test: a bundle's own sample rows, asked through the real route, must get the bundle's own answers."""

import json
import math
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from evenkeel.bundle import SAMPLES
from evenkeel.release import Release
from evenkeel.rollout.driver import Endpoint
from evenkeel.storage import read_bytes

TOLERANCE = 1e-9
"""Of a probability or, relatively, of a value: what another order of additions may do."""
_SECONDS = 10.0


@dataclass(frozen=True)
class Smoke:
    """What the route answered."""

    passed: bool
    told: str
    answered: bool = True
    """False: nobody answered, or not yet this version; routes need a moment to follow what was applied."""


def ask(endpoint: Endpoint, release: Release, key: str | None = None) -> Smoke:
    """Ask for all sample rows of the release in one request. Raises StorageError where the samples cannot be read."""
    samples = json.loads(read_bytes(f"{release.bundle}/{SAMPLES}"))
    try:
        answer = _post(endpoint, {"rows": [sample["features"] for sample in samples]}, key)
    except urllib.error.HTTPError as exc:
        unready = exc.code in (404, 429, 500, 502, 503, 504)
        return Smoke(False, f"{endpoint.url} answers {exc.code} {_first(exc)}", answered=not unready)
    except (OSError, ValueError) as exc:
        return Smoke(False, f"{endpoint.url} does not answer: {exc}", answered=False)
    if answer.get("version") != release.version:
        told = f"{endpoint.url} leads to version {answer.get('version')}, not to {release.version}"
        return Smoke(False, told, answered=False)
    return _compared(samples, answer.get("predictions", []))


def _post(endpoint: Endpoint, content: dict[str, Any], key: str | None) -> dict[str, Any]:
    headers = {"Content-Type": "application/json", "X-Request-Id": "evenkeel-smoke-test", **endpoint.headers}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    url = f"{endpoint.url.rstrip('/')}/predict"
    request = urllib.request.Request(url, json.dumps(content).encode(), headers)  # noqa: S310  the driver names it
    with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
        read: dict[str, Any] = json.loads(answer.read())
    return read


def _compared(samples: list[dict[str, Any]], answers: list[dict[str, Any]]) -> Smoke:
    if len(answers) != len(samples):
        return Smoke(False, f"{len(samples)} sample rows got {len(answers)} answers")
    for row, (sample, answer) in enumerate(zip(samples, answers, strict=True)):
        if not _same(sample["answer"], answer):
            return Smoke(False, f"sample row {row} is answered {_brief(answer)}, its bundle says {sample['answer']}")
    return Smoke(True, f"{len(samples)} sample rows answered as the bundle does")


def _same(recorded: dict[str, Any], answer: dict[str, Any]) -> bool:
    if "value" in recorded:
        value = answer.get("value")
        return value is not None and math.isclose(value, recorded["value"], rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    probabilities = list(answer.get("probabilities", {}).values())
    return len(probabilities) == len(recorded["probabilities"]) and all(
        math.isclose(one, other, rel_tol=0, abs_tol=TOLERANCE)
        for one, other in zip(probabilities, recorded["probabilities"], strict=True)
    )


def _brief(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: answer.get(name) for name in ("value", "label", "probabilities") if name in answer}


def _first(error: urllib.error.HTTPError) -> str:
    return error.read(300).decode("utf-8", "replace").strip()
