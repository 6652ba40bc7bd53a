"""Releases, and a cluster that is never asked."""

import datetime as dt
from typing import Any

from evenkeel.cluster import Cluster
from evenkeel.release import Release
from evenkeel.settings import Settings

NOWHERE = Cluster(None, "evenkeel-models", {})


def settings(**changes: Any) -> Settings:
    """As for a cluster."""
    return Settings(
        **{"bundles": "s3://bucket/models", "serving_image": "registry.example/serving@sha256:00", **changes}
    )


def released(version: str) -> Release:
    """A release of this version."""
    return Release(
        project="people",
        version=version,
        digest=version * 64,
        certificate="c" * 64,
        bundle=f"s3://bucket/models/people/bundles/{version * 64}",
        data_version="d",
        released_at=dt.datetime(2030, 1, 1, tzinfo=dt.UTC),
    )
