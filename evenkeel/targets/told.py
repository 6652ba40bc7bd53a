"""What targets and rollouts look like to people: lines of text."""

from collections.abc import Iterator

from evenkeel.release import Release
from evenkeel.rollout.driver import Change
from evenkeel.rollout.journal import Decision, Order, Rollout
from evenkeel.targets.status import Decided, Status


def served(status: Status) -> str:
    """What is served, by which release and since when."""
    what = _released(status.current) if status.current else "nothing"
    return f"{status.project} serves {what}" + (f"\nnot ready: {status.message}" if not status.ready else "")


def decided(line: Decided) -> str:
    """One decision."""
    release = line.release
    told = line.message if isinstance(line, Decision) else ""
    why = "; ".join(filter(None, (release.reason, told)))
    head = f"{line.at:%Y-%m-%d %H:%M:%S} UTC  {line.action:<12} version {release.version} ({release.digest[:12]})"
    return f"{head}, data {release.data_version[:12]}: {why}"


def progress(rollout: Rollout, order: Order | None) -> str:
    """Where the rollout stands, what its checks say, and what can be done next."""
    since = f"{rollout.since:%Y-%m-%d %H:%M:%S} UTC"
    lines = [f"version {rollout.release.version} is {rollout.at} since {since}: {rollout.message}"]
    if rollout.ended:
        return lines[0].replace(" is ", " was ", 1).replace(" since ", " at ", 1)
    lines += [f"  {outcome.verdict:<8}{outcome.told}" for outcome in rollout.outcomes]
    if order:
        lines.append(f"  asked for: {order}")
    if rollout.seen:
        lines.append(f"  driven by {rollout.driver}, last seen {rollout.seen:%Y-%m-%d %H:%M:%S} UTC")
    project = rollout.release.project
    return "\n".join(
        [*lines, f"  next: make promote|rollback|hold PROJECT={project}; if nobody drives it: make rollout"]
    )


def difference(change: Change) -> Iterator[str]:
    """One change, and each of its fields."""
    yield f"{change.action:<8}{change.thing}"
    for path, before, after in change.fields:
        yield f"        {path}: {before} -> {after}"


def _released(release: Release) -> str:
    return (
        f"version {release.version} ({release.digest[:12]}), data {release.data_version[:12]},"
        f" since {release.released_at:%Y-%m-%d %H:%M:%S} UTC: {release.reason}"
    )
