"""The smoke test: a bundle's own sample rows, asked through the real route, must get the bundle's own answers."""

import http.client
import json
import math
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from evenkeel.bundle import SAMPLES
from evenkeel.release import Release
from evenkeel.rollout.driver import Endpoint
from evenkeel.storage import read_bytes

TOLERANCE = 1e-9
"""Of a probability or, relatively, of a value: what another order of additions may do."""
_SECONDS = 10.0
_BROKEN_CONTRACT = 422
_UNREADY = (404, 429, 500, 502, 503, 504)
"""What gateways say while a route or a server is not there yet."""


class _Prediction(BaseModel):
    label: str | int | bool | None = None
    value: float | None = None
    probabilities: dict[str, float] = {}


class _Answer(BaseModel):
    """What of a server's answer is compared; whoever else answers on this route is no such server."""

    version: str
    predictions: list[_Prediction]


@dataclass(frozen=True)
class Smoke:
    """What the route answered."""

    passed: bool
    told: str
    answered: bool = True
    """False: nobody answered, or not yet this version; routes need a moment to follow what was applied."""


def ask(endpoint: Endpoint, release: Release, key: str | None = None) -> Smoke:
    """Ask for each sample row of the release. Raises StorageError where the samples cannot be read.

    A row that the contract refuses at the door (training let it pass with a warning) says nothing of the model.
    """
    answered = 0
    samples = json.loads(read_bytes(f"{release.bundle}/{SAMPLES}"))
    for row, sample in enumerate(samples):
        smoke = _asked(endpoint, release.version, row, sample, key)
        if smoke is not None and not smoke.passed:
            return smoke
        answered += smoke is not None
    if not answered:
        return Smoke(False, f"{endpoint.url} refuses all {len(samples)} sample rows as breaking the contract")
    return Smoke(True, f"{answered} sample rows answered as the bundle does")


def _asked(endpoint: Endpoint, version: str, row: int, sample: dict[str, Any], key: str | None) -> Smoke | None:
    """What came of one row; None where the door refuses it."""
    try:
        answer = _post(endpoint, {"rows": [sample["features"]]}, key)
    except urllib.error.HTTPError as exc:
        with exc:
            told = f"{endpoint.url} answers {exc.code} {exc.read(300).decode('utf-8', 'replace').strip()}"
        return None if exc.code == _BROKEN_CONTRACT else Smoke(False, told, answered=exc.code not in _UNREADY)
    except ValueError:
        told = f"{endpoint.url} does not lead to a model server: its answer is no prediction"
        return Smoke(False, told, answered=False)
    except (OSError, http.client.HTTPException) as exc:
        return Smoke(False, f"{endpoint.url} does not answer: {exc}", answered=False)
    if answer.version != version:
        return Smoke(False, f"{endpoint.url} leads to version {answer.version}, not to {version}", answered=False)
    if len(answer.predictions) != 1 or not _same(sample["answer"], answer.predictions[0]):
        said = [one.model_dump(exclude_defaults=True) for one in answer.predictions]
        return Smoke(False, f"sample row {row} is answered {said}, its bundle says {sample['answer']}")
    return Smoke(True, "")


def _post(endpoint: Endpoint, content: dict[str, Any], key: str | None) -> _Answer:
    headers = {"Content-Type": "application/json", "X-Request-Id": "evenkeel-smoke-test", **endpoint.headers}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    url = f"{endpoint.url.rstrip('/')}/predict"
    request = urllib.request.Request(url, json.dumps(content).encode(), headers)  # noqa: S310  the driver names it
    with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
        return _Answer.model_validate_json(answer.read())


def _same(recorded: dict[str, Any], answer: _Prediction) -> bool:
    if "value" in recorded:
        return answer.value is not None and math.isclose(
            answer.value, recorded["value"], rel_tol=TOLERANCE, abs_tol=TOLERANCE
        )
    probabilities = list(answer.probabilities.values())
    return len(probabilities) == len(recorded["probabilities"]) and all(
        math.isclose(one, other, rel_tol=0, abs_tol=TOLERANCE)
        for one, other in zip(probabilities, recorded["probabilities"], strict=True)
    )
