"""``python -m evenkeel.targets VERB PROJECT``: what is served, what was, and what shall be.

A rollback moves two things: the release, which needs no registry, then the registry's champion, so that the next
candidate is judged against what is served. Where the second fails the command says so, and repeats safely.
"""

import argparse
import sys

from evenkeel.errors import EvenkeelError
from evenkeel.settings import read_settings
from evenkeel.targets import TARGETS
from evenkeel.targets.verbs import VERBS, Asked


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 done; 1 refused or failed, or nothing is served that can answer; 2 called wrongly."""
    options = _parser().parse_args(arguments)
    try:
        asked = Asked(
            project=options.project,
            settings=read_settings(),
            target_name=options.target,
            version=options.version,
            reason=options.reason,
            bad=options.bad,
            off=options.off,
            yes=options.yes,
        )
        return VERBS[options.verb](asked)
    except EvenkeelError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\ninterrupted: what is served stays as it is; the same command goes on with it", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    listed = "\n".join(f"  {name:<10}{(verb.__doc__ or '').splitlines()[0]}" for name, verb in VERBS.items())
    parser = argparse.ArgumentParser(
        prog="python -m evenkeel.targets",
        description=f"{(__doc__ or '').splitlines()[0]}\n\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("verb", choices=list(VERBS))
    parser.add_argument("project")
    parser.add_argument("--target", choices=list(TARGETS), help="default: EVENKEEL_TARGET, else the project's")
    parser.add_argument("--version", help="plan, rollout: of the registry; default: its champion")
    parser.add_argument("--reason", default="asked for by hand", help="rollout, rollback: kept in the history")
    parser.add_argument("--from", dest="bad", metavar="VERSION", help="rollback: only where this version is served")
    parser.add_argument("--off", action="store_true", help="hold: go on again")
    parser.add_argument("--yes", action="store_true", help="delete: without being asked")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
