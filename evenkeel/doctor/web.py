"""Asking an endpoint: its answer, and how far its clock is from ours."""

import datetime as dt
import http.client
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from pydantic import SecretStr

_SECONDS = 5.0
MOST_SKEW = 30.0
"""Seconds: signed requests and 'newer than' queries go wrong from there on."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    """0: nobody answered."""
    body: str
    skew: float | None = None
    """Their clock less ours, in seconds, as far as a Date header tells."""

    @property
    def content(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def at(self, *names: str) -> Any:
        """What lies below these names; None where the answer is not of that shape, as a login page is not."""
        value = self.content
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        return value


def bearer(token: SecretStr | None) -> dict[str, str]:
    """The header that lets us in, where there is a token."""
    return {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}


def ask(url: str, headers: dict[str, str] | None = None) -> Answer:
    """Ask once; never raises for what the endpoint is."""
    try:
        request = urllib.request.Request(url, headers=headers or {})  # noqa: S310  a setting names it
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
            return Answer(answer.status, answer.read().decode("utf-8", "replace"), skew(answer.headers.get("Date")))
    except urllib.error.HTTPError as exc:
        with exc:
            return Answer(exc.code, exc.read(2000).decode("utf-8", "replace"), skew(exc.headers.get("Date")))
    except (OSError, ValueError, http.client.HTTPException) as exc:
        return Answer(0, str(getattr(exc, "reason", "") or f"{type(exc).__name__}: {exc}"))


def skew(date: str | None) -> float | None:
    """Their clock less ours in seconds, by a Date header; None where it is none."""
    try:
        theirs = parsedate_to_datetime(date or "")
    except ValueError:
        return None
    return (theirs.replace(tzinfo=theirs.tzinfo or dt.UTC) - dt.datetime.now(dt.UTC)).total_seconds()
