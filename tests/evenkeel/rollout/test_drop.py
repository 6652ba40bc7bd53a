"""What does not start, answers wrongly or fails a check is dropped; what says too little goes no further."""

import pytest

from evenkeel.errors import RolloutError
from tests.evenkeel.rollout.stage import Stage


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"never_ready": True}, "not ready after 15 minutes: 0 of 1 pods of version 2 are ready"),
        ({"crashes": "OOMKilled: raise the memory"}, "OOMKilled: raise the memory"),
        ({"refuses": "the webhook says no"}, "the webhook says no"),
        ({"ignores_weights": True}, "asked for 10 % of the traffic, the place says 0 %"),
    ],
)
def test_what_does_not_work_is_dropped(fault: dict[str, object], told: str, stage: Stage) -> None:
    stage.apply("1")
    for name, value in fault.items():
        setattr(stage.place, name, value)
    with pytest.raises(RolloutError, match="version 2 was dropped") as dropped:
        stage.apply("2")
    assert told in str(dropped.value)
    assert str(dropped.value).endswith("version 1 is served")
    assert (stage.served, stage.place.kept.get("candidate")) == ("1", None)
    assert stage.history()[-1] == ("dropped", "2")
    assert stage.record.version == "1"


def test_a_first_version_that_crashes_leaves_nothing(stage: Stage) -> None:
    stage.place.crashes = "ImagePullBackOff: push the image"
    with pytest.raises(RolloutError, match=r"ImagePullBackOff: push the image; nothing is served"):
        stage.apply("1")
    assert (stage.served, stage.place.kept["servers"]) == (None, {})
    with pytest.raises(RolloutError, match="nothing was ever served"):
        stage.target().rollback("visits", "bad")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((200, {"version": "2", "predictions": [{"probabilities": {"no": 0.4, "yes": 0.6}}]}), "its bundle says"),
        ((200, {"version": "2", "predictions": []}), "sample row 0 is answered"),
        ((401, {"problem": "no key"}), "answers 401"),
    ],
)
def test_a_wrong_answer_is_never_given_to_anybody(answer: tuple[int, object], told: str, stage: Stage) -> None:
    stage.apply("1")
    stage.route.first = [answer]
    with pytest.raises(RolloutError, match="smoke test") as dropped:
        stage.apply("2")
    assert told in str(dropped.value)
    assert stage.place.gave == [100], "of the first version"


def test_a_route_that_needs_a_moment_gets_it(stage: Stage) -> None:
    wrong = {"version": "1", "predictions": [{"probabilities": {"no": 0.99, "yes": 0.01}}]}
    stage.route.first = [(503, {}), (404, b"default backend"), (200, b"<html>"), (200, []), (200, wrong)]
    stage.apply("2")
    assert stage.served == "2"
    assert any("leads to version 1, not to 2" in line for line in stage.said)
    stage.route.first = [(503, {})] * 100
    with pytest.raises(RolloutError, match="answers 503"):
        stage.apply("3")


def test_a_failed_check_drops_it_at_once(stage: Stage) -> None:
    stage.apply("1")
    stage.judge.verdicts["latency"] = "fail"
    with pytest.raises(RolloutError, match="at 10 %: latency: fail"):
        stage.apply("2")
    assert stage.place.gave == [100, 0, 10]


def test_too_little_data_holds_until_patience_ends_and_never_promotes(stage: Stage) -> None:
    stage.apply("1")
    stage.judge.verdicts["errors"] = "unknown"
    with pytest.raises(RolloutError, match=r"stepping 2/3 for 61 minutes: holds at 10 %: errors: unknown. It stays"):
        stage.apply("2")
    assert (stage.served, stage.place.kept["traffic"]) == ("1", 10)
    stage.judge.verdicts.clear()
    stage.apply("2")
    assert stage.served == "2", "the same again goes on"
