"""Register: what is written about a candidate, and the one place where the champion moves."""

import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import evenkeel
from components.register.card import card, read_report
from components.register.document import Document
from evenkeel.bundle import Bundle, Manifest, open_bundle
from evenkeel.certificate import Certificate
from evenkeel.config import Project
from evenkeel.errors import BundleError, GateError, RegistryError
from evenkeel.settings import Settings, read_settings
from evenkeel.tracking import Candidate, Tag, champion, log_candidate, promote

MAX_LENGTH = 500
"""Longest value of a parameter that every MLflow store takes."""
MAX_NOTE = 5000
"""Longest description of a version."""
DIRTY = "-dirty"
"""Behind a commit whose checkout had other changes, as ``git describe --dirty`` writes it."""
IMAGE = "EVENKEEL_BOX_IMAGE"
"""Variable with the image that a box runs in, as it was submitted: a container cannot ask for its own digest. Not
EVENKEEL_IMAGE, which is in the shell of whoever submits, and would be taken for the image of a run without one."""


def register(
    project: Project,
    certified: Path,
    reports: list[Path],
    champion_version: str,
    commit: str = "",
    pipeline: str = "",
    evaluation: Path | None = None,
    card_page: Path | None = None,
    run: str = "",
) -> str:
    """Log the run and the bundle, make the version and move the champion; the version's number.

    A refused candidate is registered as challenger, so that it can be looked at, and then GateError is raised.
    ``champion_version`` is the champion when the run was submitted ('': none, or not known); ``evaluation`` is the
    evaluation's report, for the model card, which says less without it; the card is also written to ``card_page``.
    ``run`` is what the pipeline's runner calls this run, of which only a name of Kubeflow's is kept.
    Raises BundleError, GateError and RegistryError before anything is written where the bundle is not what was judged.
    """
    bundle = open_bundle(certified)
    certificate = judgement(project, bundle, champion_version)
    known = read_report(evaluation, bundle.digest) if evaluation else {}
    about = card(project, bundle.manifest, certificate, known, commit)
    if card_page:
        card_page.write_text(about.to_html(), encoding="utf-8")
    settings = read_settings()
    if standing := _already_champion(settings, bundle, certificate):
        return standing
    with TemporaryDirectory() as scratch:
        cards = write_card(about, Path(scratch))
        candidate = Candidate(
            project=project,
            bundle=bundle,
            certificate=certificate,
            params=parameters(project, bundle.manifest),
            metrics=metrics(certificate),
            tags=tags(bundle, certificate, commit, pipeline) | place(run),
            note=note(certificate),
            reports={**file_names(reports), **cards},
        )
        version = log_candidate(settings, candidate)
    if not certificate.passed:
        reasons = "; ".join(check.reason for check in certificate.refusals)
        raise GateError(
            f"{project.name} version {version.version} was refused by the gate: {reasons}."
            " It is registered as challenger; the champion stays as it is"
        )
    promote(settings, version, certificate.champion)
    return version.version


def _already_champion(settings: Settings, bundle: Bundle, certificate: Certificate) -> str:
    """The champion's version where it is this bundle with this certificate: nothing is left to write; else ''.

    Not in a run that Kubeflow's MLflow plugin opened, which would stay empty.
    """
    if "MLFLOW_RUN_ID" in os.environ:
        return ""
    standing = champion(settings, bundle.manifest.name)
    judged = (bundle.digest, certificate.digest)
    return standing.version if standing and (standing.digest, standing.tags.get(Tag.CERTIFICATE)) == judged else ""


def judgement(project: Project, bundle: Bundle, champion_version: str) -> Certificate:
    """The bundle's certificate, passing or not, if it is about this project, this digest and this champion."""
    if bundle.manifest.name != project.name:
        raise BundleError(f"{bundle.folder}: is a bundle of {bundle.manifest.name!r}, the project is {project.name!r}")
    certificate = bundle.certificate
    if certificate is None or certificate.bundle != bundle.digest:
        return bundle.require_certificate()  # says which of the two it is
    judged_against = certificate.champion.version if certificate.champion else ""
    if champion_version and champion_version != judged_against:
        raise RegistryError(
            f"{project.name}: the run was submitted when version {champion_version} was champion, its certificate"
            f" compares with {judged_against or 'none'}: run again"
        )
    return certificate


def parameters(project: Project, manifest: Manifest) -> dict[str, str]:
    """The project's sections field by field, and the estimator's parameters after the search."""
    sections = project.model_dump(mode="json", exclude={"contract", "name", "description", "owner"})
    return {
        **dict(_fields("", sections, depth=2)),
        **dict(_fields("params.", manifest.params, depth=1)),
        "estimator": manifest.estimator,
        "rows.train": str(manifest.train_rows),
        "rows.evaluation": str(manifest.evaluation_rows),
    }


def _fields(prefix: str, values: Mapping[str, Any], depth: int) -> Iterator[tuple[str, str]]:
    """Names joined by dots down to a depth; what is deeper is JSON, for its names may be columns with any letters."""
    for key, value in values.items():
        if isinstance(value, Mapping) and depth > 1:
            yield from _fields(f"{prefix}{key}.", value, depth - 1)
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
            yield f"{prefix}{key}", text if len(text) <= MAX_LENGTH else text[: MAX_LENGTH - 1] + "…"


def metrics(certificate: Certificate) -> dict[str, float]:
    """Each metric with the ends of its interval, the champion's beside it."""
    both = {"": certificate.metrics, "champion.": certificate.champion_metrics}
    return {
        f"{prefix}{name}{suffix}": value
        for prefix, intervals in both.items()
        for name, interval in intervals.items()
        for suffix, value in (("", interval.value), (".low", interval.low), (".high", interval.high))
    }


def tags(bundle: Bundle, certificate: Certificate, commit: str, pipeline: str) -> dict[str, str]:
    """Where it comes from and what was proved about it; on the run and on the version."""
    manifest = bundle.manifest
    known = {
        Tag.BUNDLE: bundle.digest,
        Tag.CERTIFICATE: certificate.digest,
        Tag.GATE: "passed" if certificate.passed else "refused",
        "data.version": manifest.data_version,
        "code.version": manifest.code_version,
        "lock.digest": manifest.lock,
        "git.commit": commit.removesuffix(DIRTY),
        "git.dirty": str(commit.endswith(DIRTY)).lower() if commit else "",
        "pipeline.digest": pipeline,
        "evenkeel.version": evenkeel.__version__,
    }
    return {str(key): value for key, value in known.items() if value}


def place(run: str) -> dict[str, str]:
    """Where this box runs, as far as that is a fact: on a machine there is no image, and no run is Kubeflow's."""
    known = {"kfp.run_id": run if _is_kubeflows(run) else "", "image": os.environ.get(IMAGE, "")}
    return {key: value for key, value in known.items() if value}


def _is_kubeflows(run: str) -> bool:
    """Whether it is a UUID, as Kubeflow names runs; kfp's runner on a machine makes a number of eight digits."""
    try:
        return str(uuid.UUID(run)) == run
    except ValueError:
        return False


def note(certificate: Certificate) -> str:
    """The verdict in Markdown, for the run's and the version's page in MLflow."""
    verdict = "The gate passed it." if certificate.passed else "The gate refused it."
    checks = [f"- {check.verdict} {check.gate}: {check.reason}" for check in certificate.checks]
    return "\n".join([verdict, "", *checks])[:MAX_NOTE]


def write_card(made: Document, folder: Path) -> dict[str, Path]:
    """The model card in both forms, as reports of the run: name -> file."""
    written = {"card.html": made.to_html(), "card.md": made.to_markdown()}
    for name, text in written.items():
        (folder / name).write_text(text, encoding="utf-8")
    return {name: folder / name for name in written}


def file_names(reports: Sequence[Path]) -> dict[str, Path]:
    """A name for each report: its stage and output, and the ending a browser needs where the artifact has none."""
    return {f"{path.parent.name}-{path.stem}{path.suffix or _ending(path)}": path for path in reports}


def _ending(path: Path) -> str:
    if path.is_dir():
        return ""
    with path.open("rb") as file:
        start = file.read(64).lstrip().lower()
    return ".html" if start.startswith((b"<!doctype", b"<html")) else ".json" if start[:1] in (b"{", b"[") else ""
