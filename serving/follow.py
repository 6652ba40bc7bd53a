"""Following a release record: notice a new one, load it beside the old, switch; keep the old on any failure."""

import asyncio
import hashlib
import logging
import random
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from evenkeel.bundle import MANIFEST, Manifest
from evenkeel.certificate import FILE as CERTIFICATE
from evenkeel.errors import BundleError, EvenkeelError, StorageError
from evenkeel.release import Release
from evenkeel.storage import below, copy_in, read_bytes, replacing
from serving.metrics import Metrics
from serving.model import Model, Slot, load_model

_log = logging.getLogger("evenkeel.follow")

_SECONDS = 20
"""Longest wait for one answer of an HTTP source."""
_LONGEST = 60.0
"""Longest pause between looks while the source is away, seconds."""
_KEPT = 2
"""Bundles kept in the cache: the one in use and the one before."""


class Source:
    """Where a release record and its bundle are: a file, an S3 object or a URL."""

    def __init__(self, uri: str, cache: Path) -> None:
        self.uri = uri
        self._cache = cache
        self._stamp: Any = None

    def changed(self) -> bytes | None:
        """The record's bytes, None where it surely is as it was last time. Raises StorageError."""
        if self.uri.startswith(("http://", "https://")):
            return self._ask()
        if self.uri.startswith("s3://"):
            return read_bytes(self.uri)
        path = Path(self.uri.removeprefix("file://"))
        try:
            stat = path.stat()
        except OSError as exc:
            raise StorageError(f"{path}: {exc.strerror}; is something released?") from exc
        stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        if stamp == self._stamp:
            return None
        data = read_bytes(path)
        self._stamp = stamp
        return data

    def forget(self) -> None:
        """Look at the record afresh next time."""
        self._stamp = None

    def bundle(self, release: Release) -> Path:
        """The release's bundle on this machine, fetched if it is elsewhere. Raises StorageError, BundleError."""
        place = release.bundle
        if "://" not in place and not place.startswith("/"):
            place = _beside(self.uri, place)
        if not place.startswith(("s3://", "http://", "https://")):
            return Path(place.removeprefix("file://"))
        folder = self._cache / release.digest
        if not (folder / MANIFEST).is_file():
            with replacing(folder) as partial:
                _fetch(place, partial)
        return folder

    def spoilt(self, release: Release) -> None:
        """Remove a fetched copy that turned out bad, so that the next look fetches it again."""
        shutil.rmtree(self._cache / release.digest, ignore_errors=True)

    def tidy(self, current: str) -> None:
        """Remove fetched bundles that are neither in use nor the latest others."""
        folders = [path for path in self._cache.glob("*") if path.is_dir() and path.name != current]
        for folder in sorted(folders, key=lambda path: path.stat().st_mtime)[: -(_KEPT - 1)]:
            shutil.rmtree(folder, ignore_errors=True)

    def _ask(self) -> bytes | None:
        headers = {"If-None-Match": self._stamp} if isinstance(self._stamp, str) else {}
        request = urllib.request.Request(self.uri, headers=headers)  # noqa: S310  the operator names it
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
                data: bytes = answer.read()
                self._stamp = answer.headers.get("ETag")
                return data
        except urllib.error.HTTPError as exc:
            if exc.code == 304:
                return None
            raise StorageError(f"{self.uri}: answers {exc.code} {exc.reason}") from exc
        except (OSError, ValueError) as exc:
            raise StorageError(f"{self.uri}: cannot be reached: {exc}") from exc


class Follower:
    """Looks at a source again and again, and keeps the slot at what it says."""

    def __init__(
        self, source: Source, slot: Slot, metrics: Metrics, load: Callable[[Release, Path], Model], interval: float
    ) -> None:
        self._source = source
        self._slot = slot
        self._metrics = metrics
        self._load = load
        self._interval = interval
        self._seen: str | None = None
        self._failures = 0

    async def run(self) -> None:
        """Follow until cancelled. A failure is told and tried again, later and later up to a minute."""
        while True:
            await self.look()
            pause = self._interval * min(2**self._failures, max(1.0, _LONGEST / self._interval))
            await asyncio.sleep(pause * random.uniform(0.9, 1.1))  # noqa: S311  a fleet must not ask at once

    async def look(self) -> None:
        """Look once; take up what is new. Never raises for what the source or the bundle is."""
        try:
            data = await asyncio.to_thread(self._source.changed)
        except EvenkeelError as error:
            self._failures += 1
            self._metrics.source_up.set(0)
            _log.warning("the release source is away", extra={"error": str(error), "failures": self._failures})
            return
        self._metrics.source_up.set(1)
        self._failures = 0
        if data is None or (mark := hashlib.sha256(data).hexdigest()) == self._seen:
            return
        if await self._take(data):
            self._seen = mark
        else:
            self._failures = 1
            self._source.forget()

    async def _take(self, data: bytes) -> bool:
        try:
            release = _release(data)
        except EvenkeelError as error:
            return self._kept(error)
        before = self._slot.model
        if before is not None and before.bundle.digest == release.digest and before.version == release.version:
            return True
        try:
            model = await asyncio.to_thread(self._ready, release)
        except EvenkeelError as error:
            if isinstance(error, BundleError):
                self._source.spoilt(release)
            return self._kept(error)
        self._slot.model = model
        self._metrics.switched(model)
        self._metrics.reloads.labels("switched").inc()
        told = {"version": model.version, "digest": model.bundle.digest, "before": before and before.version}
        _log.info("a release was taken up", extra=told)
        self._source.tidy(release.digest)
        return True

    def _ready(self, release: Release) -> Model:
        return self._load(release, self._source.bundle(release))

    def _kept(self, error: EvenkeelError) -> bool:
        self._metrics.reloads.labels("failed").inc()
        kept = self._slot.model.version if self._slot.model else None
        _log.error("a release was not taken up", extra={"error": str(error), "kept": kept})
        return False


class ShadowFollower(Follower):
    """Keeps a second slot at what another record says, as what is current beside a candidate.

    Where that is what is served here, it is not loaded twice. Its failures are logged; they are nobody's alarm.
    """

    def __init__(
        self, source: Source, slot: Slot, live: Slot, load: Callable[[Release, Path], Model], interval: float
    ) -> None:
        super().__init__(source, slot, Metrics(CollectorRegistry()), load, interval)
        self._live = live

    async def look(self) -> None:
        """Not before there is something to be beside."""
        if self._live.model is not None:
            await super().look()

    def _ready(self, release: Release) -> Model:
        live = self._live.model
        if live is not None and live.bundle.digest == release.digest:
            return live
        return super()._ready(release)


def load_release(
    release: Release,
    folder: Path,
    *,
    name: str | None,
    allow_uncertified: bool,
    verify_keys: Path | None = None,
    only: str | None = None,
) -> Model:
    """The released bundle, ready. ``only``: the digest of the one bundle that is taken, whatever the record says.

    Raises BundleError, GateError where it is not what the release says.
    """
    if only is not None and release.digest != only:
        raise BundleError(
            f"the release record names bundle {release.digest[:12]}, and this server takes {only[:12]} only"
            " (EVENKEEL_BUNDLE_DIGEST): find out who changed the record, then roll out again"
        )
    model = load_model(
        folder,
        version=release.version,
        name=name,
        digest=release.digest,
        allow_uncertified=allow_uncertified,
        verify_keys=verify_keys,
    )
    certificate = model.bundle.certificate
    if not allow_uncertified and certificate is not None and certificate.digest != release.certificate:
        raise BundleError(
            f"{folder}: its certificate is {certificate.digest[:12]}, the release says {release.certificate[:12]}"
        )
    return model


def _release(data: bytes) -> Release:
    try:
        return Release.model_validate_json(data)
    except ValueError as exc:
        raise BundleError(f"the release record cannot be read: {exc}") from exc


def _beside(uri: str, name: str) -> str:
    """A relative name, seen from the record."""
    if uri.startswith(("http://", "https://")):
        return urllib.parse.urljoin(uri, name)
    folder, slash, _ = uri.rpartition("/")
    return f"{folder}{slash}{name}"


def _fetch(place: str, folder: Path) -> None:
    """A bundle from S3 or over HTTP."""
    if place.startswith("s3://"):
        copy_in(place, folder)
        return
    root = place.rstrip("/")
    text = _get(f"{root}/{MANIFEST}")
    try:
        files = Manifest.model_validate_json(text).files
    except ValueError as exc:
        raise BundleError(f"{root}/{MANIFEST}: is not a manifest this version can read: {exc}") from exc
    folder.mkdir(parents=True)
    (folder / MANIFEST).write_bytes(text)
    for name in (*files, CERTIFICATE):
        target = below(folder, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_get(f"{root}/{urllib.parse.quote(name)}"))


def _get(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310  the release names it
            data: bytes = answer.read()
            return data
    except (OSError, ValueError) as exc:
        raise StorageError(f"{url}: cannot be fetched: {exc}") from exc
