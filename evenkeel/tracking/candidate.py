"""How a candidate becomes a version: run, artifacts, version, alias, in this order.

The version appears only when all of its artifacts are in place, and the run is finished last. A process that is
killed in between leaves an unfinished run that nothing points at; the next attempt continues in it.
"""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from evenkeel.bundle import REGISTRATION, SIGNATURE, Bundle, open_bundle
from evenkeel.certificate import FILE as CERTIFICATE
from evenkeel.certificate import Certificate
from evenkeel.config.project import Project
from evenkeel.errors import RegistryError
from evenkeel.settings import Settings
from evenkeel.storage import copy_in, write_bytes
from evenkeel.tracking.package import package_model
from evenkeel.tracking.registry import by_alias, by_digest
from evenkeel.tracking.run import Judgement, is_logged, open_run, unless_there
from evenkeel.tracking.store import connect
from evenkeel.tracking.version import BUNDLE, CHALLENGER, Version
from evenkeel.tracking.wandb import mirror

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

_MODEL = "model"


@dataclass(frozen=True)
class Candidate:
    """A judged bundle and what is written about it."""

    project: Project
    bundle: Bundle
    certificate: Certificate
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    note: str
    """Markdown for the run's and the version's page: the verdict and why."""
    reports: Mapping[str, Path]
    """File name in the run -> file."""

    @property
    def name(self) -> str:
        """The registered model's name."""
        return self.project.name


def log_candidate(settings: Settings, candidate: Candidate) -> Version:
    """Log a judged bundle and register it as challenger, passed or refused. The same judgement again changes nothing.

    Mirrored to Weights & Biases where that is configured. Raises RegistryError; then no version was made.
    """
    version, news = _record(settings, candidate)
    if news:  # outside of MLflow's lock: others need not wait for it
        mirror(settings, candidate, version)
    return version


def _record(settings: Settings, candidate: Candidate) -> tuple[Version, bool]:
    """The candidate's version, and whether there was anything to write."""
    judgement = Judgement(candidate.name, candidate.bundle.digest, candidate.certificate.digest)
    with connect(settings) as client:
        version = by_digest(client, candidate.name, candidate.bundle.digest)
        logged = version is not None and is_logged(client, settings, judgement)
        if version is None or not logged:
            with open_run(client, settings, judgement) as run:
                _log(client, run, candidate)
                version = _judge(client, version, candidate) if version else _register(client, run, candidate)
        challenger = by_alias(client, candidate.name, CHALLENGER)
        if challenger is None or challenger.version != version.version:
            client.set_registered_model_alias(candidate.name, CHALLENGER, version.version)
        return version, not logged


def _log(client: "MlflowClient", run: "Run", candidate: Candidate) -> None:
    """Everything about the candidate, the model among it. Again with the same values: nothing changes."""
    from mlflow.entities import Metric, Param, RunTag

    at = run.info.start_time  # not now: the same metric at the same time is one metric, however often it is logged
    client.log_batch(
        run.info.run_id,
        metrics=[Metric(key, value, at, 0) for key, value in candidate.metrics.items()],
        params=[Param(key, value) for key, value in candidate.params.items()],
        tags=[RunTag(key, value) for key, value in {**candidate.tags, "mlflow.note.content": candidate.note}.items()],
    )
    _log_dataset(client, run, candidate)
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name, report in candidate.reports.items():
            copy_in(report, folder / "reports" / name)
        candidate.certificate.write(folder)
        package_model(candidate.bundle, candidate.project, folder / _MODEL)
        registration = json.dumps(_registration(run, candidate), indent=1) + "\n"
        write_bytes(folder / _MODEL / BUNDLE / REGISTRATION, registration.encode())
        open_bundle(folder / _MODEL / BUNDLE, digest=candidate.bundle.digest)  # what goes up is what was judged
        client.log_artifacts(run.info.run_id, str(folder))


def _log_dataset(client: "MlflowClient", run: "Run", candidate: Candidate) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    data_version = candidate.bundle.manifest.data_version
    source = json.dumps({"path": candidate.project.data.path, "md5": data_version})
    dataset = Dataset(candidate.project.data.path, data_version, "dvc", source)
    tags = {"mlflow.data.context": "training", "dvc.md5": data_version}
    client.log_inputs(run.info.run_id, [DatasetInput(dataset, [InputTag(key, value) for key, value in tags.items()])])


def _registration(run: "Run", candidate: Candidate) -> dict[str, object]:
    """What stands beside the digest, since it differs between runs that make the same bundle."""
    at = dt.datetime.fromtimestamp(run.info.start_time / 1000, dt.UTC)
    return {
        "format": "evenkeel.registration/v1",
        "registered_at": at.isoformat(),
        "run_id": run.info.run_id,
        "tags": dict(candidate.tags),
    }


def _register(client: "MlflowClient", run: "Run", candidate: Candidate) -> Version:
    """Make the version. Two processes may do so at once at a server: the first version stays, the other goes."""
    name = candidate.name
    unless_there(lambda: client.create_registered_model(name, description=candidate.project.description))
    source = f"{run.info.artifact_uri}/{_MODEL}"
    made = client.create_model_version(
        name, source, run.info.run_id, tags=dict(candidate.tags), description=candidate.note
    )
    first = by_digest(client, name, candidate.bundle.digest)
    if first is None:
        raise RegistryError(f"{name} version {made.version} is gone right after it was made: who deleted it?")
    if first.version != str(made.version):
        client.delete_model_version(name, str(made.version))
    return first


def _judge(client: "MlflowClient", known: Version, candidate: Candidate) -> Version:
    """Put another certificate (against another champion) on a registered bundle's version.

    A refusal takes no pass away: that version was champion, or may be again. It stays in the run's record.
    """
    if known.passed and not candidate.certificate.passed:
        return known
    with TemporaryDirectory() as scratch:
        candidate.certificate.write(Path(scratch))
        beside = [Path(scratch) / CERTIFICATE, candidate.bundle.folder / SIGNATURE]
        for path in filter(Path.is_file, beside):
            client.log_artifact(known.run, str(path), f"{_MODEL}/{BUNDLE}")
    for key, value in candidate.tags.items():
        client.set_model_version_tag(known.name, known.version, key, value)
    client.update_model_version(known.name, known.version, candidate.note)
    return replace(known, tags={**known.tags, **candidate.tags})
