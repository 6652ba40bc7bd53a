"""A server: whether it answers as what it should be, in a version that works, with a clock like ours."""

from collections.abc import Iterator

from evenkeel.doctor.compatibility import SERVERS
from evenkeel.doctor.finding import Finding
from evenkeel.doctor.web import MOST_SKEW, Answer


def stranger(thing: str, url: str, settings: str) -> Finding:
    """It answers, but it is something else."""
    return Finding(thing, "fail", f"{url} answers, but not as {thing} does: is it a login page?", f"check {settings}")


def reached(thing: str, url: str, answer: Answer, found: str, settings: str) -> Iterator[Finding]:
    """Whether it answered; if so, its version (``found``) and its clock."""
    if answer.status != 200:
        told = f"{url} answers {answer.status}" if answer.status else f"{url} cannot be reached: {answer.body}"
        yield Finding(thing, "fail", told, f"check {settings}, and that it is up")
        return
    yield aged(thing, url, found)
    yield from timed(thing, answer.skew)


def aged(thing: str, url: str, found: str) -> Finding:
    """Whether its version has what is called."""
    least = SERVERS.get(thing, ())
    numbers = tuple(int(part) for part in found.lstrip("v").split("-")[0].split(".") if part.isdigit())
    old = bool(numbers) and numbers < least
    wanted = ".".join(map(str, least))
    return Finding(thing, "warn" if old else "ok", f"{url} {found}".strip(), f"upgrade it: {wanted} or newer is needed")


def timed(thing: str, skew: float | None) -> Iterator[Finding]:
    """A clock that is not like ours."""
    if skew is not None and abs(skew) > MOST_SKEW:
        yield Finding(thing, "fail", f"its clock is {skew:+.0f} s from this machine's", "set both by NTP")
