"""A Git repository with DVC pointers, read through DVC without a checkout."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evenkeel.errors import DataError
from evenkeel.versions import parse_pointer


class Repository:
    """One revision (branch, tag or commit; None: the default branch) of a repository (URL or path)."""

    def __init__(self, url: str, revision: str | None) -> None:
        self.url = url
        self.revision = revision

    def version(self, pointer: str) -> str:
        """The data version that a pointer in this revision names. Raises DataError."""
        with self._open(pointer) as files:
            text = files.read_text(pointer)
        return parse_pointer(text, f"{self}: {pointer}")

    def fetch(self, name: str, path: Path) -> None:
        """Bring DVC-tracked data to ``path`` from the repository's own default remote. Raises DataError."""
        with self._open(name) as files:
            files.get(name, str(path), recursive=files.isdir(name))

    def __str__(self) -> str:
        return f"{self.url} at {self.revision or 'its default branch'}"

    @contextmanager
    def _open(self, name: str) -> Iterator[Any]:
        """DVC's file system over the revision; its clone is removed at the end. Errors leave as DataError."""
        from dvc.api import DVCFileSystem
        from dvc.exceptions import DvcException
        from dvc.repo.open_repo import clean_repos
        from scmrepo.exceptions import SCMError

        try:
            files = DVCFileSystem(url=self.url, rev=self.revision)
            try:
                yield files
            finally:
                files.close()
        except (DvcException, SCMError, OSError) as exc:
            raise DataError(
                f"{self}: {name} cannot be read: {exc}; check EVENKEEL_DATA_GIT and EVENKEEL_DATA_REV,"
                " and that this machine may read the repository and its DVC remote"
            ) from exc
        finally:
            clean_repos()
