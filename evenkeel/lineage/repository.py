"""What git says: whether a commit is here, where people see it, and which commits pinned a data version."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

_REMOTE = re.compile(r"(?:https?://|ssh://|git://)?(?:[^@/]+@)?(?P<host>[^:/]+)(?::\d+)?[:/](?P<path>.+?)(?:\.git)?/?")
_FORGES = {"github": ("/commit/", "/compare/"), "gitlab": ("/-/commit/", "/-/compare/")}
"""Part of a forge's host name -> the paths of its pages."""


@dataclass(frozen=True)
class Repository:
    """The checkout at ``root``; outside of a repository nothing is known."""

    root: Path

    def has(self, commit: str) -> bool:
        """Whether the commit is in it."""
        return self._git("cat-file", "-e", f"{commit}^{{commit}}") is not None

    def commit_link(self, commit: str) -> str:
        """The commit's page, '' where the remote is no forge that we know."""
        return self._page(0, commit)

    def diff_link(self, before: str, after: str) -> str:
        """The page of what changed between two commits, '' likewise."""
        return self._page(1, f"{before}...{after}")

    def pins(self, version: str) -> list[tuple[str, str]]:
        """(commit, date and subject) of the commits by which a pointer or project came to name a data version."""
        said = self._git(
            "log", "--all", f"-S{version}", "--format=%H%x09%cs %s", "--reverse", "--", "*.dvc", "conf/*.yaml"
        )
        lines = [line.partition("\t") for line in (said or "").splitlines()]
        return [(commit, told) for commit, _, told in lines]

    def show(self, commit: str, path: str) -> bytes | None:
        """A file as a commit has it."""
        return self._git_bytes("show", f"{commit}:{path}")

    def _page(self, kind: int, rest: str) -> str:
        remote = (self._git("remote", "get-url", "origin") or "").strip()
        parts = _REMOTE.fullmatch(remote)
        if parts is None:
            return ""
        pages = next((pages for forge, pages in _FORGES.items() if forge in parts["host"]), None)
        return f"https://{parts['host']}/{parts['path']}{pages[kind]}{rest}" if pages else ""

    def _git(self, *words: str) -> str | None:
        found = self._git_bytes(*words)
        return None if found is None else found.decode(errors="replace")

    def _git_bytes(self, *words: str) -> bytes | None:
        try:
            ran = subprocess.run(["git", "-C", str(self.root), *words], capture_output=True, check=False)
        except FileNotFoundError:  # an image has no git
            return None
        return None if ran.returncode else ran.stdout
