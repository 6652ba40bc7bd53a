"""What is finished, on disk: numbered pairs of files in a hidden folder beside the destination.

A part appears whole or not at all, its answers last, so a pair whose answers are there is finished, whatever killed
the process. The folder's name is a digest of all that decides the answers: other work never finds these parts.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from shutil import rmtree

import pyarrow as pa
import pyarrow.parquet as pq

from components.score.batch import Scored
from evenkeel.digest import json_digest
from evenkeel.storage import replacing
from evenkeel.table import read_table, write_table


class Parts:
    """The parts of one piece of work."""

    def __init__(self, destination: Path, work: Mapping[str, str]) -> None:
        self._work = dict(work)
        self.folder = destination.with_name(f".{destination.name}.{json_digest(self._work)[:16]}.parts")
        self._pattern = f".{destination.name}.*.parts"

    def begin(self) -> None:
        """What was begun for this destination from another source or with another bundle goes."""
        for other in self.folder.parent.glob(self._pattern):
            if other != self.folder:
                rmtree(other)

    def finished(self, number: int) -> bool:
        """Whether this part was written, by this process or one before."""
        return self._answers(number).is_file()

    def rows(self, number: int) -> tuple[int, int]:
        """Rows answered and refused in a finished part."""
        answered, refused = (pq.read_metadata(file) for file in (self._answers(number), self._refused(number)))
        return answered.num_rows, refused.num_rows

    def write(self, number: int, scored: Scored) -> None:
        """Write a part."""
        write_table(scored.refused, self._refused(number))
        write_table(scored.answers, self._answers(number))

    def join(self, count: int, destination: Path, quarantine: Path) -> None:
        """All parts as two files, the destination last, and the folder gone."""
        self._concatenate([self._refused(number) for number in range(count)], quarantine)
        self._concatenate([self._answers(number) for number in range(count)], destination)
        rmtree(self.folder)

    def _concatenate(self, files: list[Path], path: Path) -> None:
        """Part by part, so that memory holds one. The file's metadata says what it was made from."""
        tables = _tables(files)
        first = next(tables)
        about = {f"evenkeel.{name}": value for name, value in self._work.items()}
        with (
            replacing(path) as partial,
            pq.ParquetWriter(partial, first.schema.with_metadata(about), compression="zstd") as writer,
        ):
            writer.write_table(first)
            for table in tables:
                writer.write_table(table)

    def _answers(self, number: int) -> Path:
        return self.folder / f"answers-{number:06}.parquet"

    def _refused(self, number: int) -> Path:
        return self.folder / f"refused-{number:06}.parquet"


def _tables(files: list[Path]) -> Iterator[pa.Table]:
    return (read_table(file) for file in files)
