"""The local target: a folder per project that a local server follows.

::

    <releases>/<project>/release.json       the release that is served (evenkeel.release)
    <releases>/<project>/history.jsonl      every decision, oldest first
    <releases>/<project>/bundles/<digest>/  the bundles, each as it was judged

The history is the truth and ``release.json`` its published end: where a process is killed between the two, the same
verb again publishes it. Both are replaced whole, so a reader sees the old or the new.
"""

import datetime as dt
import os
import re
from contextlib import AbstractContextManager
from pathlib import Path
from shutil import rmtree
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from evenkeel.bundle import Bundle, open_bundle
from evenkeel.certificate import FILE as CERTIFICATE
from evenkeel.config.project import Project
from evenkeel.errors import BundleError, EvenkeelError, RolloutError, StorageError
from evenkeel.lock import exclusive
from evenkeel.release import Release
from evenkeel.signature import require_signature
from evenkeel.storage import copy_in, replacing
from evenkeel.targets.status import Status

RELEASE = "release.json"
HISTORY = "history.jsonl"
BUNDLES = "bundles"

_M = TypeVar("_M", bound=BaseModel)
_NAME = re.compile(r"[a-z][a-z0-9-]*")


class Decision(BaseModel):
    """One line of the history."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Literal["apply", "rollback"]
    release: Release
    """What is served from then on."""

    @property
    def at(self) -> dt.datetime:
        """When it was decided."""
        return self.release.released_at


class LocalTarget:
    """Releases below one folder. All traffic moves at once: shares of it need a target with a router."""

    def __init__(self, releases: Path, verify_keys: Path | None = None) -> None:
        self.releases = releases
        self._verify_keys = verify_keys
        """Public keys; where given, only what one of them signed is released."""

    def apply(self, project: Project, bundle: Bundle, version: str, reason: str = "") -> Status:
        """Release a bundle to all requests. The same bundle and version again: nothing changes.

        Raises GateError without a passing certificate, TamperedBundleError where the copy is not what was judged.
        """
        release = _release(project, bundle, version, reason or "passed the gate")
        if self._verify_keys:
            require_signature(bundle, self._verify_keys)
        with self._alone(project.name):
            history = self.history(project.name)
            served = _served(history)
            if served and _same(served[-1], release):
                release = served[-1]
            else:
                history.append(Decision(action="apply", release=release))
            self._place(bundle, release)
            self._publish(history)
        return self.status(project.name)

    def status(self, project: str) -> Status:
        """What ``release.json`` says, and whether the bundle it names is there and intact."""
        file = self._folder(project) / RELEASE
        if not file.is_file():
            return Status(project, None, message=f"nothing is released: make pipeline-run PROJECT={project}")
        release = _parsed(Release, file, file.read_text(encoding="utf-8"))
        try:
            open_bundle(file.parent / release.bundle, digest=release.digest).require_certificate()
        except EvenkeelError as error:
            return Status(project, release, message=str(error))
        return Status(project, release, ready=True)

    def set_traffic(self, project: str, percent: int) -> Status:
        """Refuse: a local server answers every request from one bundle."""
        raise RolloutError(
            f"{project}: the local target has no router, so no candidate can get {percent} % of the traffic or be a"
            " shadow: apply moves all of it. For a rollout in steps set serving.target to one with a router"
        )

    def promote(self, project: str) -> Status:
        """Nothing: what was applied is current already."""
        return self.status(project)

    def rollback(self, project: str, reason: str) -> Status:
        """Release again what was served before the current one was applied. Raises RolloutError where nothing was."""
        with self._alone(project):
            history = self.history(project)
            if not self._is_half_done("rollback", history):
                history.append(Decision(action="rollback", release=self._before(project, history, reason)))
            self._publish(history)
        return self.status(project)

    def delete(self, project: str) -> None:
        """Remove the release first, so that no server follows it into missing files, then bundles and history."""
        folder = self._folder(project)
        with self._alone(project):
            (folder / RELEASE).unlink(missing_ok=True)
            if folder.is_dir():
                rmtree(folder)

    def history(self, project: str) -> list[Decision]:
        """Every decision, oldest first."""
        file = self._folder(project) / HISTORY
        lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
        return [_parsed(Decision, file, line) for line in lines]

    def _folder(self, project: str) -> Path:
        if not _NAME.fullmatch(project):
            raise RolloutError(f"{project!r} is not a project's name: lower-case letters, digits and dashes")
        return self.releases / project

    def _alone(self, project: str) -> AbstractContextManager[None]:
        return exclusive(self._folder(project).with_name(f".{project}.lock"))

    def _stored(self, release: Release) -> Bundle:
        return open_bundle(self._folder(release.project) / release.bundle, digest=release.digest)

    def _place(self, bundle: Bundle, release: Release) -> None:
        """The bundle in its place, which appears only when the copy was checked; the newest certificate beside it."""
        place = self._folder(release.project) / release.bundle
        if not place.is_dir():
            for left in place.parent.glob(".*.partial"):  # by who was killed: the lock is ours
                rmtree(left)
            with replacing(place) as partial:
                copy_in(bundle.folder, partial)
                open_bundle(partial, digest=release.digest).require_certificate()
            return
        stored = self._stored(release)
        if stored.certificate != bundle.certificate:
            copy_in(bundle.folder / CERTIFICATE, place / CERTIFICATE)

    def _before(self, project: str, history: list[Decision], reason: str) -> Release:
        """What a rollback releases: what was served before, intact and with the certificate it has now."""
        served = _served(history)
        if len(served) < 2:
            there = f"version {served[-1].version} is the first release" if served else "nothing was ever released"
            raise RolloutError(f"{project}: {there}, so there is nothing to go back to: apply another, or delete")
        update = {
            "certificate": self._stored(served[-2]).require_certificate().digest,
            "released_at": dt.datetime.now(dt.UTC),
            "reason": f"rolled back from {served[-1].version}: {reason}",
        }
        return served[-2].model_copy(update=update)

    def _is_half_done(self, action: str, history: list[Decision]) -> bool:
        """Whether an earlier attempt was killed after it decided this and before it published it."""
        if not history or history[-1].action != action:
            return False
        return self.status(history[-1].release.project).current != history[-1].release

    def _publish(self, history: list[Decision]) -> None:
        last = history[-1].release
        folder = self._folder(last.project)
        _replace(folder / HISTORY, "".join(f"{decision.model_dump_json()}\n" for decision in history))
        _replace(folder / RELEASE, last.model_dump_json(indent=1) + "\n")


def _release(project: Project, bundle: Bundle, version: str, reason: str) -> Release:
    certificate = bundle.require_certificate()
    if bundle.manifest.name != project.name:
        raise BundleError(f"{bundle.folder}: is a bundle of {bundle.manifest.name!r}, the project is {project.name!r}")
    return Release(
        project=project.name,
        version=version,
        digest=bundle.digest,
        certificate=certificate.digest,
        bundle=f"{BUNDLES}/{bundle.digest}",
        data_version=bundle.manifest.data_version,
        released_at=dt.datetime.now(dt.UTC),
        reason=reason,
    )


def _served(history: list[Decision]) -> list[Release]:
    """What a rollback walks back through: without what was rolled back from, each bundle in a row once."""
    served: list[Release] = []
    for decision in history:
        if decision.action == "rollback":
            del served[-2:]
        elif served and served[-1].digest == decision.release.digest:
            del served[-1]
        served.append(decision.release)
    return served


def _same(one: Release, other: Release) -> bool:
    """Whether two releases serve the same thing, whenever and why ever they were made."""
    apart = {"released_at", "reason"}
    return one.model_dump(exclude=apart) == other.model_dump(exclude=apart)


def _parsed(model: type[_M], file: Path, text: str) -> _M:
    try:
        return model.model_validate_json(text)
    except ValueError as exc:
        raise RolloutError(f"{file}: cannot be read, was it edited by hand? {exc}") from exc


def _replace(file: Path, text: str) -> None:
    """Write a file whole, and on the disk before it takes the old one's place."""
    try:
        with replacing(file) as partial, partial.open("w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
    except OSError as exc:
        raise StorageError(f"{file}: cannot be written: {exc.strerror}; check EVENKEEL_HOME and its owner") from exc
