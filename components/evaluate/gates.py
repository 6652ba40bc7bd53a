"""The gates: what a candidate must prove before it may be champion. docs/gates.md says how to read each.

A gate takes the evidence and gives checks; nothing else decides. A value that is not defined never passes.
"""

from components.evaluate.evidence import Evidence
from components.evaluate.judging import cost, parts, probes, skill
from components.evaluate.judging.check import Gate
from evenkeel.certificate import Check
from evenkeel.config.project import Project

GATES: dict[str, Gate] = {
    "require": skill.require,
    "baseline": skill.baseline,
    "champion": skill.champion,
    "slices": parts.slices,
    "gaps": parts.gaps,
    "calibration": skill.calibration,
    "behaviour": probes.behaviour,
    "missing_columns": probes.missing_columns,
    "canary": probes.canary,
    "training_drift": probes.training_drift,
    "latency": cost.latency,
    "size": cost.size,
}
"""All gates, in the order they are read. A new one is one entry here and a test in which it refuses."""


def judge(evidence: Evidence, project: Project) -> tuple[Check, ...]:
    """Every check of every gate, in the table's order. Raises ProjectError for a metric that cannot be."""
    return tuple(check for gate in GATES.values() for check in gate(evidence, project))


def passed(checks: tuple[Check, ...]) -> bool:
    """Whether nothing failed and at least one absolute minimum was reached. A warning refuses nothing."""
    return not any(check.verdict == "fail" for check in checks) and any(
        check.gate == "require" and check.verdict == "pass" for check in checks
    )
