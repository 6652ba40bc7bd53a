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
    """None: it still is."""


def served(settings: Settings, project: Project) -> list[Served]:
    """Every release that was current in this environment, oldest first."""
    target = open_target(settings.target or project.serving.target, settings)
    decisions = [each for each in target.history(project.name) if each.action != "dropped"]
    times = [each.at for each in decisions]
    return [
        Served(decision.release, decision.action.startswith("roll"), decision.at, until)
        for decision, until in zip(decisions, [*times[1:], None], strict=False)
    ]


def served_at(settings: Settings, project: Project, moment: dt.datetime) -> Served | None:
    """What was current at a moment, None where nothing was."""
    spans = [each for each in served(settings, project) if each.since <= moment]
    return spans[-1] if spans else None


def served_since(settings: Settings, project: Project, digest: str) -> dt.datetime | None:
    """When this bundle was first served there, None where it never was, or was ever rolled back from."""
    spans = served(settings, project)
    left = [before.release.digest for before, after in pairwise(spans) if after.returned]
    if digest in left:
        return None
    return next((each.since for each in spans if each.release.digest == digest), None)
