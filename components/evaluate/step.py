"""Evaluate: one exam for candidate and champion, and the certificate of how the candidate did."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from components.evaluate.comparison import Scores
from components.evaluate.cost import Cost, measure_cost
from components.evaluate.evidence import Answers, Evidence, Probes, gather
from components.evaluate.gates import judge, passed
from components.evaluate.probes.ask import ask
from components.evaluate.record import to_json
from components.evaluate.report import Case, render
from components.evaluate.rescore import rescore
from components.evaluate.summary import Summary, summarise
from evenkeel import tracking
from evenkeel.bundle import EVALUATION, Bundle, open_bundle
from evenkeel.certificate import Certificate, Check, Interval
from evenkeel.config.project import Project
from evenkeel.errors import DataError
from evenkeel.intervals import clusters_of
from evenkeel.predictor import Predictor
from evenkeel.settings import Settings
from evenkeel.signature import sign
from evenkeel.storage import copy_in, write_bytes
from evenkeel.table import read_table, to_columns, truth


@dataclass(frozen=True)
class Judged:
    """How a candidate did: the certificate, and what Kubeflow's own pages show."""

    certificate: Certificate
    summary: Summary


@contextmanager
def fetched_champion(settings: Settings, project: Project, version: str) -> Iterator[tuple[Path | None, str]]:
    """The champion's bundle in a scratch folder, and its version; (None, "") where there is none.

    ``version`` is what the run was submitted with; "" looks now. Raises RegistryError, TamperedBundleError.
    """
    found = tracking.version(settings, project.name, version) if version else tracking.champion(settings, project.name)
    if found is None:
        yield None, ""
        return
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) / "champion"
        tracking.download_bundle(settings, found, folder)
        yield folder, found.version


def evaluate(
    project: Project,
    model: Path,
    champion: Path | None,
    champion_version: str,
    certified: Path,
    page: Path,
    report: Path,
    signing_key: Path | None = None,
) -> Judged:
    """Judge the bundle at ``model``; a refusal is a certificate that does not pass, not an error.

    Writes the bundle with its certificate to ``certified``, signed where it passed and there is a key, an HTML page to
    read and all numbers as JSON. Raises ProjectError for a metric or slice that cannot be, TamperedBundleError for
    changed files, SettingsError for a key that is none.
    """
    bundle = open_bundle(model)
    table = read_table(bundle.folder / EVALUATION)
    if table.num_rows == 0:
        raise DataError(f"{model}: the evaluation set has no rows, so nothing can be judged; see split in the project")
    rival = rescore(champion, champion_version, bundle, table, project) if champion else None
    answers, cost, probes = examine(bundle, table, project)
    evidence = gather(bundle.digest, answers, rival, cost, probes, project)
    certificate = certify(bundle, evidence, judge(evidence, project))
    summary = summarise(evidence, answers, project)
    copy_in(model, certified)
    certificate.write(certified)
    if signing_key and certificate.passed:
        sign(open_bundle(certified), signing_key)
    write_bytes(report, to_json(certificate, evidence, summary))
    write_bytes(page, render(Case(certificate, evidence, answers, bundle, project)).encode())
    return Judged(certificate, summary)


def examine(bundle: Bundle, table: pa.Table, project: Project) -> tuple[Answers, Cost, Probes]:
    """What the candidate answers, in the form it would be served in, at what cost, and what more it was asked."""
    predict = Predictor.load(bundle).predict
    features = to_columns(table, project.feature_columns)
    answers = Answers(
        truth=truth(table, project),
        candidate=predict(features),
        clusters=clusters_of(_groups(table, project), table.num_rows),
        columns=to_columns(table, {part.column: project.contract.columns[part.column] for part in project.slices}),
    )
    cost = measure_cost(bundle, predict, features)
    return answers, cost, ask(bundle, predict, features, answers, table, project)


def certify(bundle: Bundle, evidence: Evidence, checks: tuple[Check, ...]) -> Certificate:
    """The certificate. It holds the metrics that have a value and an interval; the others are in the report."""
    champion, rival = evidence.champion, evidence.beside_champion
    return Certificate(
        project=bundle.manifest.name,
        bundle=bundle.digest,
        data_version=bundle.manifest.data_version,
        evaluation=bundle.manifest.files[EVALUATION],
        champion=champion.reference if champion else None,
        metrics=_certified(evidence.scores),
        champion_metrics=_certified(rival.scores) if rival else {},
        checks=tuple(_settled(check) for check in checks),
        passed=passed(checks),
    )


def _settled(check: Check) -> Check:
    return check if check.value is None else check.model_copy(update={"value": _rounded(check.value)})


def _certified(scores: Scores) -> Scores:
    return {
        name: Interval(value=_rounded(score.value), low=_rounded(score.low), high=_rounded(score.high))
        for name, score in scores.items()
        if np.isfinite([score.value, score.low, score.high]).all()
    }


def _rounded(value: float) -> float:
    """Ten significant digits: the digits beyond differ between machines, and with them would the digest."""
    return float(f"{value:.10g}")


def _groups(table: pa.Table, project: Project) -> NDArray[Any] | None:
    """The column whose equal values belong together: the split's group, else the id."""
    name = project.split.group or project.data.id
    return None if name is None else to_columns(table, {name: project.contract.columns[name]})[name]
