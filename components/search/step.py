"""Search: one worker's deterministic share of the trials, by cross-validation inside the training rows."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from evenkeel.config.modelling import Space
from evenkeel.config.project import Project
from evenkeel.errors import ModelError
from evenkeel.identity import positions
from evenkeel.learning.crossfit import EncodedFold, encode_folds, group_keys, make_folds, out_of_fold
from evenkeel.learning.decision import decide
from evenkeel.learning.estimator import Traits, build_estimator, traits
from evenkeel.metrics import find_metric, score
from evenkeel.table import read_table, truth
from evenkeel.trials import Trial, all_failed, write_trials

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


def search(project: Project, train: Path, worker: int, trials: Path) -> None:
    """Write the trials of one worker (of ``range(model.search.workers)``) as a JSON list, without times.

    Raises ModelError where the estimator or its parameters are wrong, or each of this worker's trials failed.
    """
    found = run_trials(read_table(train), project, worker)
    write_trials(found, trials)
    if found and all(trial.error for trial in found):
        raise ModelError(all_failed(found))


def run_trials(table: pa.Table, project: Project, worker: int) -> list[Trial]:
    """One worker's share of the trials on a typed table, the same for the same rows and project."""
    settings = project.model.search
    build_estimator(project)  # what is wrong with it is said before anything is fitted
    find_metric(_metric(project), project.target.task)
    numbers = range(worker, settings.trials if settings.space else 1, settings.workers)
    if settings.trials == 1 or not settings.space:
        return [Trial(worker=worker, number=number, params={}) for number in numbers]
    return list(_judged(CrossValidation(sample_groups(table, project), project), project, worker, numbers))


def sample_groups(table: pa.Table, project: Project) -> pa.Table:
    """At most ``search.max_rows`` rows, a seeded sample in which groups are whole but for the last."""
    if table.num_rows <= project.model.search.max_rows:
        return table
    drawn = positions(group_keys(table, project), f"search:{project.model.seed}")
    chosen = np.argsort(drawn, kind="stable")[: project.model.search.max_rows]
    return table.take(pa.array(np.sort(chosen)))


class CrossValidation:
    """Folds of a table, encoded once for all trials whose estimators want the same matrix."""

    def __init__(self, table: pa.Table, project: Project) -> None:
        self.project = project
        self.table = table
        self.answer = truth(table, project)
        self.folds = make_folds(table, self.answer, project)
        self._encoded: dict[Traits, list[EncodedFold]] = {}

    def value(self, params: Mapping[str, Any]) -> float:
        """The search's metric on out-of-fold answers. Raises ModelError where a fit fails or it is not defined."""
        estimator = build_estimator(self.project, params)
        wanted = traits(estimator, self.project)
        if wanted not in self._encoded:
            self._encoded[wanted] = list(encode_folds(self.table, self.folds, self.project, wanted))
        answers = out_of_fold(self._encoded[wanted], self.answer, estimator, self.project)
        metric = _metric(self.project)
        value = score(metric, self.answer, decide(answers, self.answer, self.project))
        if np.isnan(value):
            raise ModelError(f"{metric} is not defined on the answers of this trial")
        return value


def _judged(validation: CrossValidation, project: Project, worker: int, numbers: range) -> Iterator[Trial]:
    """Ask Optuna, judge, tell. Trial 0 is the parameters as given, and not Optuna's."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    larger = find_metric(_metric(project), project.target.task).larger_is_better
    seed = int(np.random.SeedSequence([project.model.seed, worker]).generate_state(1)[0])
    sampler = optuna.samplers.TPESampler(seed=seed)
    study = optuna.create_study(direction="maximize" if larger else "minimize", sampler=sampler)
    space = {name: _distribution(each) for name, each in project.model.search.space.items()}
    for number in numbers:
        asked = study.ask(space) if number else None
        trial = _judge(validation, Trial(worker=worker, number=number, params=asked.params if asked else {}))
        if asked is not None:
            study.tell(asked, trial.value, None if trial.error is None else optuna.trial.TrialState.FAIL)
        yield trial


def _judge(validation: CrossValidation, trial: Trial) -> Trial:
    try:
        return trial.model_copy(update={"value": validation.value(trial.params)})
    except ModelError as exc:  # recorded, for one set of parameters may fail where others do not
        return trial.model_copy(update={"error": str(exc)})


def _metric(project: Project) -> str:
    return project.model.search.metric or project.gates.metric


def _distribution(space: Space) -> "BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if space.choices is not None:
        return CategoricalDistribution(space.choices)
    low, high = float(space.low or 0), float(space.high or 0)  # both are there: the project's own check
    if space.whole:
        return IntDistribution(int(np.ceil(low)), int(np.floor(high)), log=space.log)
    return FloatDistribution(low, high, log=space.log)
