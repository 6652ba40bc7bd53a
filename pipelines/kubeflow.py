"""The door to a Kubeflow Pipelines API: one client, and its errors as ours, each with the next step."""

import contextlib
import io
import json
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenkeel.errors import PipelineError
from evenkeel.settings import Settings

if TYPE_CHECKING:
    from kfp.client import Client

SERVICE_ACCOUNT_TOKEN = Path("/var/run/secrets/kubeflow/pipelines/token")
"""Where Kubernetes projects a pod's token for this API."""
_SECONDS = 10.0


def connect(settings: Settings) -> "Client":
    """A client of the API at EVENKEEL_KFP_HOST, asked once whether it answers and lets us in. Raises PipelineError."""
    if not settings.kfp_host:
        raise PipelineError("EVENKEEL_KFP_HOST is not set: it names the Kubeflow Pipelines API, http(s)://...")
    if not settings.kfp_host.startswith(("http://", "https://")):
        raise PipelineError(f"EVENKEEL_KFP_HOST {settings.kfp_host!r} must start with http:// or https://")
    host = settings.kfp_host.rstrip("/")
    token = settings.kfp_token.get_secret_value() if settings.kfp_token else _service_account_token()
    multi_user = _ask_health(host, token).get("multi_user", False)
    if multi_user and not settings.kfp_namespace:
        raise PipelineError(f"{host} has many users: set EVENKEEL_KFP_NAMESPACE to your profile's namespace")
    from kfp.client import Client

    with told(host), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This client only works with", FutureWarning)  # said by every client
        return Client(host=host, namespace=settings.kfp_namespace or "kubeflow", existing_token=token, ui_host=host)


@contextlib.contextmanager
def told(host: str) -> Iterator[None]:
    """Errors of the API and of the way to it leave as PipelineError; what the client prints does not leave."""
    from kfp_server_api import ApiException
    from urllib3.exceptions import HTTPError

    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    except ApiException as exc:
        raise PipelineError(_refusal(host, exc.status, exc.body)) from exc
    except HTTPError as exc:
        raise PipelineError(_unreachable(host, exc)) from exc


def _service_account_token() -> str | None:
    return SERVICE_ACCOUNT_TOKEN.read_text(encoding="utf-8").strip() if SERVICE_ACCOUNT_TOKEN.is_file() else None


def _ask_health(host: str, token: str | None) -> dict[str, Any]:
    """What the API says of itself. The client itself would try for half a minute before it says no."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"{host}/apis/v2beta1/healthz", headers=headers)  # noqa: S310  checked above
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
            health: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as exc:
        raise PipelineError(_refusal(host, exc.code, exc.read())) from exc
    except OSError as exc:
        raise PipelineError(_unreachable(host, exc)) from exc
    except ValueError as exc:
        raise PipelineError(
            f"{host} answers, but not as a Kubeflow Pipelines API: is it a login page? Set EVENKEEL_KFP_TOKEN, and"
            " give EVENKEEL_KFP_HOST the address behind which /apis/v2beta1 is (often it ends in /pipeline)"
        ) from exc
    return health


def _unreachable(host: str, exc: Exception) -> str:
    reason = getattr(exc, "reason", exc)
    return f"{host} cannot be reached: {reason}; is EVENKEEL_KFP_HOST right, and the port forwarded or VPN up?"


def _refusal(host: str, status: int, body: str | bytes | None) -> str:
    if status in (401, 403):
        return (
            f"{host} refuses us ({status}): {_message(body)}; set EVENKEEL_KFP_TOKEN to a fresh token, and"
            " EVENKEEL_KFP_NAMESPACE to a namespace it may use"
        )
    return f"{host} refuses the request ({status}): {_message(body)}"


def _message(body: str | bytes | None) -> str:
    """The sentence in an answer of the API, at most a paragraph of it."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else body or "no reason given"
    with contextlib.suppress(ValueError, AttributeError, TypeError):
        answer = json.loads(text)
        text = answer.get("message") or answer.get("error") or text
    return " ".join(str(text).split())[:500]
