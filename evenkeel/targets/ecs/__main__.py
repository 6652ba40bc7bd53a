"""``python -m evenkeel.targets.ecs destroy PROJECT``: take a project off ECS, after showing all that would go."""

import argparse
import sys

from evenkeel.errors import EvenkeelError
from evenkeel.settings import read_settings
from evenkeel.targets import open_target
from evenkeel.targets.ecs.destroy import destruction
from evenkeel.targets.ecs.door import Door
from evenkeel.targets.ecs.place import open_place


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 where it is gone, 1 where something stays."""
    parser = argparse.ArgumentParser(prog="python -m evenkeel.targets.ecs", description=__doc__)
    parser.add_argument("verb", choices=["destroy"])
    parser.add_argument("project")
    parser.add_argument("--yes", action="store_true", help="without being asked")
    options = parser.parse_args(arguments)
    try:
        return _destroy(options.project, yes=options.yes)
    except EvenkeelError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1


def _destroy(project: str, *, yes: bool) -> int:
    settings = read_settings()
    place = open_place(Door(settings.s3_endpoint), settings, project)
    changes = destruction(place.door, place.stack)
    for change in changes:
        print(f"{change.action} {change.thing}")
    left = "the stack, its images and logs, the bundles, the history and the ledger stay"
    print(f"{len(changes)} things and the journal; {left}")
    if not yes and input("destroy them? [y/N] ").strip().lower() not in ("y", "yes"):
        print("nothing was changed", file=sys.stderr)
        return 1
    open_target("ecs", settings).delete(project)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
