"""Folds, and answers from models that did not see the row."""

import numpy as np
import pyarrow as pa
import pytest

from evenkeel.config.project import Project
from evenkeel.errors import ModelError
from evenkeel.learning.crossfit import encode_folds, make_folds, out_of_fold
from evenkeel.learning.estimator import build_estimator, traits
from evenkeel.table import truth
from tests.components import learnable


def test_folds_cover_every_row_once_spread_the_classes_and_do_not_depend_on_chance() -> None:
    chosen, table = learnable.project(task="multiclass", search={"folds": 3}), learnable.table(task="multiclass")
    answer = truth(table, chosen)
    folds = make_folds(table, answer, chosen)
    assert sorted(np.concatenate([fold.held for fold in folds]).tolist()) == list(range(table.num_rows))
    for fold in folds:
        assert not set(fold.learn) & set(fold.held)
        assert np.ptp(np.bincount(answer[fold.held])) <= 2
    again = make_folds(table, answer, chosen)
    assert all((one.held == other.held).all() for one, other in zip(folds, again, strict=True))


def test_groups_stay_together() -> None:
    rows = 120
    group = pa.array([f"house {number % 20}" for number in range(rows)])
    table = learnable.table(rows).append_column("house", group)
    described = learnable.project().model_dump(mode="json", exclude_defaults=True)
    described["contract"]["columns"]["house"] = {"type": "string"}
    described["split"] = {"group": "house"}
    chosen = Project.model_validate(described)
    for fold in make_folds(table, truth(table, chosen), chosen):
        assert not set(group.take(fold.held).to_pylist()) & set(group.take(fold.learn).to_pylist())


def test_near_duplicates_never_stand_on_both_sides_of_a_fold() -> None:
    once = learnable.table(60)
    table = pa.concat_tables([once, once, once])
    chosen = learnable.project()
    for fold in make_folds(table, truth(table, chosen), chosen):
        assert not set(fold.learn % 60) & set(fold.held % 60)


def test_fewer_groups_than_folds_are_refused() -> None:
    table = pa.concat_tables([learnable.table(2)] * 10)
    chosen = learnable.project(search={"folds": 3})
    with pytest.raises(ModelError, match=r"2 distinct training rows or groups are too few for search\.folds 3"):
        make_folds(table, truth(table, chosen), chosen)


def test_out_of_fold_answers_come_from_models_that_did_not_see_the_row() -> None:
    """A tree that learns by heart knows random labels, unless it is asked about rows it was not shown."""
    chosen, table = learnable.project("sklearn.tree.DecisionTreeClassifier"), learnable.table(600)
    answer = np.random.default_rng(1).integers(0, 2, 600)
    estimator = build_estimator(chosen)
    wanted = traits(estimator, chosen)
    folds = make_folds(table, answer, chosen)
    answers = out_of_fold(encode_folds(table, folds, chosen, wanted), answer, estimator, chosen)
    assert 0.4 < (answers.argmax(axis=1) == answer).mean() < 0.6
    by_heart = [type(fold)(np.arange(600), fold.held) for fold in folds]
    told = out_of_fold(encode_folds(table, by_heart, chosen, wanted), answer, estimator, chosen)
    assert (told.argmax(axis=1) == answer).all()


def test_a_class_a_fold_never_saw_has_no_probability() -> None:
    chosen, table = learnable.project(task="multiclass"), learnable.table(60, "multiclass")
    answer = np.where(np.arange(60) == 7, 2, np.arange(60) % 2)
    estimator = build_estimator(learnable.project("sklearn.tree.DecisionTreeClassifier", "multiclass"))
    folds = make_folds(table, answer, chosen)
    encoded = encode_folds(table, folds, chosen, traits(estimator, chosen))
    answers = out_of_fold(encoded, answer, estimator, chosen)
    assert answers[7, 2] == 0
    np.testing.assert_allclose(answers.sum(axis=1), 1)


def test_a_fit_that_fails_is_a_model_error_in_scikit_learns_words() -> None:
    chosen, table = learnable.project(params={"C": -1}), learnable.table()
    answer, estimator = truth(table, chosen), build_estimator(chosen)
    folds = encode_folds(table, make_folds(table, answer, chosen), chosen, traits(estimator, chosen))
    with pytest.raises(ModelError, match=r"LogisticRegression cannot be fitted .*'C' parameter"):
        out_of_fold(folds, answer, estimator, chosen)
