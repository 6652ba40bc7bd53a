"""The model card: what a model is for, what it was made of, how well it does and for whom, and what was not tested.

The sections are those of Mitchell et al., "Model Cards for Model Reporting" (2019). Every figure in it comes from the
certificate, the manifest, the project or the evaluation's report; nothing is written by hand but the project's words.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from components.register.document import Block, Document, Section, Table
from evenkeel.bundle import Manifest
from evenkeel.certificate import Certificate, Interval
from evenkeel.config import Project
from evenkeel.config.contract import Column
from evenkeel.errors import BundleError
from evenkeel.table import label_text

FORMAT = "evenkeel.evaluation/v1"

Report = Mapping[str, Any]


def read_report(path: Path, digest: str) -> Report:
    """The evaluation's report of the bundle with this digest. Raises BundleError where it is another's, or none."""
    try:
        report: Report = json.loads(path.read_bytes())
        about = report["format"], report["bundle"]
    except (ValueError, KeyError, TypeError) as exc:
        raise BundleError(f"{path}: is not a report of an evaluation: {exc!r}") from exc
    if about != (FORMAT, digest):
        raise BundleError(f"{path}: is about {about[0]} {about[1][:12]}, the bundle is {digest[:12]}")
    return report


def card(project: Project, manifest: Manifest, certificate: Certificate, report: Report, commit: str) -> Document:
    """The card of a judged bundle. ``report`` may be empty: then what only it knows is left out."""
    verdict = "passed the gate" if certificate.passed else "was REFUSED by the gate"
    lead = f"{_estimator(manifest)} for {project.target.column}. It {verdict}."
    return Document(
        f"Model card: {project.name}",
        lead,
        (
            Section("Model", [_model(manifest, certificate, commit)]),
            Section("Intended use", list(_use(project, manifest))),
            Section("Inputs", [_inputs(project)]),
            Section("Data", [_data(project, manifest, certificate)]),
            Section("Performance", [_metrics(project, certificate)]),
            Section("Parts of the population", list(_parts(project, report))),
            Section("Behaviour", list(_behaviour(report))),
            Section("What to beware of", list(_caveats(certificate))),
            Section("Everything that was checked", [_checks(certificate)]),
        ),
    )


def _estimator(manifest: Manifest) -> str:
    return manifest.estimator.rpartition(".")[2]


def _model(manifest: Manifest, certificate: Certificate, commit: str) -> Table:
    champion = certificate.champion
    rows = {
        "bundle": manifest.digest,
        "estimator": manifest.estimator,
        "parameters": json.dumps(manifest.params, ensure_ascii=False),
        "threshold": "" if manifest.threshold is None else f"{manifest.threshold:.4g}",
        "prediction interval": f"{100 * manifest.interval.coverage:g} %" if manifest.interval else "",
        "served as": manifest.portable,
        "code": manifest.code_version,
        "git commit": commit,
        "environment lock": manifest.lock,
        "certificate": certificate.digest,
        "compared with": f"champion version {champion.version}" if champion else "no champion",
    }
    return Table(("", ""), [(name, text) for name, text in rows.items() if text])


def _use(project: Project, manifest: Manifest) -> Iterator[Block]:
    if project.description:
        yield project.description
    target = project.contract.columns[project.target.column]
    classes = f" Classes: {', '.join(map(label_text, manifest.classes))}." if manifest.classes else ""
    meaning = f" ({target.description})" if target.description else ""
    yield f"It answers {project.target.column}{meaning}, a {manifest.task} task.{classes}"
    yield "It is for rows like those it was trained on: what breaks the inputs' rules below is outside its use."
    yield f"Questions go to {project.owner}." if project.owner else "Nobody is named as owner (owner in the project)."


def _inputs(project: Project) -> Table:
    rows = [(name, _kind(column), column.description) for name, column in project.feature_columns.items()]
    return Table(("column", "values", "meaning"), rows)


def _kind(column: Column) -> str:
    ends = [f"{word} {end:g}" for word, end in (("from", column.min), ("to", column.max)) if end is not None]
    listed = [label_text(value) for value in column.categories or ()]
    few = ": " + ", ".join(listed[:_FEW]) + (", ..." if len(listed) > _FEW else "") if listed else ""
    return " ".join([f"{column.type.value}{few}", *ends, *(["or missing"] if column.nullable else [])])


_FEW = 12
"""Categories that are listed."""


def _data(project: Project, manifest: Manifest, certificate: Certificate) -> Table:
    split = project.split
    group = f", all rows of one {split.group} on one side" if split.group else ""
    how = f"by time, from {split.cutoff}" if split.by == "time" else f"by hash of identity, share {split.evaluation:g}"
    rows = {
        "data version": f"{manifest.data_version} of {project.data.path}",
        "training rows": f"{manifest.train_rows:,}",
        "evaluation rows": f"{manifest.evaluation_rows:,}, never seen in training, sha256 {certificate.evaluation}",
        "split": f"{how}{group}",
    }
    return Table(("", ""), list(rows.items()))


def _metrics(project: Project, certificate: Certificate) -> Table:
    champion = ["champion"] if certificate.champion_metrics else []
    both = [certificate.metrics, *([certificate.champion_metrics] if champion else [])]
    rows = [[name, *[_interval(scores.get(name)) for scores in both]] for name in certificate.metrics]
    return Table(("metric", f"{100 * project.gates.confidence:g} % interval", *champion), rows)


def _interval(score: Interval | None) -> str:
    return "not defined" if score is None else f"{score.value:.4g} [{score.low:.4g}, {score.high:.4g}]"


def _number(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.4g}"


def _parts(project: Project, report: Report) -> Iterator[Block]:
    if parts := report.get("slices"):
        rows = [
            [f"{part['column']}: {part['part']}", f"{part['rows']:,}", *_numbers(part["score"], "value", "low", "high")]
            for part in parts
        ]
        yield Table(("part", "rows", project.gates.metric, "low", "high"), rows)
    if gaps := report.get("gaps"):
        rows = [
            [f"{gap['metric']} by {gap['column']}", gap["best"], gap["worst"], *_numbers(gap["gap"], "value", "high")]
            for gap in gaps
        ]
        yield Table(("gap", "best", "worst", "apart", "surely at most"), rows)


def _numbers(interval: Mapping[str, float | None], *ends: str) -> list[str]:
    return [_number(interval[end]) for end in ends]


def _behaviour(report: Report) -> Iterator[Block]:
    if tests := report.get("behaviour"):
        rows = [
            [test["name"], test["kind"], f"{test['rows']:,}", _number(test["kept"]), _number(test["share"])]
            for test in tests
        ]
        yield Table(("test", "kind", "rows", "share that keeps it", "required"), rows)
    if losses := report.get("missing_columns"):
        rows = [[loss["column"], _number(loss["value"]), _number(loss["drop"])] for loss in losses]
        yield Table(("missing in every row", "metric", "worse by"), rows)


def _caveats(certificate: Certificate) -> Iterator[Block]:
    told = {"fail": "Refused", "warn": "Warning", "skip": "Not tested"}
    rows = [(told[check.verdict], check.gate, check.reason) for check in certificate.checks if check.verdict in told]
    rows.sort(key=lambda row: list(told.values()).index(row[0]))
    yield Table(("", "gate", "why"), rows) if rows else "Every gate was asked and passed."


def _checks(certificate: Certificate) -> Table:
    return Table(
        ("gate", "verdict", "why"), [(check.gate, check.verdict, check.reason) for check in certificate.checks]
    )
