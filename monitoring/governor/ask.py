"""Asking the governor: what is known is looked up, the rules decide, the decision is kept, the run is started."""

import datetime as dt
from dataclasses import replace

from evenkeel.config.load import find_project
from evenkeel.config.project import Project
from evenkeel.errors import DataError, ProjectError
from evenkeel.release import Release
from evenkeel.settings import Settings
from monitoring.governor.decide import Ask, Decision, Known, decide
from monitoring.governor.newdata import labelled_rows, read_ids
from monitoring.governor.place import flight_lock, ids_folder
from monitoring.governor.prepare import current_version
from monitoring.governor.start import start
from monitoring.governor.state import State, flight
from monitoring.releases import read_release
from monitoring.results import newest_result, read_all_results


def answer(ask: Ask, settings: Settings, state: State, now: dt.datetime) -> Decision:
    """Decide, record, and start what is to be started. ``now`` is UTC.

    Raises StorageError where memory or ledger cannot be used: then nothing is started, and asking again is right.
    """
    try:
        project = find_project(ask.project, settings.workspace / "conf")
    except ProjectError as error:
        return _refuse(ask, state, Decision("unknown_project", str(error)), now)
    release = read_release(settings.released, ask.project)
    if release is None:
        return _refuse(ask, state, Decision("not_released", "no version is served, so there is nothing to renew"), now)
    with flight(flight_lock(settings, ask.project)) as lock:
        if lock is not None:
            state.bury(ask.project, now)
        past = state.past(ask.project, release.version, running=lock is None)
        known = Known(release.version, broken=_broken(project, release, settings))
        if ask.trigger == "data" and current_version(project, settings) == release.data_version:
            known = replace(known, same_data=release.data_version)
        decision = decide(ask, known, past, project.retraining, now)
        # only then is the ledger read: a storm of alerts must not read it a hundred times
        if decision.started and ask.trigger != "data":
            decision = decide(ask, _counted(known, project, release, settings, now), past, project.retraining, now)
        run = state.record(ask, release.version, decision, now)
        if run is not None and lock is not None:
            start(run, ask.project, lock, settings, state)
    return decision


def _broken(project: Project, release: Release, settings: Settings) -> str:
    newest = newest_result(settings.results, project.name, release.version)
    found = [raised.detail for raised in newest.alarms if raised.alarm == "data_quality"] if newest else []
    return found[0] if found else ""


def _counted(known: Known, project: Project, release: Release, settings: Settings, now: dt.datetime) -> Known:
    """The same, with the labelled predictions that the released model was not trained on."""
    contained = read_ids(ids_folder(settings, project.name), release.data_version)
    results = read_all_results(settings.results, project.name)
    try:
        new = labelled_rows(settings.ledger, project, contained, results, now)
    except DataError as error:
        return replace(known, unusable=str(error))
    return replace(known, new_labels=len(new))


def _refuse(ask: Ask, state: State, decision: Decision, now: dt.datetime) -> Decision:
    state.record(ask, ask.version, decision, now)
    return decision
