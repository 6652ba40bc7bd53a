"""A model version, and the names it is known by in the registry."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from evenkeel.certificate import Reference

CHAMPION = "champion"
"""Alias of the version that is served."""
CHALLENGER = "challenger"
"""Alias of the newest candidate, whatever the gate said of it."""
BUNDLE = "data/bundle"
"""Where the bundle is below a version's source."""


class Tag(StrEnum):
    """Tags of runs and versions that something reads; the others are for people."""

    BUNDLE = "bundle.digest"
    CERTIFICATE = "certificate.digest"
    GATE = "gate.status"


@dataclass(frozen=True)
class Version:
    """One version of a registered model. The bundle behind it never changes; its tags and aliases may."""

    name: str
    version: str
    source: str
    """URI of the MLflow model's folder."""
    run: str
    """MLflow's id of the run that registered it."""
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """The bundle's digest; '' where something else than Evenkeel registered it."""
        return self.tags.get(Tag.BUNDLE, "")

    @property
    def passed(self) -> bool:
        """Whether its certificate passes."""
        return self.tags.get(Tag.GATE) == "passed"

    @property
    def reference(self) -> Reference:
        """How a certificate names it."""
        return Reference(version=self.version, digest=self.digest)
