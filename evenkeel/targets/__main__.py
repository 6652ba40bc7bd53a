"""``python -m evenkeel.targets status|history|rollback PROJECT``: what is served, what was, and the way back."""

import argparse
import sys

from evenkeel.errors import EvenkeelError
from evenkeel.release import Release
from evenkeel.settings import read_settings
from evenkeel.targets.local import LocalTarget
from evenkeel.targets.status import Status


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0, 1 where nothing is served or the verb was refused."""
    parser = argparse.ArgumentParser(prog="python -m evenkeel.targets", description=__doc__)
    parser.add_argument("verb", choices=["status", "history", "rollback"])
    parser.add_argument("project")
    parser.add_argument("--reason", default="asked for by hand", help="kept in the history")
    options = parser.parse_args(arguments)
    target = LocalTarget(read_settings().releases)
    try:
        if options.verb == "history":
            for decision in target.history(options.project):
                print(f"{decision.action:<9}{_line(decision.release)}")
            return 0
        rolled = options.verb == "rollback"
        status = target.rollback(options.project, options.reason) if rolled else target.status(options.project)
    except EvenkeelError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(_told(status))
    return 0 if status.ready else 1


def _told(status: Status) -> str:
    served = _line(status.current) if status.current else "nothing"
    return f"{status.project} serves {served}" + (f"\nnot ready: {status.message}" if not status.ready else "")


def _line(release: Release) -> str:
    return (
        f"version {release.version} ({release.digest[:12]}), data {release.data_version[:12]},"
        f" since {release.released_at:%Y-%m-%d %H:%M:%S} UTC: {release.reason}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
