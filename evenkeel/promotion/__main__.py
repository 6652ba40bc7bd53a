"""``python -m evenkeel.promotion VERB PROJECT``: promote, approve, approvals, history, status. Who may go where."""

import argparse
import datetime as dt
import sys
from collections.abc import Callable

from evenkeel.account import account
from evenkeel.config import Project, find_project
from evenkeel.errors import ApprovalError, EvenkeelError, PromotionError, RolloutError, SettingsError
from evenkeel.promotion.approval import approvals
from evenkeel.promotion.environment import read_environment
from evenkeel.promotion.give import Yes, give
from evenkeel.promotion.history import Served, served, served_at
from evenkeel.promotion.promote import promote_to
from evenkeel.settings import Settings, read_settings
from evenkeel.targets import open_target
from evenkeel.tracking import champion_version, version

WAITING = 4
"""Exit code of a promotion that only waits for people."""


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 done, 1 refused, 4 waiting for approval."""
    options = _parser().parse_args(arguments)
    try:
        settings = read_settings()
        project = find_project(options.project, settings.workspace / "conf")
        _VERBS[options.verb](options, project, settings)
    except ApprovalError as error:
        print(error, file=sys.stderr)
        return WAITING
    except EvenkeelError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def _promote(options: argparse.Namespace, project: Project, settings: Settings) -> None:
    number = options.version or champion_version(settings, project.name)
    if options.digest:
        _require_digest(settings, project.name, number, options.digest)
    done = promote_to(project, number, _environment(options), settings, dt.datetime.now(dt.UTC))
    print(f"{project.name} version {done.version.version} is served in {options.to}")
    for approval in done.approvals:
        print(f"  approved by {approval.told()}")
    print(done.version.digest)  # the last line, for whoever hands it on to the next environment


def _require_digest(settings: Settings, name: str, number: str, digest: str) -> None:
    """That the version is still what was looked at: a registry's numbers can be made again, digests cannot."""
    found = version(settings, name, number)
    if found.digest != digest:
        raise PromotionError(
            f"{name} version {number} is bundle {found.digest[:12]}, not {digest[:12]} as the environment"
            " before served: promote it there first"
        )


def _status(options: argparse.Namespace, project: Project, settings: Settings) -> None:
    there = read_environment(_environment(options), settings.workspace)
    status = open_target(there.target or project.serving.target, there).status(project.name)
    if status.current is None or not status.ready:
        raise RolloutError(f"{project.name} in {options.to}: {status.message or 'nothing is served'}")
    release = status.current
    print(f"{project.name} in {options.to}: version {release.version} ({release.digest[:12]}), {release.reason}")


def _approve(options: argparse.Namespace, project: Project, settings: Settings) -> None:
    if not options.role or not options.reason:
        raise SettingsError("an approval needs --role and --reason: both are kept for ever")
    yes = Yes(
        project=project,
        version=options.version or champion_version(settings, project.name),
        environment=_environment(options),
        who=options.who or account(),
        role=options.role,
        reason=options.reason,
        by="command",
        hours=options.hours,
    )
    given = give(yes, settings, dt.datetime.now(dt.UTC))
    approval = given.approval
    print(f"{given.place or 'was given before'}: {approval.told()}")
    print(
        f"counts until {approval.expires:%Y-%m-%d %H:%M} UTC for {approval.digest[:12]} in {approval.environment},"
        " nothing else"
    )


def _approvals(_: argparse.Namespace, project: Project, settings: Settings) -> None:
    for approval in approvals(settings, project.name):
        print(f"{approval.environment:<12}version {approval.version} ({approval.digest[:12]})  {approval.told()}")


def _history(options: argparse.Namespace, project: Project, settings: Settings) -> None:
    there = read_environment(options.to, settings.workspace) if options.to else settings
    if options.at is None:
        for each in served(there, project):
            print(_line(each))
        return
    found = served_at(there, project, options.at)
    print(_line(found) if found else f"nothing was served at {options.at:%Y-%m-%d %H:%M} UTC")


def _line(each: Served) -> str:
    until = f"{each.until:%Y-%m-%d %H:%M:%S}" if each.until else "now"
    release = each.release
    return (
        f"{each.since:%Y-%m-%d %H:%M:%S} to {until:<19}  version {release.version} ({release.digest[:12]}),"
        f" data {release.data_version[:12]}: {release.reason}"
    )


def _environment(options: argparse.Namespace) -> str:
    if not options.to:
        raise SettingsError("which environment? --to NAME (make: TO=production)")
    return str(options.to)


def _moment(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evenkeel.promotion", description=__doc__)
    parser.add_argument("verb", choices=sorted(_VERBS))
    parser.add_argument("project")
    parser.add_argument("--version", help="in this process's registry; absent: the champion")
    parser.add_argument("--to", metavar="ENVIRONMENT", help="an environments/<name>.env")
    parser.add_argument("--digest", help="promote: refuse where the version is another bundle")
    parser.add_argument("--role", help="approve: as what")
    parser.add_argument("--reason", help="approve: why")
    parser.add_argument("--who", help="approve: who; absent: this account")
    parser.add_argument("--hours", type=float, help="approve: how long it counts; absent: what the project says")
    parser.add_argument("--at", type=_moment, metavar="TIME", help="history: ISO 8601, UTC without a zone")
    return parser


_VERBS: dict[str, Callable[[argparse.Namespace, Project, Settings], None]] = {
    "promote": _promote,
    "approve": _approve,
    "approvals": _approvals,
    "history": _history,
    "status": _status,
}

if __name__ == "__main__":
    raise SystemExit(main())
