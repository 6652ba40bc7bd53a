"""From a draft to a project file: what it says, why, and what its gates were measured against."""

from dataclasses import replace
from typing import Any

import numpy as np

from components.new_project.baseline import Baseline, measure
from components.new_project.draft import Draft
from components.new_project.guess import Guess
from components.new_project.modelling import guess_evaluation, guess_features, guess_metric, guess_models, guess_slices
from components.new_project.rehearse import DEFAULT_SALT, Plan, rehearse
from components.new_project.roles import guess_cutoff
from components.new_project.sheet import COLUMN, Sheet
from evenkeel.config import Column, ColumnType
from evenkeel.config.project import MAX_PARAMETER_BYTES
from evenkeel.errors import DataError


def compose(name: str, path: str, delimiter: Guess[str] | None, drafted: Draft) -> Sheet:
    """The project file for a draft of the data at ``path`` (below the repository).

    Raises DataError where the data cannot be split so that there is enough to learn from and to judge by.
    """
    drafted = _fit_for_a_parameter(drafted)
    try:
        drafted, sheet = _planned(name, path, delimiter, drafted)
    except DataError:
        if (common := drafted.without_rare_classes()) is None:
            raise
        drafted, sheet = _planned(name, path, delimiter, common)
    _put_best(sheet, drafted)
    return sheet


def _planned(name: str, path: str, delimiter: Guess[str] | None, drafted: Draft) -> tuple[Draft, Sheet]:
    """The draft without leaks, and its sheet, so that the split stage accepts them."""

    def describe(plan: Plan) -> Sheet:
        return _describe(name, path, delimiter, drafted.dropping(plan.drop), plan)

    plan = rehearse(drafted.labelled, lambda plan: describe(plan).project)
    return drafted.dropping(plan.drop), describe(plan)


def _describe(name: str, path: str, delimiter: Guess[str] | None, drafted: Draft, plan: Plan) -> Sheet:
    """All but the figures that have to be measured."""
    sheet = Sheet()
    sheet.put(("name",), name)
    _put_data(sheet, path, delimiter, drafted)
    _put_target(sheet, drafted)
    _put_contract(sheet, drafted)
    _put_features(sheet, drafted)
    _put_model(sheet, guess_models(drafted.target.value.task, drafted.labelled.num_rows, drafted.features)[0])
    _put_split(sheet, drafted, plan)
    _put_gates(sheet, drafted)
    return sheet


def _put_data(sheet: Sheet, path: str, delimiter: Guess[str] | None, drafted: Draft) -> None:
    sheet.put(("data", "path"), path)
    if delimiter is not None:
        sheet.put(("data", "delimiter"), delimiter.value, delimiter.why)
        sheet.put(("data", "missing"), list(drafted.missing.value), drafted.missing.why)
        sheet.tell("delimiter", Guess(repr(delimiter.value), delimiter.why))
        sheet.tell("missing", Guess(f"{len(drafted.missing.value)} spellings", drafted.missing.why))
    for field, guess in (("id", drafted.identity.id), ("time", drafted.time)):
        sheet.tell(field, guess)
        if guess.value is not None:
            sheet.put(("data", field), guess.value, guess.why)


def _put_target(sheet: Sheet, drafted: Draft) -> None:
    target = drafted.target.value
    sheet.put(("target", "column"), target.column)
    sheet.put(("target", "task"), target.task, drafted.target.why)
    if target.positive is not None:
        sheet.put(("target", "positive"), target.positive)
    sheet.tell("target", Guess(f"{target.column}: {target.task}", drafted.target.why))


def _put_contract(sheet: Sheet, drafted: Draft) -> None:
    if drafted.left_out:
        why = "; ".join(f"{name} ({kind}) is left out: not a table's value" for name, kind in drafted.left_out.items())
        sheet.put(("contract", "extra_columns"), "ignore", why)
    if drafted.quarantine.value:
        sheet.put(("contract", "quarantine"), drafted.quarantine.value, drafted.quarantine.why)
        sheet.tell("quarantine", drafted.quarantine)
    for name, guess in drafted.columns.items():
        column = drafted.profiles[name]
        gaps = f"; {column.missing / column.rows:.1%} missing" if column.missing else ""
        sheet.put(("contract", "columns", name), _settings(guess.value), f"{guess.why}{gaps}")
        why = f"DROPPED: {drafted.drop[name]}" if name in drafted.drop else f"{guess.why}{gaps}"
        sheet.tell(f"{COLUMN}{name}", Guess(str(guess.value.type), why))


def _settings(column: Column) -> dict[str, Any]:
    """What differs from the defaults; whole limits as whole numbers."""
    said = column.model_dump(mode="json", exclude_defaults=True)
    return {field: _plain(value) for field, value in said.items()}


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _put_features(sheet: Sheet, drafted: Draft) -> None:
    if drafted.drop:
        reasons = "\n".join(f"{name}: {why}" for name, why in drafted.drop.items())
        sheet.put(("features", "drop"), list(drafted.drop), reasons)
    extra = guess_features(drafted.labelled.num_rows, drafted.features)
    for section, settings in extra.value.items():
        sheet.put(("features", section), settings, extra.why)


def _put_model(sheet: Sheet, model: Guess[dict[str, Any]]) -> None:
    sheet.put(("model",), model.value, model.why)


def _put_split(sheet: Sheet, drafted: Draft, plan: Plan) -> None:
    group, time = drafted.identity.group, drafted.time.value
    cutoff = guess_cutoff(drafted.labelled[time]) if time is not None and group.value is None else None
    if cutoff is not None:
        sheet.put(("split", "by"), "time", cutoff.why)
        sheet.put(("split", "cutoff"), cutoff.value.isoformat())
        sheet.tell("split", Guess(f"by time, from {cutoff.value}", cutoff.why))
    else:
        _put_hash_split(sheet, drafted, plan)
    if group.value is not None:
        sheet.put(("split", "group"), group.value, group.why)
        sheet.tell("group", group)
    if plan.allow:
        reasons = "\n".join(f"{name}: {why}" for name, why in plan.allow.items())
        sheet.put(("split", "leaks"), {"allow": list(plan.allow)}, f"all that there is, so not dropped\n{reasons}")


def _put_hash_split(sheet: Sheet, drafted: Draft, plan: Plan) -> None:
    share = guess_evaluation(drafted.labelled.num_rows)
    hint = "" if drafted.time.value is None else "\nby: time and a cutoff would judge by the newest rows instead"
    sheet.put(("split", "evaluation"), share.value, share.why + hint)
    sheet.tell("split", Guess(f"by hash, {share.value:.0%} to judge by", share.why))
    if plan.salt != DEFAULT_SALT:
        sheet.put(("split", "salt"), plan.salt, "drawn until each class was on both sides")


def _put_gates(sheet: Sheet, drafted: Draft) -> None:
    target = drafted.target.value
    columns = {name: guess.value for name, guess in drafted.columns.items() if name in drafted.features}
    slices = guess_slices(target.column, columns, drafted.profiles)
    if slices.value:
        sheet.put(("slices",), [{"column": name} for name in slices.value], slices.why)
    sheet.tell("slices", Guess(", ".join(slices.value) or None, slices.why))
    metric = guess_metric(target.task, _positives(drafted))
    sheet.put(("gates", "metric"), metric.value, metric.why)
    sheet.put(("gates", "require"), {metric.value: 0.0})
    sheet.tell("metric", metric)


def _positives(drafted: Draft) -> float:
    """Share of rows of the positive class; 0 where there is none."""
    target = drafted.target.value
    if target.task != "binary":
        return 0.0
    said = [str(value).lower() for value in drafted.labelled[target.column].to_pylist()]
    return float(np.mean([value == str(target.positive).lower() for value in said]))


def _put_best(sheet: Sheet, drafted: Draft) -> None:
    """The candidate that does best untuned, and the gate that asks for a little less."""
    measured: list[tuple[Baseline, Guess[dict[str, Any]]]] = []
    for model in guess_models(drafted.target.value.task, drafted.labelled.num_rows, drafted.features):
        _put_model(sheet, model)
        measured.append((measure(drafted.labelled, sheet.project), model))
    baseline, model = max(measured, key=lambda pair: pair[0].model)
    others = [f"{_class_name(other)} {result.model:.3f}" for result, other in measured if other is not model]
    why = "; ".join([model.why, *(f"untuned better than {other}" for other in others)])
    _put_model(sheet, Guess(model.value, why))
    sheet.tell("model", Guess(_class_name(model), why))
    _put_require(sheet, baseline)


def _class_name(model: Guess[dict[str, Any]]) -> str:
    return str(model.value["estimator"]).rpartition(".")[2]


def _put_require(sheet: Sheet, baseline: Baseline) -> None:
    why = (
        f"untuned, {baseline.metric} is {baseline.model:.3f} over folds of {baseline.rows:,} rows"
        f" (guessing: {baseline.guessing:.3f}); less some room"
    )
    if not baseline.learns:
        why += "\nNOT BETTER THAN GUESSING: the gate will refuse this; the features may not tell the target"
    sheet.put(("gates", "require"), {baseline.metric: baseline.require}, why)
    sheet.tell("gate", Guess(f"{baseline.metric} >= {baseline.require:g}", why.replace("\n", "; ")))


def _fit_for_a_parameter(drafted: Draft) -> Draft:
    """The draft with the longest lists of categories given up where the project would not pass through Kubeflow."""
    sizes = {name: len(guess.value.model_dump_json(exclude_defaults=True)) for name, guess in drafted.columns.items()}
    columns = dict(drafted.columns)
    for name in sorted(sizes, key=lambda name: -sizes[name]):
        if sum(sizes.values()) < 0.8 * MAX_PARAMETER_BYTES or name == drafted.target.value.column:
            break
        loose = Column(type=ColumnType.STRING, nullable=columns[name].value.nullable)
        columns[name] = Guess(loose, "its list of categories is too long for a pipeline parameter")
        sizes[name] = 0
    return replace(drafted, columns=columns)
