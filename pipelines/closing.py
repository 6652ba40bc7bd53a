"""What a run came to: reports at stable places, and the table that closes it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from evenkeel.certificate import Certificate, read_certificate
from evenkeel.config import Project
from evenkeel.storage import copy_in
from pipelines.local import Outputs
from pipelines.words import interval

REPORTS: Mapping[tuple[str, str], str] = {
    ("validate", "page"): "validation.html",
    ("evaluate", "page"): "evaluation.html",
    ("register", "card"): "card.html",
}
"""Box and output -> file name of the report."""
_DEPLOY = "deploy-"


def keep_reports(folder: Path, outputs: Outputs, place: Path) -> list[Path]:
    """Copy a run's reports, also a failed box's, to ``place``, where the newest run's always are.

    ``outputs`` are those of the boxes that ended well; what another left behind is looked for below ``folder``.
    """
    kept = []
    for (task, output), name in REPORTS.items():
        found = outputs.get(task, {}).get(output)
        source = Path(found.path) if found else next(folder.glob(f"*/{task}/{output}"), None)
        if source and source.is_file():
            copy_in(source, place / name)
            kept.append(place / name)
    return kept


def certificate_of(outputs: Outputs) -> Certificate | None:
    """The certificate a run's evaluate box wrote, None where it did not come so far."""
    certified = outputs.get("evaluate", {}).get("certified")
    return read_certificate(Path(certified.path)) if certified else None


def closing_table(
    project: Project, outputs: Outputs, certificate: Certificate | None, reports: Sequence[Path]
) -> list[str]:
    """The lines below a run: what it was about and what came of it."""
    rows: list[tuple[str, str]] = []
    if "pull" in outputs:
        rows.append(("data version", outputs["pull"]["Output"]))
    if certificate:
        rows += _column("metrics", [_metric(certificate, name) for name in certificate.metrics])
        rows += _column("gates", _gates(certificate))
    if "register" in outputs:
        rows.append(("model", f"{project.name} version {outputs['register']['Output']}, champion"))
    deployed = next((box for box in outputs if box.startswith(_DEPLOY)), None)
    if deployed:
        rows.append(("release", outputs[deployed]["Output"]))
    rows += _column("reports", [str(path) for path in reports])
    if deployed:
        rows.append(("next", _next(project, deployed.removeprefix(_DEPLOY))))
    return [f"  {head:<13}{text}" for head, text in rows]


def _next(project: Project, target: str) -> str:
    if target == "local":
        return f"make serve PROJECT={project.name}"
    return f"make status PROJECT={project.name} TARGET={target}"


def _column(head: str, texts: Sequence[str]) -> list[tuple[str, str]]:
    return [(head if index == 0 else "", text) for index, text in enumerate(texts)]


def _gates(certificate: Certificate) -> list[str]:
    """What passed on one line; whatever did not, with its reason. The page has them all."""
    passed = Counter(check.gate for check in certificate.checks if check.verdict == "pass")
    names = [gate if count == 1 else f"{gate} ({count})" for gate, count in passed.items()]
    others = [check for check in certificate.checks if check.verdict != "pass"]
    line = [f"pass  {', '.join(names)}"] if names else []
    return line + [f"{check.verdict}  {check.gate}: {check.reason}" for check in others]


def _metric(certificate: Certificate, name: str) -> str:
    line = f"{name:<20} {interval(certificate.metrics[name])}"
    champion = certificate.champion_metrics.get(name)
    return f"{line}   champion {interval(champion)}" if champion else line
