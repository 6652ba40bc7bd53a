"""Where the governor keeps what it knows and makes, below ``<home>/monitoring``."""

from pathlib import Path

from evenkeel.settings import Settings
from monitoring.governor.state import State

_FOLDER = "monitoring"


def open_state(settings: Settings) -> State:
    """The governor's memory."""
    return State(settings.home / _FOLDER / "governor.sqlite")


def flight_lock(settings: Settings, project: str) -> Path:
    """The lock that a project's one running retraining holds."""
    return _folder(settings, project) / "flight.lock"


def log_file(settings: Settings, project: str, run: int) -> Path:
    """What a run wrote."""
    return _folder(settings, project) / "logs" / f"{run}.log"


def workspace(settings: Settings, project: str) -> Path:
    """The governor's own workspace for a project: nobody's checkout is touched."""
    return _folder(settings, project) / "workspace"


def ids_folder(settings: Settings, project: str) -> Path:
    """Which predictions each data version holds."""
    return _folder(settings, project) / "ids"


def _folder(settings: Settings, project: str) -> Path:
    return settings.home / _FOLDER / project / "retraining"
