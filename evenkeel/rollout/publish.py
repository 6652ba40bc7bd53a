"""Publishing a bundle: to where its servers fetch it, for ever under the same names.

::

    <bundles>/<project>/bundles/<digest>/                    the bundle, with the certificate it came with first
    <bundles>/<project>/releases/<version>-<digest>.json     the record that its servers follow
    <bundles>/<project>/release.json                         what is current: for whoever watches, not for servers
    <bundles>/<project>/<place>/history/                     what was decided: evenkeel.rollout.history

A server takes a bundle only with the certificate that its record names, and may start at any time: so what is
published once is never written again, even where the same bundle is judged again.
"""

import datetime as dt

from evenkeel.bundle import MANIFEST, PROJECT, SIGNATURE, Bundle
from evenkeel.certificate import FILE as CERTIFICATE
from evenkeel.certificate import Certificate
from evenkeel.config.operation import Serving
from evenkeel.config.project import Project
from evenkeel.release import Release
from evenkeel.storage import copy_out, delete, exists, read_bytes, write_bytes


def publish(bundle: Bundle, version: str, reason: str, root: str, now: dt.datetime) -> Release:
    """Copy what is not there yet; the record, which is the first one ever written for this version and digest.

    Raises GateError without a passing certificate, StorageError.
    """
    release = described(bundle, version, reason, root, now)
    # the manifest goes last: where it is, all of the bundle is
    if not exists(f"{release.bundle}/{MANIFEST}"):
        signature = [SIGNATURE] if (bundle.folder / SIGNATURE).is_file() else []
        for name in (*bundle.manifest.files, *signature, CERTIFICATE, MANIFEST):
            copy_out(bundle.folder / name, f"{release.bundle}/{name}")
    record = record_uri(release, root)
    if not exists(record):
        write_bytes(record, _text(release))
    return release


def described(bundle: Bundle, version: str, reason: str, root: str, now: dt.datetime) -> Release:
    """The record that is there, or would be. Writes nothing. Raises GateError, StorageError."""
    place = f"{root.rstrip('/')}/{bundle.manifest.name}/bundles/{bundle.digest}"
    certificate = bundle.require_certificate()
    if exists(f"{place}/{MANIFEST}"):
        certificate = Certificate.model_validate_json(read_bytes(f"{place}/{CERTIFICATE}"))
    release = Release(
        project=bundle.manifest.name,
        version=version,
        digest=bundle.digest,
        certificate=certificate.digest,
        bundle=place,
        data_version=bundle.manifest.data_version,
        released_at=now,
        reason=reason,
    )
    record = record_uri(release, root)
    return Release.model_validate_json(read_bytes(record)) if exists(record) else release


def project_of(release: Release) -> Project:
    """The project as it was when this bundle was made. Raises StorageError."""
    return Project.from_parameter(read_bytes(f"{release.bundle}/{PROJECT}").decode())


def record_uri(release: Release, root: str) -> str:
    """Where the record of a published release lies."""
    return f"{root.rstrip('/')}/{release.project}/releases/{release.version}-{release.digest[:12]}.json"


def announce(release: Release, root: str) -> None:
    """Say that this release is current now. Raises StorageError."""
    write_bytes(current_uri(release.project, root), _text(release))


def withdraw(project: str, root: str) -> None:
    """Say that nothing is current any more. Raises StorageError."""
    delete(current_uri(project, root))


def current_uri(project: str, root: str) -> str:
    """Where the record of what is current lies."""
    return f"{root.rstrip('/')}/{project}/release.json"


def shadow_of(serving: Serving, project: str, root: str) -> str | None:
    """What a version's servers compare themselves with, where a step of the rollout asks: whatever is current."""
    asked = any("disagreement" in step.checks for step in serving.rollout)
    return current_uri(project, root) if asked else None


def _text(release: Release) -> bytes:
    return release.model_dump_json(indent=1).encode() + b"\n"
