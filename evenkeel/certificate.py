"""The gate certificate: every check a candidate was put to, with threshold, value and verdict."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from evenkeel.digest import json_digest
from evenkeel.errors import BundleError

FILE = "certificate.json"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Interval(_Frozen):
    """A metric's value and its bootstrap interval."""

    value: float
    low: float
    high: float


class Check(_Frozen):
    """One gate's verdict."""

    gate: str
    """Name in ``GATES``: require, champion, slices, behaviour, canary..."""
    subject: str
    """What was judged: a metric, a slice, the portable form."""
    value: float | None
    threshold: float | None
    verdict: Literal["pass", "fail", "skip", "warn"]
    """warn: worth a look, and no reason to refuse."""
    reason: str
    """One sentence for people: what was compared with what, and why it passed, failed or was skipped."""


class Reference(_Frozen):
    """The champion a candidate was compared with."""

    version: str
    digest: str


class Certificate(_Frozen):
    """What was proved about one bundle. It names the bundle's digest and holds for no other."""

    format: Literal["evenkeel.certificate/v1"] = "evenkeel.certificate/v1"
    project: str
    bundle: str
    """Digest of the bundle that was judged."""
    data_version: str
    evaluation: str
    """sha256 of the frozen evaluation rows."""
    champion: Reference | None
    metrics: dict[str, Interval]
    champion_metrics: dict[str, Interval] = {}
    checks: tuple[Check, ...]
    passed: bool

    @model_validator(mode="after")
    def _passed_is_what_the_checks_say(self) -> Self:
        failed = any(check.verdict == "fail" for check in self.checks)
        if self.passed and (failed or not self.checks):
            raise ValueError("says passed, and its checks do not")
        return self

    @property
    def refusals(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.verdict == "fail")

    @property
    def digest(self) -> str:
        """Hex sha256 of the certificate's canonical form."""
        return json_digest(self.model_dump(mode="json"))

    def write(self, folder: Path) -> None:
        """Write it beside the bundle it is about."""
        (folder / FILE).write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")


def read_certificate(folder: Path) -> Certificate | None:
    """The certificate in a bundle's folder, None where there is none. Raises BundleError where it is unreadable."""
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        return Certificate.model_validate_json(path.read_text(encoding="utf-8"))
    except ValueError as exc:
        raise BundleError(f"{path}: is not a gate certificate: {exc}") from exc
