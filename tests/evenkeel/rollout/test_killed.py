"""A rollout is killed before and behind every single thing it does to the place, and another process goes on."""

import json
from collections.abc import Callable
from contextlib import suppress

import pytest

from evenkeel.errors import RolloutError
from evenkeel.rollout.run import Stepped
from tests.evenkeel.rollout.fake_place import FakeDriver, Killed, Place
from tests.evenkeel.rollout.stage import Stage

Do = Callable[[Stage, Stepped], object]


def roll_out(stage: Stage, target: Stepped) -> object:
    """Version 3, to the end."""
    return target.apply(stage.project, stage.bundle("3"), "3")


def resume(stage: Stage, target: Stepped) -> object:
    """Go on where something is under way; begin where nothing was."""
    rollout = target.rollout("visits")
    if rollout is None or rollout.release.version != "3":
        return roll_out(stage, target)
    return None if rollout.ended else target.resume(stage.project)


def roll_back(_stage: Stage, target: Stepped) -> object:
    """To what was served before."""
    return target.rollback("visits", "bad")


def roll_back_again(_stage: Stage, target: Stepped) -> object:
    """The same, where it was not done."""
    return None if target.history("visits")[-1].action == "rolled back" else target.rollback("visits", "bad")


@pytest.mark.parametrize(
    ("before", "do", "again", "fault"),
    [
        ((), roll_out, resume, {}),
        (("1", "2"), roll_out, resume, {}),
        (("1", "2"), roll_out, resume, {"looks_until_ready": 4}),
        (("1", "2"), roll_out, resume, {"ignores_weights": True}),
        (("1", "2"), roll_out, resume, {"crashes": "OOMKilled: raise serving.resources.memory"}),
        (("1", "2"), roll_out, resume, {"refuses": "the webhook says no: fix the image"}),
        ((), roll_out, resume, {"crashes": "ImagePullBackOff: push the image"}),
        (("1", "2"), roll_back, roll_back_again, {}),
        (("1", "2", "3"), roll_back, roll_back_again, {}),
    ],
    ids=["first", "next", "slow", "ignored", "crashing", "refused", "first-crashing", "back", "further-back"],
)
def test_whoever_goes_on_ends_at_the_same(
    before: tuple[str, ...], do: Do, again: Do, fault: dict[str, object], stage: Stage
) -> None:
    stage.apply(*before)
    started = stage.place.dump()
    lines = {file.name for file in stage.kept.glob("*")}

    def anew(dies_at: int = 0, *, behind: bool = True) -> FakeDriver:
        for file in [each for each in stage.kept.glob("*") if each.name not in lines]:
            file.unlink()
        stage.place = Place(json.loads(started), **fault)  # type: ignore[arg-type]
        return FakeDriver(stage.place, stage.route.url, dies_at, behind)

    whole = anew()
    with suppress(RolloutError):
        do(stage, stage.target(whole))
    expected = stage.ends()
    for call in range(1, len(whole.calls) + 1):
        for behind in (False, True):
            dying = anew(call, behind=behind)
            with pytest.raises(Killed):
                do(stage, stage.target(dying, me="killed"))
            stage.clock.sleep(3600 * ((call + behind) % 2))  # some come at once, while the dead one seems alive
            with suppress(RolloutError):
                again(stage, stage.target(me="heir"))
            assert stage.ends() == expected, (call, dying.calls[-1], behind)
