"""What is kept beside the bundles: the journal, and what this driver is bringing there.

On S3, in objects of their own: tags are too short for a journal and cannot be swapped, and a service does not exist
before its first release. A conditional PUT (If-Match, If-None-Match) is the compare-and-swap: of two who write at
once, S3 refuses one.
"""

from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from evenkeel.errors import ConflictError, RolloutError
from evenkeel.release import Release
from evenkeel.rollout.journal import Journal
from evenkeel.targets.ecs.door import AwsError, Door
from evenkeel.targets.ecs.strategy import Strategy

_CHANGED = frozenset({"PreconditionFailed", "412", "ConditionalRequestConflict", "409", "NoSuchKey", "404"})


class Attempt(BaseModel):
    """One release being brought there: written before anything is done, so that whoever comes after knows."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    release: Release
    task_definition: str
    """ARN."""
    before: str | None
    """ARN of the task definition that is served until this one is promoted; None: nothing was."""
    since: str | None
    """ARN of the newest service deployment before this one: what is newer is ours, or somebody's who came later."""
    strategy: Strategy
    asked: tuple[int, str] | None = None
    """The share that was asked for last, and the stop at which: one wish moves ECS past one stop, never past two."""
    dropped: bool = False
    """Whether it is unwanted by now: that ECS takes it back is then no failure."""


class Kept:
    """The objects of one project at one stack."""

    def __init__(self, door: Door, place: str) -> None:
        bucket, _, prefix = place.removeprefix("s3://").partition("/")
        self._door = door
        self._bucket = bucket
        self._prefix = prefix

    def journal(self) -> Journal:
        """The journal; an empty one where there is none. Raises AwsError, RolloutError where it cannot be read."""
        text, mark = self._read("journal.json")
        return _parsed(Journal, text).model_copy(update={"token": mark}) if text else Journal()

    def write_journal(self, journal: Journal) -> Journal:
        """Keep it. Raises ConflictError where somebody else has written since it was read."""
        condition = {"IfMatch": journal.token} if journal.token else {"IfNoneMatch": "*"}
        text = journal.model_copy(update={"token": ""}).model_dump_json(indent=1)
        try:
            mark = self._write("journal.json", text, **condition)
        except AwsError as exc:
            if exc.code not in _CHANGED:
                raise
            raise ConflictError(
                f"s3://{self._bucket}/{self._prefix}/journal.json was changed since it was read"
            ) from exc
        return journal.model_copy(update={"token": mark})

    def attempt(self) -> Attempt | None:
        """What is being brought there; None: nothing."""
        text, _ = self._read("attempt.json")
        return _parsed(Attempt, text) if text else None

    def write_attempt(self, attempt: Attempt) -> None:
        """Keep it; only who drives the rollout writes it."""
        self._write("attempt.json", attempt.model_dump_json(indent=1))

    def forget_attempt(self) -> None:
        """It has ended, one way or the other."""
        self._delete("attempt.json")

    def forget(self) -> None:
        """Remove all of it."""
        self._delete("attempt.json")
        self._delete("journal.json")

    def _read(self, name: str) -> tuple[str, str]:
        """Text and mark; empty where there is no such object."""
        try:
            answer = self._door.call("s3", "get_object", Bucket=self._bucket, Key=f"{self._prefix}/{name}")
        except AwsError as exc:
            if exc.code != "NoSuchKey":
                raise
            return "", ""
        return answer["Body"].read().decode(), answer["ETag"]

    def _write(self, name: str, text: str, **condition: str) -> str:
        key, body = f"{self._prefix}/{name}", text.encode() + b"\n"
        answer = self._door.call("s3", "put_object", Bucket=self._bucket, Key=key, Body=body, **condition)
        mark: str = answer["ETag"]
        return mark

    def _delete(self, name: str) -> None:
        self._door.call("s3", "delete_object", Bucket=self._bucket, Key=f"{self._prefix}/{name}")


_T = TypeVar("_T", bound=BaseModel)


def _parsed(kind: type[_T], text: str) -> _T:
    try:
        return kind.model_validate_json(text)
    except ValueError as exc:
        raise RolloutError(f"the {kind.__name__.lower()} beside the bundles cannot be read: {exc}") from exc
