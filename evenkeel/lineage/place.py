"""The environments that lineage asks: the one this process runs in, and each of environments/*.env."""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from evenkeel.config import Project, find_project
from evenkeel.errors import EvenkeelError
from evenkeel.lineage.fact import Fact
from evenkeel.promotion.environment import environments, read_environment
from evenkeel.promotion.history import served, served_at
from evenkeel.settings import Settings
from evenkeel.targets import open_target
from evenkeel.targets.local import RELEASE
from evenkeel.tracking.place import tracking_uri


@dataclass(frozen=True)
class Place:
    """One environment."""

    name: str
    settings: Settings


def places(settings: Settings) -> list[Place]:
    """All of them, this process's first. Raises SettingsError for a file that is none."""
    here = Place(settings.environment or "here", settings)
    others = [name for name in environments(settings.workspace) if name != here.name]
    return [here, *(Place(name, read_environment(name, settings.workspace)) for name in others)]


def registries(every: Sequence[Place]) -> list[Place]:
    """One place for each registry, the first that uses it."""
    return list({tracking_uri(place.settings): place for place in reversed(every)}.values())[::-1]


def release_facts(project: str, digests: Sequence[str], every: Sequence[Place]) -> Iterator[Fact]:
    """When and where these bundles were served, and why."""
    return _asked(every, project, partial(_spans, digests=digests))


def live_facts(project: str, digests: Sequence[str], every: Sequence[Place]) -> Iterator[Fact]:
    """Where these bundles are served now, and under which address."""
    return _asked(every, project, partial(_live, digests=digests))


def current_facts(project: str, moment: dt.datetime, every: Sequence[Place]) -> Iterator[Fact]:
    """What was current in each place at a moment."""
    return _asked(every, project, partial(_current, moment=moment))


def _asked(every: Sequence[Place], name: str, tell: Callable[[Place, Project], Iterator[Fact]]) -> Iterator[Fact]:
    """What each place says; one that cannot be asked is unknown, with the reason."""
    for place in every:
        try:
            yield from list(tell(place, find_project(name, place.settings.workspace / "conf")))
        except EvenkeelError as error:
            yield Fact(place.name, None, f"it cannot be asked: {error}")


def _spans(place: Place, project: Project, digests: Sequence[str]) -> Iterator[Fact]:
    for span in served(place.settings, project):
        if span.release.digest in digests:
            until = f"{span.until:%Y-%m-%d %H:%M:%S}" if span.until else "now"
            told = f"{span.since:%Y-%m-%d %H:%M:%S} to {until} UTC"
            yield Fact(place.name, told, f"version {span.release.version}: {span.release.reason}")


def _live(place: Place, project: Project, digests: Sequence[str]) -> Iterator[Fact]:
    target = place.settings.target or project.serving.target
    status = open_target(target, place.settings).status(project.name)
    for release, share in ((status.current, "current"), (status.candidate, f"candidate, {status.traffic} %")):
        if release is not None and release.digest in digests:
            unready = "" if status.ready else f"; not ready: {status.message}"
            note = _address(target, project.name, place.settings) + unready
            yield Fact(place.name, f"version {release.version}, {share}", note)


def _current(place: Place, project: Project, moment: dt.datetime) -> Iterator[Fact]:
    then = served_at(place.settings, project, moment)
    if then:
        yield Fact(
            place.name, f"version {then.release.version}", f"bundle {then.release.digest}: {then.release.reason}"
        )
    else:
        yield Fact(place.name, "nothing", "nothing was served there then")


def _address(target: str, project: str, settings: Settings) -> str:
    """Where it answers, as far as that is known."""
    if target in ("kubernetes", "kserve"):
        through = f", through {settings.gateway_url}" if settings.gateway_url else ""
        return f"answers as {project}.{settings.domain}{through}"
    if target == "local":
        record = settings.releases / project / RELEASE
        return f"address unknown: servers that follow {record} answer wherever they were told to listen"
    return f"address unknown: it is the target's ({target}): make status PROJECT={project}"
