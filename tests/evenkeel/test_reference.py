"""The reference profile of a bundle: what it holds and leaves out, and how much variation it calls natural."""

import json
from typing import Any

import numpy as np
import pytest

from evenkeel.config import Project
from evenkeel.errors import BundleError
from evenkeel.prediction import Prediction, classify, estimate
from evenkeel.profile import CategoryProfile, NumericProfile, TextProfile
from evenkeel.reference import MIN_BLOCKS, Reference, build_reference
from evenkeel.table import Columns

ROWS = 3000
WORDS = {"about": {"good": 0, "film": 1}}


def project(task: str = "binary", **monitoring: Any) -> Project:
    target: dict[str, Any] = {"column": "y", "task": task}
    kind: dict[str, Any] = {"type": "number"}
    if task != "regression":
        kind = {"type": "category", "categories": ["no", "yes"]}
        target["positive"] = "yes"
    columns = {
        "age": {"type": "number"},
        "town": {"type": "category", "categories": ["a", "b"]},
        "about": {"type": "text"},
        "smoker": {"type": "boolean"},
        "wage": {"type": "number", "sensitive": "drop"},
        "street": {"type": "category", "categories": ["x", "z"], "sensitive": "hash"},
        "seen": {"type": "datetime"},
        "y": kind,
    }
    return Project.model_validate(
        {
            "name": "people",
            "data": {"path": "data/p.csv", "time": "seen"},
            "target": target,
            "contract": {"columns": columns},
            "model": {"estimator": "sklearn.linear_model.LogisticRegression"},
            "gates": {"metric": "mae", "require": {"mae": 1}}
            if task == "regression"
            else {"metric": "roc_auc", "require": {"roc_auc": 0.5}},
            "monitoring": monitoring,
        }
    )


def columns(rows: int = ROWS, *, sway: float = 0.0, days: int = 30) -> tuple[Columns, "np.ndarray[Any, Any]"]:
    """Rows of ``days`` days whose age's mean sways from day to day by that many standard deviations."""
    random = np.random.default_rng(0)
    day = np.sort(random.integers(0, days, rows))
    moments = np.datetime64("2026-01-01", "us") + day * np.timedelta64(1, "D")
    found: Columns = {
        "age": random.normal(size=rows) + sway * random.normal(size=days)[day],
        "town": random.choice(np.array(["a", "b", None], object), rows),
        "about": np.array(["good film", "bad film", None], object)[random.integers(0, 3, rows)],
        "smoker": random.integers(0, 2, rows).astype(float),
        "wage": random.normal(size=rows),
        "street": random.choice(np.array(["x", "z"], object), rows),
        "seen": moments,
    }
    return found, moments


def answers(rows: int = 500) -> Prediction:
    positive = np.random.default_rng(1).random(rows)
    return classify(np.column_stack([1 - positive, positive]), 0.5)


def build(sway: float = 0.0, days: int = 30, rows: int = ROWS, **monitoring: Any) -> Reference:
    found, moments = columns(rows, sway=sway, days=days)
    truth = np.random.default_rng(2).integers(0, 2, rows)
    return build_reference(project(**monitoring), found, truth, answers(), WORDS, moments)


def test_each_column_has_its_kind_and_counts_all_rows() -> None:
    profiles = build().profiles
    kinds = {name: type(profile) for name, profile in profiles.features.items()}
    assert kinds == {"age": NumericProfile, "town": CategoryProfile, "about": TextProfile, "smoker": NumericProfile}
    assert {profile.rows for profile in profiles.features.values()} == {ROWS} == {profiles.rows}
    assert (profiles.prediction.rows, profiles.label.rows) == (500, ROWS)


def test_what_is_sensitive_and_time_stay_out_of_the_file() -> None:
    text = build().to_json()
    content = json.loads(text)
    assert not {"wage", "street", "seen"} & set(content["features"])
    assert not {"wage", "street", "seen"} & set(content["calibration"])
    assert '"x"' not in text


def test_labels_are_classes_as_people_write_them_or_numbers() -> None:
    label = build().profiles.label
    assert isinstance(label, CategoryProfile)
    assert label.values == ("no", "yes")
    found, _ = columns()
    values = estimate(np.arange(50.0), None)
    reference = build_reference(project("regression"), found, np.arange(float(ROWS)), values, WORDS, None)
    assert isinstance(reference.profiles.label, NumericProfile)
    assert reference.profiles.prediction.high == 49


def test_the_words_that_the_model_knows_are_told_apart() -> None:
    about = build().profiles.features["about"]
    assert isinstance(about, TextProfile)
    assert about.unknown / about.words == pytest.approx(0.25, abs=0.02)  # "bad" is half of half of the words


def test_json_gives_it_back_and_is_the_same_for_the_same_rows() -> None:
    reference = build(min_rows=50)
    text = reference.to_json()
    again = Reference.from_json(text, WORDS)
    assert again.to_json() == text == build(min_rows=50).to_json()
    assert again.calibration == reference.calibration
    assert again.vocabularies == WORDS


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"features": {"a": {"kind": "strange"}}}'])
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(BundleError, match=r"profile\.json"):
        Reference.from_json(text, {})


def test_a_prediction_that_is_no_number_is_refused() -> None:
    content = json.loads(build().to_json())
    content["prediction"] = content["features"]["town"]
    with pytest.raises(BundleError, match="prediction must be numeric"):
        Reference.from_json(json.dumps(content), WORDS)


def test_days_calibrate_what_is_natural() -> None:
    calm, swaying = build(min_rows=50), build(sway=0.6, min_rows=50)
    assert {found.blocks for found in calm.calibration.values()} == {30}
    assert set(calm.calibration) == {"age", "town", "smoker"}
    assert swaying.calibration["age"].threshold > 5 * calm.calibration["age"].threshold
    assert calm.calibration["age"].threshold < 0.5, "days of a hundred rows are noisy, and yet not a licence to move"
    assert build(min_rows=500, rows=15_000).calibration["age"].threshold < 0.1
    assert swaying.calibration["town"] == calm.calibration["town"]


@pytest.mark.parametrize(("days", "min_rows"), [(MIN_BLOCKS - 1, 50), (30, 500)])
def test_too_few_or_too_small_days_calibrate_nothing(days: int, min_rows: int) -> None:
    assert build(days=days, min_rows=min_rows).calibration == {}


def test_no_time_column_no_calibration() -> None:
    found, _ = columns()
    reference = build_reference(project(min_rows=50), found, np.zeros(ROWS, np.int64), answers(), WORDS, None)
    assert reference.calibration == {}


def test_an_empty_copy_has_the_same_cells() -> None:
    profiles = build().profiles
    empty = profiles.like()
    assert empty.rows == 0
    assert empty.prediction.rows == 0
    assert set(empty.features) == set(profiles.features)
    found, _ = columns()
    empty.add_features(found, WORDS)
    assert {name: profile.to_json() for name, profile in empty.features.items()} == {
        name: profile.to_json() for name, profile in profiles.features.items()
    }


def test_moments_that_are_missing_are_in_no_block() -> None:
    found, moments = columns(days=30)
    moments = moments.copy()
    moments[::2] = np.datetime64("NaT")
    truth = np.zeros(ROWS, np.int64)
    reference = build_reference(project(min_rows=30), found, truth, answers(), WORDS, moments)
    assert {found.blocks for found in reference.calibration.values()} <= {28, 29, 30}
