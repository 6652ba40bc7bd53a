"""The release record: which bundle a target serves. Following it needs no registry."""

import datetime as dt
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Release(BaseModel):
    """One decision to serve one bundle. Written by a target, read by a server (``--follow``)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["evenkeel.release/v1"] = "evenkeel.release/v1"
    project: str
    version: str
    """Version in the model registry."""
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    """The bundle's digest."""
    certificate: str = Field(pattern=r"^[0-9a-f]{64}$")
    """The certificate's digest."""
    bundle: str
    """Where the bundle is: a path relative to the record, a file path, s3://... or http(s)://...."""
    data_version: str
    released_at: dt.datetime
    reason: str = ""
    """Why: 'promoted', 'rolled back from 7: ...'."""
