"""Train: the best trial on all training rows, as a sealed bundle whose portable form was proved."""

import json
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa

from components.train.fit import Fitted, fit
from components.train.forests import read_forest
from components.train.parity import Parity
from components.train.portable import portable_form, to_portable
from components.train.quickscorer import quick_nodes
from components.train.samples import sample_rows
from evenkeel import bundle as files
from evenkeel.bundle import Bundle, Manifest, seal_bundle
from evenkeel.code import lock_digest
from evenkeel.config.project import Project
from evenkeel.errors import BundleError
from evenkeel.learning.skopsfile import dump_pipeline, load_pipeline
from evenkeel.metrics import find_metric
from evenkeel.predictor import Predictor
from evenkeel.reference import build_reference
from evenkeel.settings import read_settings
from evenkeel.table import read_table, to_columns, truth, write_table
from evenkeel.trials import Trial, best_trial, read_trials, write_trials

_LIBRARIES = ("numpy", "onnxruntime", "scikit-learn", "scipy", "skops")


def train(
    project: Project,
    train: Path,
    evaluation: Path,
    trials: list[Path],
    data_version: str,
    code_version: str,
    model: Path,
) -> None:
    """Write a sealed bundle without certificate to the folder ``model``, which is made, or empty.

    The same rows, trials, project and code give the same bundle digest. The evaluation rows are frozen into it, and
    what is fitted sees nothing of them. Raises ModelError, ParityError where the portable form is not the model, and
    BundleError where the folder holds something.
    """
    if model.is_dir() and any(model.iterdir()):
        raise BundleError(f"{model}: is not empty; a bundle is written to a folder of its own")
    tried = [trial for path in trials for trial in read_trials(path)]
    metric = find_metric(project.model.search.metric or project.gates.metric, project.target.task)
    best = best_trial(tried, metric)
    rows, frozen = read_table(train), read_table(evaluation)
    fitted = fit(rows, project, best.params)
    manifest = Manifest(
        name=project.name,
        task=project.target.task,
        classes=project.classes,
        threshold=fitted.threshold,
        interval=fitted.interval,
        portable=project.model.portable,
        estimator=project.model.estimator,
        params={**project.model.params, **best.params},
        data_version=data_version,
        code_version=code_version,
        lock=lock_digest(read_settings().workspace),
        train_rows=rows.num_rows,
        evaluation_rows=frozen.num_rows,
        libraries={name: version(name) for name in _LIBRARIES},
    )
    model.mkdir(parents=True, exist_ok=True)
    predictor = _write_model(fitted, manifest, frozen, project, model)
    _write_records(rows, frozen, tried, predictor, project, model)
    seal_bundle(model, predictor.manifest)


def _write_model(fitted: Fitted, manifest: Manifest, frozen: pa.Table, project: Project, folder: Path) -> Predictor:
    """Write the forms of the model, prove that they are one, and load it as a server does.

    The predictor's manifest names the portable form that the model took.
    """
    (folder / files.ENCODER).write_text(fitted.encoder.to_json() + "\n", encoding="utf-8")
    (folder / files.SKOPS).write_bytes(dump_pipeline(fitted.pipeline(project)))
    parity = Parity(fitted, frozen, project)
    parity.check_pipeline(load_pipeline(folder / files.SKOPS))
    if manifest.portable == "skops":
        return Predictor.load(Bundle(folder, manifest, None))
    width, terms = fitted.encoder.width, fitted.encoder.width - fitted.encoder.dense_width
    content = to_portable(fitted.estimator, width, len(project.classes), terms)
    (folder / files.ONNX).write_bytes(content)
    forest = read_forest(fitted.estimator)
    if forest is not None and (nodes := quick_nodes(forest, len(project.classes))) is not None:
        nodes.save(folder / files.TREES)
    proved = manifest.model_copy(update={"portable": portable_form(content)})
    predictor = Predictor.load(Bundle(folder, proved, None))
    parity.check_portable(predictor)
    return predictor


def _write_records(
    rows: pa.Table, frozen: pa.Table, tried: list[Trial], predictor: Predictor, project: Project, folder: Path
) -> None:
    """Write what stands in the bundle beside the model."""
    (folder / files.PROJECT).write_text(project.to_parameter() + "\n", encoding="utf-8")
    write_trials(tried, folder / files.SEARCH)
    write_table(frozen, folder / files.EVALUATION)
    samples = sample_rows(frozen, project, predictor)
    (folder / files.SAMPLES).write_text(json.dumps(samples, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / files.PROFILE).write_text(_profile(rows, frozen, predictor, project), encoding="utf-8")


def _profile(rows: pa.Table, frozen: pa.Table, predictor: Predictor, project: Project) -> str:
    """The reference for drift: training's features and labels, and answers to rows that training did not see."""
    columns, time = project.feature_columns, project.data.time
    moments = None if time is None else to_columns(rows, {time: project.contract.columns[time]})[time]
    vocabularies = {text.column: text.positions for text in predictor.encoder.texts}
    answers = predictor.predict(to_columns(frozen, columns))
    return build_reference(
        project, to_columns(rows, columns), truth(rows, project), answers, vocabularies, moments
    ).to_json()
