"""Publishing a bundle: to where its servers fetch it, for ever under the same names.

::

    <bundles>/<project>/bundles/<digest>/                    the bundle, as it was judged
    <bundles>/<project>/releases/<version>-<digest>.json     the record that its servers follow
    <bundles>/<project>/release.json                         what is current: for whoever watches, not for servers
"""

import datetime as dt

from evenkeel.bundle import MANIFEST, Bundle
from evenkeel.certificate import FILE as CERTIFICATE
from evenkeel.release import Release
from evenkeel.storage import copy_out, exists, read_bytes, write_bytes


def publish(bundle: Bundle, version: str, reason: str, root: str) -> Release:
    """Copy what is not there yet; the record, which is the first one ever written for this version and digest.

    Raises GateError without a passing certificate, StorageError.
    """
    certificate = bundle.require_certificate()
    project = bundle.manifest.name
    place = f"{root.rstrip('/')}/{project}/bundles/{bundle.digest}"
    # the manifest goes last: where it is, all of the bundle is
    if not exists(f"{place}/{MANIFEST}"):
        for name in bundle.manifest.files:
            copy_out(bundle.folder / name, f"{place}/{name}")
        copy_out(bundle.folder / MANIFEST, f"{place}/{MANIFEST}")
    copy_out(bundle.folder / CERTIFICATE, f"{place}/{CERTIFICATE}")
    release = Release(
        project=project,
        version=version,
        digest=bundle.digest,
        certificate=certificate.digest,
        bundle=place,
        data_version=bundle.manifest.data_version,
        released_at=dt.datetime.now(dt.UTC),
        reason=reason,
    )
    record = record_uri(release, root)
    if exists(record):
        return Release.model_validate_json(read_bytes(record))
    write_bytes(record, _text(release))
    return release


def record_uri(release: Release, root: str) -> str:
    """Where the record of a published release lies."""
    return f"{root.rstrip('/')}/{release.project}/releases/{release.version}-{release.digest[:12]}.json"


def announce(release: Release, root: str) -> None:
    """Say that this release is current now. Raises StorageError."""
    write_bytes(
        f"{root.rstrip('/')}/{release.project}/release.json", release.model_dump_json(indent=1).encode() + b"\n"
    )


def _text(release: Release) -> bytes:
    return release.model_dump_json(indent=1).encode() + b"\n"
