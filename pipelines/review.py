"""The check of a pull request: every project that a branch changes, judged one after the other, in one report.

Below the report's folder each project has one of its own, with its report and all that belongs to it: see
``pipelines.compare``.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Literal, get_args

from components.register.document import Document, Section, Table
from evenkeel.errors import EvenkeelError, GateError, PipelineError
from evenkeel.settings import Settings
from evenkeel.storage import delete, write_bytes
from pipelines.branch import Choice
from pipelines.compare import REPORT, compare

LIMIT = 64_000
"""Characters of the joint report, which becomes a comment: GitHub takes 65,536."""
MOST_TOLD = 200
"""Characters that its table says of a project; the project's own report says all."""

Outcome = Literal["refused", "could not be judged", "not worse"]
"""In the order in which they are told."""


@dataclass(frozen=True)
class Judged:
    """What came of one project."""

    project: str
    outcome: Outcome
    told: str
    """The outcome and why."""
    report: str
    """Its own report, Markdown."""


def review(choice: Choice, base: str, settings: Settings, root: Path, place: Path, say: Callable[[str], None]) -> None:
    """Judge each project of ``choice``, whatever becomes of the others, and write ``report.md`` below ``place``.

    ``say`` is told each verdict as it comes. Raises GateError where a project is refused, else PipelineError where one
    could not be judged; the report is written before.
    """
    say(choice.reason)
    judged = []
    for name in choice.projects:
        judged.append(_judge(name, base, settings, root, place / name))
        say(f"{name}: {judged[-1].told}")
    write_bytes(place / REPORT, join(choice.reason, judged).encode())
    say(f"report: {place / REPORT}")
    _require_not_worse(judged, place / REPORT)


def forget(place: Path) -> None:
    """Remove the report of an earlier run, which would be taken for that of one that ends before it has any."""
    delete(place / REPORT)


def join(reason: str, judged: Sequence[Judged]) -> str:
    """One document: a line for each project, then their reports, as many as ``LIMIT`` has room for."""
    judged = sorted(judged, key=lambda each: get_args(Outcome).index(each.outcome))
    rows = [[each.project, shorten(each.told, MOST_TOLD, placeholder=" ...")] for each in judged]
    counts = Counter(each.outcome for each in judged)
    title = ", ".join(f"{count} {outcome}" for outcome, count in counts.items()) or "nothing to judge"
    verdicts = Section("Verdicts", [Table(["project", "verdict"], rows)] if rows else [])
    text, left = Document(title, reason, [verdicts]).to_markdown(), []
    for each in judged:
        if len(text) + len(each.report) < LIMIT:
            text += f"\n{each.report}"
        else:
            left.append(each.project)
    if left:
        text += (
            f"\nA comment has no room for the reports of {len(left)} projects: PROJECT/{REPORT} beside this file, which"
            " CI keeps with the run.\n"
        )
    return text


def _judge(name: str, base: str, settings: Settings, root: Path, place: Path) -> Judged:
    try:
        compared = compare(name, base, settings, root, place)
    except EvenkeelError as error:
        text = Document(f"{name}: could not be judged", str(error), []).to_markdown()
        write_bytes(place / REPORT, text.encode())
        return Judged(name, "could not be judged", f"could not be judged: {error}", text)
    outcome: Outcome = "not worse" if compared.certificate.passed else "refused"
    return Judged(name, outcome, compared.verdict, (place / REPORT).read_text(encoding="utf-8"))


def _require_not_worse(judged: Sequence[Judged], report: Path) -> None:
    bad = [each for each in judged if each.outcome != "not worse"]
    told = f"{', '.join(f'{each.project} {each.outcome}' for each in bad)}: why stands in {report}"
    if any(each.outcome == "refused" for each in bad):
        raise GateError(told)
    if bad:
        raise PipelineError(told)
