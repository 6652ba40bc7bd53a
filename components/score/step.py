"""Score a file of any size: the same contract and the same answers as the server's, in memory of one batch."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from components.score.batch import Scorer
from components.score.parts import Parts
from components.score.progress import Progress
from evenkeel.bundle import Bundle, open_bundle
from evenkeel.config import Project
from evenkeel.config.modelling import Data
from evenkeel.digest import data_version, json_digest
from evenkeel.errors import BundleError, DataError
from evenkeel.lock import exclusive
from evenkeel.predictor import Predictor
from evenkeel.table import iter_raw, read_raw

BATCH_ROWS = 1 << 16


@dataclass(frozen=True)
class Summary:
    """What became of a source's rows."""

    rows: int
    answered: int
    refused: int
    resumed: int
    """Rows that a run before, which did not come to its end, had finished."""


def score(
    project: Project,
    bundle: Path,
    source: Path,
    destination: Path,
    quarantine: Path,
    batch_rows: int = BATCH_ROWS,
) -> Summary:
    """Write an answer for each row of ``source`` (as ``project.data`` says, or Parquet) to ``destination``.

    Rows that break the bundle's contract go to ``quarantine`` with their reasons. Both are Parquet and appear when
    all rows are done; run again after a kill, it goes on at the first unfinished batch. Raises GateError without a
    passing certificate, DataError where the source cannot be read or changes meanwhile, ContractError where a column
    that no row can do without is missing.
    """
    opened = _open(bundle, project)
    version = data_version(_existing(source))
    parts = Parts(destination, _work(project, opened, version, batch_rows))
    with exclusive(parts.folder / "lock"):
        parts.begin()
        scorer = Scorer(Predictor.load(opened), opened.project())
        progress, number, first = Progress(), 0, 1
        for number, raw in enumerate(_batches(source, project.data, batch_rows)):
            if not (done := parts.finished(number)):
                parts.write(number, scorer.score(raw, first))
            progress.add(*parts.rows(number), resumed=done)
            first += raw.num_rows
        if data_version(source) != version:
            raise DataError(f"{source}: was changed while it was scored, so nothing was written; run again")
        parts.join(number + 1, destination, quarantine)
        progress.end()
    return Summary(progress.rows, progress.answered, progress.refused, progress.resumed)


def _open(folder: Path, project: Project) -> Bundle:
    bundle = open_bundle(folder)
    bundle.require_certificate()
    if bundle.manifest.name != project.name:
        raise BundleError(f"{folder}: is a bundle of {bundle.manifest.name!r}, the project is {project.name!r}")
    return bundle


def _existing(source: Path) -> Path:
    if not source.exists():
        raise DataError(f"{source}: there is no such file or folder to score")
    return source


def _work(project: Project, bundle: Bundle, version: str, batch_rows: int) -> dict[str, str]:
    """All that decides the answers and where a batch ends."""
    return {
        "project": project.name,
        "bundle": bundle.digest,
        "source": version,
        "reading": json_digest(project.data.model_dump(mode="json")),
        "batch_rows": str(batch_rows),
    }


def _batches(source: Path, data: Data, rows: int) -> Iterator[pa.Table]:
    """The source in batches; a source without rows is one empty batch, so that its answers are an empty table."""
    empty = True
    for raw in iter_raw(source, data, rows):
        empty = False
        yield raw
    if empty:
        yield read_raw(source, data)
