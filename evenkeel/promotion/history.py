"""What was served in an environment, when, and who said so."""

import datetime as dt
from dataclasses import dataclass
from itertools import pairwise

from evenkeel.config.project import Project
from evenkeel.release import Release
from evenkeel.settings import Settings
from evenkeel.targets import open_target


@dataclass(frozen=True)
class Served:
    """A release and the time it was current."""

    release: Release
    returned: bool
    """Whether it is what was gone back to."""
    since: dt.datetime
    until: dt.datetime | None
    """None: it still is. Else another took its place then, or the project was deleted there."""


def served(settings: Settings, project: Project) -> list[Served]:
    """Every release that was current in this environment, oldest first."""
    target = open_target(settings.target or project.serving.target, settings)
    decisions = [each for each in target.history(project.name) if each.action != "dropped"]
    times = [each.at for each in decisions]
    return [
        Served(decision.release, decision.action.startswith("roll"), decision.at, until)
        for decision, until in zip(decisions, [*times[1:], None], strict=False)
        if decision.action != "deleted"
    ]


def served_at(settings: Settings, project: Project, moment: dt.datetime) -> Served | None:
    """What was current at a moment, None where nothing was."""
    spans = (each for each in served(settings, project) if each.since <= moment)
    return next((each for each in spans if each.until is None or moment < each.until), None)


def served_for(settings: Settings, project: Project, digest: str, now: dt.datetime) -> dt.timedelta | None:
    """How long this bundle was served there in all, None where it never was, or was ever rolled back from."""
    spans = served(settings, project)
    left = [before.release.digest for before, after in pairwise(spans) if after.returned]
    times = [(each.until or now) - each.since for each in spans if each.release.digest == digest]
    return sum(times, dt.timedelta()) if times and digest not in left else None
