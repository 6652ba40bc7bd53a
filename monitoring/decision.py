"""Which columns moved, and which alarms that makes.

A column moved where the difference is believed to be more than chance (Benjamini-Hochberg over all of the model's
columns) AND large enough to matter (debiased population stability index over its threshold). A p-value alone flags
most columns of a large window for variation nobody cares about; an effect alone flags small windows for their noise.
An alarm needs several windows in a row. The figures behind these choices: docs/monitoring.md.
"""

from collections.abc import Sequence

import numpy as np

from evenkeel.config.operation import DriftRule, Monitoring
from evenkeel.config.project import Project
from evenkeel.divergence import debiased_psi, jensen_shannon, psi_cells, wasserstein
from evenkeel.profile import CategoryProfile, NumericProfile, TextProfile
from evenkeel.reference import Calibration, ColumnProfile, Profiles, Reference
from monitoring.result import Alarm, ColumnResult, Performance, Raised, WindowResult
from monitoring.significance import believed, chi_square_p_value, ks_p_value

DEFAULT_EFFECT = 0.1
"""Debiased index that matters where nothing tells how much is natural: about a third of a standard deviation."""
LEAST_EFFECT = 0.05
"""A calibrated threshold is not lower than this: about a fifth of a standard deviation."""


def compare(
    reference: ColumnProfile, current: ColumnProfile, rule: DriftRule, calibration: Calibration | None
) -> ColumnResult:
    """One column of a window against the reference; whether it moved is decided with its neighbours (``decide``)."""
    threshold, method = _threshold(rule, calibration)
    known, now = _countable(reference), _countable(current)
    score = debiased_psi(*psi_cells(known, now))
    if isinstance(known, NumericProfile) and isinstance(now, NumericProfile):
        # of two tests (KS sees small shifts, chi-square also missing values) the smaller p-value counts twice
        p_value = min(1.0, 2 * min(ks_p_value(known, now), chi_square_p_value(*psi_cells(known, now))))
        distance = wasserstein(known, now)
    else:
        p_value = chi_square_p_value(*psi_cells(known, now))
        distance = jensen_shannon(*psi_cells(known, now))
    return ColumnResult(
        score=_known(score),
        threshold=threshold,
        method=method,
        p_value=p_value,
        distance=_known(distance),
        moved=False,
        missing_share=_share(current.missing, current.rows),
        reference_missing_share=_share(reference.missing, reference.rows),
        unseen_share=max(0.0, _unseen(current) - _unseen(reference)),
    )


def decide(results: dict[str, ColumnResult], rules: dict[str, DriftRule]) -> dict[str, ColumnResult]:
    """The same results, told which of them moved."""
    names = [name for name, result in results.items() if result.score is not None and result.p_value is not None]
    p_values = np.array([results[name].p_value for name in names], np.float64)
    q = np.array([rules[name].q for name in names], np.float64)
    sure = dict(zip(names, believed(p_values, q).tolist(), strict=True))
    return {
        name: result.model_copy(
            update={"moved": bool(sure.get(name)) and result.score is not None and result.score >= result.threshold}
        )
        for name, result in results.items()
    }


def judge_features(project: Project, reference: Reference, current: Profiles) -> dict[str, ColumnResult]:
    """Every feature of a window against the reference."""
    rules = {name: project.monitoring.columns.get(name, project.monitoring.drift) for name in current.features}
    results = {
        name: compare(reference.profiles.features[name], profile, rules[name], reference.calibration.get(name))
        for name, profile in current.features.items()
    }
    return decide(results, rules)


def judge_one(project: Project, reference: ColumnProfile, current: ColumnProfile) -> ColumnResult:
    """Predictions, or labels, of a window against the reference: a test of its own."""
    rule = project.monitoring.drift
    return decide({"": compare(reference, current, rule, None)}, {"": rule})[""]


def suspect(
    rules: Monitoring,
    features: dict[str, ColumnResult],
    prediction: ColumnResult,
    label: ColumnResult | None,
    performance: Performance,
    labels_late: bool,
) -> tuple[Alarm, ...]:
    """What one window alone would say. Broken data is told apart from a changed world: it must not be learnt."""
    broken = broken_columns(rules, features)
    moved = [name for name, result in features.items() if result.moved and name not in broken]
    found: dict[Alarm, bool] = {
        "data_quality": bool(broken),
        "input_shift": bool(moved) and len(moved) >= rules.drifted_share * len(features),
        "prediction_shift": prediction.moved,
        "label_shift": label is not None and label.moved,
        "performance_drop": performance.dropped,
        "labels_late": labels_late,
    }
    return tuple(alarm for alarm, suspected in found.items() if suspected)


def broken_columns(rules: Monitoring, features: dict[str, ColumnResult]) -> tuple[str, ...]:
    """Columns whose values went missing, or are of a kind that training never saw, beyond ``missing_share``."""
    return tuple(
        name
        for name, result in features.items()
        if result.missing_share - result.reference_missing_share > rules.missing_share
        or result.unseen_share > rules.missing_share
    )


def raise_alarms(rules: Monitoring, current: WindowResult, before: Sequence[WindowResult]) -> tuple[Raised, ...]:
    """The suspicions that ``windows`` windows in a row share; ``before`` are the earlier ones, the newest last.

    Broken data and late labels are not a matter of chance: they are told at once.
    """
    raised = []
    for alarm in current.suspicions:
        run = [current]
        for earlier in reversed(before):
            if alarm not in earlier.suspicions:
                break
            run.append(earlier)
        needed = 1 if alarm in ("data_quality", "labels_late") else rules.windows
        if len(run) >= needed:
            columns = broken_columns(rules, current.features) if alarm == "data_quality" else ()
            columns = current.moved if alarm == "input_shift" else columns
            raised.append(
                Raised(alarm=alarm, since=run[-1].end, detail=_detail(alarm, current, columns), columns=columns)
            )
    return tuple(raised)


def _threshold(rule: DriftRule, calibration: Calibration | None) -> tuple[float, str]:
    if rule.effect is not None:
        return rule.effect, "project"
    if calibration is not None:
        return max(LEAST_EFFECT, calibration.threshold), "calibrated"
    return DEFAULT_EFFECT, "fixed"


def _countable(profile: ColumnProfile) -> NumericProfile | CategoryProfile:
    return profile.lengths if isinstance(profile, TextProfile) else profile


def _unseen(profile: ColumnProfile) -> float:
    if isinstance(profile, NumericProfile):
        return 0.0
    if isinstance(profile, TextProfile):
        return _share(profile.unknown, profile.words)
    return _share(profile.unseen, profile.rows)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _detail(alarm: Alarm, window: WindowResult, columns: tuple[str, ...]) -> str:
    """One sentence with the figures a person asks for first."""
    features = window.features
    if alarm == "data_quality":
        worst = "; ".join(
            f"{name}: {features[name].missing_share:.0%} missing (in training"
            f" {features[name].reference_missing_share:.0%}), {features[name].unseen_share:.0%} never seen in training"
            for name in columns[:5]
        )
        return f"{len(columns)} of {len(features)} features are broken upstream: {worst}"
    if alarm == "input_shift":
        worst = ", ".join(f"{name} {features[name].score:.2f}" for name in columns[:5])
        return f"{len(columns)} of {len(features)} features moved (stability index): {worst}"
    if alarm == "prediction_shift":
        return (
            f"predictions moved: stability index {window.prediction.score:.2f} over {window.prediction.threshold:.2f}"
        )
    if alarm == "label_shift" and window.label is not None:
        return f"labels moved: stability index {window.label.score:.2f} over {window.label.threshold:.2f}"
    live = window.performance
    if alarm == "performance_drop" and live.value is not None:
        return (
            f"{live.metric} is {live.value:.3f} [{live.low:.3f}, {live.high:.3f}] on {live.labels} labelled rows;"
            f" it was {live.baseline:.3f} at registration"
        )
    return f"only {live.coverage:.0%} of {window.rows} predictions have a label"
