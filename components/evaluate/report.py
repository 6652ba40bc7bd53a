"""The page people read: the verdict first, then why, then everything that was measured."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from components.evaluate.charts import interval_bar
from components.evaluate.evidence import Answers, Evidence
from components.evaluate.gates import GATES
from components.evaluate.pictures import pictures
from components.evaluate.plots import STYLE, padded
from components.evaluate.probing import gap_rows, probing
from components.evaluate.searching import searching
from components.evaluate.slices import SliceScore, worst
from components.evaluate.wording import number, percent, with_interval
from evenkeel.bundle import Bundle
from evenkeel.certificate import Certificate, Check, Interval
from evenkeel.config.project import Project
from evenkeel.metrics import METRICS, find_metric
from evenkeel.metrics.metric import Metric
from evenkeel.page import badge, heading, paragraph, render_page, table, verdict

_MOST_REASONS = 5
"""More refusals than this are in the table only."""
_GROUPS = {
    ("slices", "pass"): ("slice", "kept the floor"),
    ("slices", "skip"): ("slice", "could not be judged"),
    ("behaviour", "pass"): ("test", "passed"),
    ("missing_columns", "pass"): ("column", "may be missing"),
}
"""Gate and verdict of checks that are one line together, for their own section shows them."""
_WORST_FIRST = ("fail", "warn", "pass", "skip")


@dataclass(frozen=True)
class Case:
    """All that a page is made of."""

    certificate: Certificate
    evidence: Evidence
    answers: Answers
    bundle: Bundle
    project: Project

    @property
    def metric(self) -> Metric:
        """The metric that decides."""
        return find_metric(self.project.gates.metric, self.project.target.task)


def render(case: Case) -> str:
    """The whole page, self-contained."""
    manifest = case.bundle.manifest
    estimator = manifest.estimator.rpartition(".")[2]
    lead = f"{estimator} for {case.project.target.column}, judged on {case.evidence.rows:,} rows it never saw"
    blocks = [STYLE, _verdict(case), *_gates(case), *_metrics(case), *_slices(case)]
    blocks += pictures(case.answers, case.evidence, case.project, manifest.threshold)
    blocks += [*probing(case.evidence, case.project), *searching(case.bundle, case.project), *_origin(case)]
    return render_page(f"{manifest.name}: evaluation", lead, blocks)


def _verdict(case: Case) -> Markup:
    refusals, checks = case.certificate.refusals, case.certificate.checks
    if case.certificate.passed:
        done = sum(check.verdict == "pass" for check in checks)
        score = with_interval(case.evidence.scores[case.metric.name])
        detail = f"{case.metric.name} {score}. {_count(done, 'check')} passed, none failed."
        return verdict("pass", "Passed: this model may become champion", detail)
    reasons = [_sentence(check.reason) for check in refusals[:_MOST_REASONS]]
    if more := refusals[_MOST_REASONS:]:
        reasons.append(f"And {len(more)} more, see below.")
    return verdict(
        "fail", f"Refused: {len(refusals)} of {_count(len(checks), 'check')} failed", Markup("<br>").join(reasons)
    )


def _gates(case: Case) -> Iterator[Markup]:
    yield heading("Gates")
    checks = case.certificate.checks
    groups = [[check for check in checks if _grouped(check) == key] for key in _GROUPS]
    shown = [check for check in checks if _grouped(check) not in _GROUPS]
    rows = [(check.gate, badge(check.verdict), _sentence(check.reason)) for check in sorted(shown, key=_failures_first)]
    for group, (noun, said) in zip(groups, _GROUPS.values(), strict=True):
        if group:
            rows.append((group[0].gate, badge(group[0].verdict), f"{_count(len(group), noun)} {said}, see below."))
    yield table(("gate", "verdict", "why"), rows)
    yield paragraph(f"Measured here: {number(case.evidence.cost.latency_ms)} ms for one row (median, one thread).")


def _grouped(check: Check) -> tuple[str, str]:
    """Gate and verdict; a gate that was skipped as a whole, for want of a threshold, stands for itself."""
    return check.gate, check.verdict if check.threshold is not None else ""


def _failures_first(check: Check) -> tuple[int, int]:
    return _WORST_FIRST.index(check.verdict), list(GATES).index(check.gate)


def _metrics(case: Case) -> Iterator[Markup]:
    evidence, gates = case.evidence, case.project.gates
    champion = evidence.champion if evidence.beside_champion else None
    yield heading("Metrics")
    beside = [f"champion (version {champion.reference.version})"] if champion else []
    yield table(("metric", "candidate", *beside, "baseline"), [_metric_row(name, case) for name in evidence.scores])
    yield paragraph(
        f"{case.metric.name} decides. In brackets: {percent(gates.confidence)} bootstrap intervals, {gates.bootstrap:,}"
        " resamples of the evaluation rows, the same for all models. The baseline answers without looking at the row."
    )


def _metric_row(name: str, case: Case) -> list[str | Markup]:
    evidence, metric = case.evidence, METRICS[name]
    better = "Higher is better." if metric.larger_is_better else "Lower is better."
    shown = Markup("<b>{}</b>").format(name) if name == case.metric.name else name
    label = Markup("{}<br><small>{} {}</small>").format(shown, metric.description, better)
    models = [evidence.scores, *([evidence.beside_champion.scores] if evidence.beside_champion else [])]
    return [label, *[_cell(scores[name]) for scores in models], number(evidence.baseline.scores[name].value)]


def _cell(score: Interval) -> Markup:
    return Markup('<span class="k-number">{}</span>').format(with_interval(score))


def _slices(case: Case) -> Iterator[Markup]:
    parts, rule = case.evidence.slices, case.project.gates.slices
    if not parts:
        return
    low = worst(parts, case.metric, rule.min_rows)
    yield heading("Slices")
    if low:
        score = with_interval(low.score)
        yield paragraph(f"The worst is {low.name}: {case.metric.name} {score} on {low.rows:,} rows.")
    binary = case.project.target.task == "binary"
    headers = ("slice", "rows", *(["positives"] if binary else []), case.metric.name, "interval")
    yield table(headers, [_slice_row(part, case, _slice_kind(part, low, case)) for part in parts])
    floor = "No floor is set" if rule.floor is None else f"Dashed line: the floor, {number(rule.floor)}"
    yield paragraph(f"Solid line: all rows. {floor}. Slices of under {rule.min_rows:,} rows, in grey, are not judged.")
    yield from gap_rows(case.evidence, case.project)


def _slice_row(part: SliceScore, case: Case, kind: str) -> list[str | Markup]:
    floor, overall = case.project.gates.slices.floor, case.evidence.scores[case.metric.name].value
    ends = [end for each in case.evidence.slices for end in (each.score.value, each.score.low, each.score.high)]
    span = padded(np.array([*ends, overall, *([] if floor is None else [floor])]))
    positives = [] if part.positives is None else [f"{part.positives:,}"]
    return [
        part.name,
        f"{part.rows:,}",
        *positives,
        _cell(part.score),
        interval_bar(part.score, span, overall, floor, kind),
    ]


def _slice_kind(part: SliceScore, low: SliceScore | None, case: Case) -> str:
    rule = case.project.gates.slices
    if part.rows < rule.min_rows:
        return "k-soft"
    if rule.floor is not None and not case.metric.reaches(part.score.value, rule.floor):
        return "k-bad"
    return "k-2" if part is low else "k-1"


def _origin(case: Case) -> Iterator[Markup]:
    manifest, certificate = case.bundle.manifest, case.certificate
    yield heading("What was judged")
    champion = certificate.champion
    rows = {
        "bundle": manifest.digest,
        "estimator": manifest.estimator,
        "parameters": json.dumps(manifest.params, ensure_ascii=False),
        "served as": manifest.portable,
        "data version": manifest.data_version,
        "training rows": f"{manifest.train_rows:,}",
        "evaluation rows": f"{manifest.evaluation_rows:,}, sha256 {certificate.evaluation}",
        "code version": manifest.code_version,
        "environment lock": manifest.lock,
        "champion": f"version {champion.version}, {champion.digest}" if champion else "none",
        "certificate": certificate.digest,
    }
    cells = [
        (name, Markup('<code style="overflow-wrap:anywhere">{}</code>').format(value)) for name, value in rows.items()
    ]
    yield table(("", ""), cells)


def _sentence(reason: str) -> str:
    """A reason as a sentence; names of metrics keep their small letter."""
    first = reason if reason.partition(" ")[0] in METRICS else reason[:1].upper() + reason[1:]
    return f"{first}."


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
