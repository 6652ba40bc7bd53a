import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenkeel.config.operation import QuietHours, Retraining
from monitoring.governor.decide import Ask, Decision, Known, Past, Rule, Trigger, decide, is_quiet

NOW = dt.datetime(2026, 11, 21, 12, 0, tzinfo=dt.UTC)
RULES = Retraining(cooldown_hours=6, daily_cap=2, min_new_labels=500)
ASK = Ask("visits", "3", "drift", "ModelInputShift")
KNOWN = Known("3", new_labels=500)
FREE = Past()


def _ago(**span: float) -> dt.datetime:
    return NOW - dt.timedelta(**span)


def test_nothing_speaks_against_it() -> None:
    assert decide(ASK, KNOWN, FREE, RULES, NOW) == Decision("started", "ModelInputShift")


@pytest.mark.parametrize(
    ("rule", "ask", "known", "past", "rules"),
    [
        ("running", ASK, KNOWN, Past(running=True), RULES),
        ("not_a_trigger", ASK, KNOWN, FREE, RULES.model_copy(update={"on": ("performance",)})),
        ("other_version", replace(ASK, version="2"), KNOWN, FREE, RULES),
        ("data_quality", ASK, replace(KNOWN, broken="age: 80 % missing"), FREE, RULES),
        ("already_retrained", ASK, KNOWN, Past(retrained=True), RULES),
        ("quiet_hours", ASK, KNOWN, FREE, RULES.model_copy(update={"quiet_hours": QuietHours(start=11, end=13)})),
        ("cooldown", ASK, KNOWN, Past(starts=(_ago(hours=5, minutes=59),)), RULES),
        ("daily_cap", ASK, KNOWN, Past(starts=(_ago(hours=23), _ago(hours=7))), RULES),
        ("few_labels", ASK, replace(KNOWN, new_labels=499), FREE, RULES),
        ("no_new_data", replace(ASK, trigger="data"), replace(KNOWN, same_data="v1"), FREE, RULES),
        ("unusable_rows", ASK, replace(KNOWN, unusable="column 'id'"), FREE, RULES),
    ],
)
def test_each_rule_refuses(rule: Rule, ask: Ask, known: Known, past: Past, rules: Retraining) -> None:
    refused = decide(ask, known, past, rules, NOW)
    assert (refused.rule, refused.started) == (rule, False)
    assert refused.reason


@pytest.mark.parametrize(
    "past",
    [
        Past(starts=(_ago(hours=6),)),
        Past(starts=(_ago(hours=24), _ago(hours=7))),
        Past(starts=(_ago(days=9), _ago(days=8), _ago(days=7))),
    ],
)
def test_time_sets_free_again(past: Past) -> None:
    assert decide(ASK, KNOWN, past, RULES, NOW).started


def test_data_that_somebody_brought_need_no_labelled_predictions() -> None:
    brought = replace(ASK, trigger="data")
    assert decide(brought, replace(KNOWN, new_labels=0, unusable="column 'id'"), FREE, RULES, NOW).started


@pytest.mark.parametrize("trigger", ["schedule", "data"])
def test_one_retraining_a_version_is_for_alerts_alone(trigger: Trigger) -> None:
    rules = Retraining(on=("schedule", "data"), schedule="0 0 3 * * *", cooldown_hours=0)
    assert decide(replace(ASK, trigger=trigger), KNOWN, Past(retrained=True), rules, NOW).started


def test_a_person_passes_over_all_rules_but_single_flight() -> None:
    ask = replace(ASK, trigger="hand")
    rules = RULES.model_copy(update={"on": (), "quiet_hours": QuietHours(start=0, end=23)})
    past = Past(retrained=True, starts=(NOW, NOW, NOW))
    known = Known("4", new_labels=0, broken="all of it")
    assert decide(ask, known, past, rules, NOW).started
    assert decide(ask, known, replace(past, running=True), rules, NOW).rule == "running"


def test_labels_that_were_not_counted_yet_do_not_speak_against_it() -> None:
    assert decide(ASK, Known("3"), FREE, RULES, NOW).started


@given(start=st.integers(0, 23), end=st.integers(0, 23))
def test_quiet_hours_are_as_long_as_they_say(start: int, end: int) -> None:
    hours = QuietHours(start=start, end=end)
    day = [NOW.replace(hour=hour) for hour in range(24)]
    assert sum(is_quiet(hours, moment) for moment in day) == (end - start) % 24
    assert not is_quiet(hours, NOW.replace(hour=end))
