"""Folders of runs on this machine, ``<home>/runs/<project>/<time>-<number>``: a new one, and which of the old ones go.

A later run takes a box's outputs from the folder of the run that made them, so a folder stays as long as it is used.
"""

import datetime as dt
import os
import secrets
from pathlib import Path
from shutil import rmtree

from evenkeel.lock import exclusive
from pipelines.local import Outputs

KEPT = 20
"""Folders that a project keeps in any case: those used last."""
REST = dt.timedelta(days=1)
"""How long nothing must have come of a folder before it goes: a run beside ours may be reading it."""
_GOING = ".going"


def new_folder(runs: Path, now: dt.datetime) -> Path:
    """A folder of a run's own; its name sorts by time."""
    folder = runs / f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    folder.mkdir(parents=True)
    return folder


def mark_used(runs: Path, outputs: Outputs, now: dt.datetime) -> None:
    """Note on the folders that these outputs lie in, whichever run made them, that they were used."""
    place = runs.resolve()
    found = [output.path for values in outputs.values() for output in values.values() if hasattr(output, "path")]
    paths = [Path(path).resolve() for path in found]
    for name in {path.relative_to(place).parts[0] for path in paths if path.is_relative_to(place)}:
        os.utime(place / name, (now.timestamp(), now.timestamp()))


def prune(runs: Path, now: dt.datetime) -> None:
    """Delete the folders that were not used for ``REST`` and are not among the ``KEPT`` used last.

    What the cache still knows of them is missing then, so those boxes run again.
    """
    with exclusive(runs.with_name(f".{runs.name}.lock")):
        folders = sorted((folder for folder in runs.iterdir() if folder.is_dir()), key=_used, reverse=True)
        for folder in folders[KEPT:]:
            if _used(folder) < (now - REST).timestamp():
                rmtree(_hidden(folder))


def _hidden(folder: Path) -> Path:
    """Gone at once for whoever looks; where we are killed before it is deleted, the next run deletes it."""
    return folder if folder.name.endswith(_GOING) else folder.rename(folder.with_name(folder.name + _GOING))


def _used(folder: Path) -> float:
    return 0.0 if folder.name.endswith(_GOING) else folder.stat().st_mtime
