"""What the command is given, and what it leaves in the checkout."""

from pathlib import Path
from typing import Any

from components.new_project.command import new_project
from evenkeel.config import Project, find_project
from tests.components.new_project.awkward import Awkward

ROWS = 60
GOOD = {"x": [f"{row * 1.5}" for row in range(ROWS)], "left": ["yes", "no"] * (ROWS // 2)}


def made(workspace: Path, given: Awkward, name: str = "mine", **options: Any) -> Project:
    """The project that the command makes of this file, as read back from its own file."""
    new_project(name, given.write(workspace.parent), given.target, **options)
    return find_project(name, workspace / "conf")


def files(workspace: Path) -> dict[str, bytes]:
    """All that a user sees in the checkout."""
    found = (path for folder in ("conf", "data") for path in (workspace / folder).rglob("*") if path.is_file())
    return {str(path.relative_to(workspace)): path.read_bytes() for path in found}
