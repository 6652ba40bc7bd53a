"""Applies a bundle, or rolls back, again and again, killed at each file operation in turn.

``python -m tests.evenkeel.killed_releases RELEASES SCRATCH apply|rollback BUNDLE`` prints one folder per death, each as
it was left.
"""

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from evenkeel.bundle import open_bundle
from evenkeel.targets.local import LocalTarget
from tests.evenkeel.toy_bundle import toy_project

OPERATIONS = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir"}


def _release(releases: Path, verb: str, bundle: Path, death: int) -> None:
    operations = 0

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal operations
        if event in OPERATIONS and str(releases) in str(arguments[0]):
            operations += 1
            if operations == death:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    if verb == "apply":
        LocalTarget(releases).apply(toy_project(), open_bundle(bundle), "2")
    else:
        LocalTarget(releases).rollback("visits", "bad")


def main(releases: Path, scratch: Path, verb: str, bundle: Path) -> list[str]:
    """The folders left by each death, until one came through alive."""
    left: list[str] = []
    while True:
        folder = scratch / str(len(left) + 1)
        shutil.copytree(releases, folder)
        child = os.fork()
        if not child:
            _release(folder, verb, bundle, len(left) + 1)
            os._exit(0)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
            return left
        left.append(str(folder))


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))))
