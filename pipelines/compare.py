"""One project of the working tree, trained and judged against production's model: see ``pipelines.review`` for all.

Nothing is registered: what comes of it is a folder with ``report.md`` for people in a hurry, ``evaluation.html`` with
everything, its pictures as files, and ``evaluation.json`` for programs.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from components.data import materialise
from components.evaluate.step import evaluate
from components.pull.step import pull, resolve_version
from components.register.document import Document, Section, Table
from evenkeel.certificate import Certificate, Interval
from evenkeel.config import Project, find_project
from evenkeel.errors import PipelineError
from evenkeel.settings import Settings
from evenkeel.storage import write_bytes
from evenkeel.tracking import champion, download_bundle
from evenkeel.versions import read_pointer
from pipelines.rebuild import Recipe, archive, rebuild
from pipelines.words import interval

REPORT = "report.md"


@dataclass(frozen=True)
class Rival:
    """What the candidate is judged against."""

    folder: Path
    """Its bundle."""
    version: str
    """As the certificate names it."""
    told: str


@dataclass(frozen=True)
class Compared:
    """What came of it."""

    project: str
    certificate: Certificate
    verdict: str
    """One sentence."""


def compare(name: str, base: str, settings: Settings, root: Path, place: Path) -> Compared:
    """Train ``conf/<name>.yaml`` on its pinned data with the code at ``root`` and judge it; write to ``place``.

    The rival is the registry's champion; where there is none, what the project and code of the commit ``base`` give.
    Raises PipelineError where ``base`` is not there or a side cannot be made, RegistryError where a registry is named
    and away: what production serves is not guessed.
    """
    project = find_project(name, settings.workspace / "conf")
    materialise(name)
    with TemporaryDirectory(prefix="evenkeel-") as scratch:
        folder = Path(scratch)
        rival = _champion(settings, name, folder) or _made_of(base, name, root, folder)
        candidate = rebuild(_recipe(project, root, folder / "data"), folder / "candidate", examined=False).bundle
        certificate = evaluate(
            project,
            candidate.folder,
            champion=rival.folder if rival else None,
            champion_version=rival.version if rival else "",
            certified=folder / "certified",
            page=place / "evaluation.html",
            report=place / "evaluation.json",
        ).certificate
    told = rival.told if rival else f"nothing: there is no champion, and {base} has no conf/{name}.yaml"
    compared = Compared(name, certificate, _verdict(certificate, told))
    record = json.loads((place / "evaluation.json").read_bytes())
    write_bytes(place / REPORT, _report(compared, told, record).to_markdown().encode())
    for title, svg in _plots((place / "evaluation.html").read_text(encoding="utf-8")):
        write_bytes(place / "plots" / f"{title}.svg", svg.encode())
    return compared


def _recipe(project: Project, root: Path, data: Path, version: str = "") -> Recipe:
    pulled = pull(project, version or resolve_version(project), data)
    return Recipe(json.loads(project.to_parameter()), data, pulled, root)


def _champion(settings: Settings, name: str, folder: Path) -> Rival | None:
    standing = champion(settings, name)
    if standing is None:
        return None
    download_bundle(settings, standing, folder / "champion")
    return Rival(folder / "champion", standing.version, f"the champion, version {standing.version}")


def _made_of(base: str, name: str, root: Path, folder: Path) -> Rival | None:
    """What the base's code makes of its own project and data version; None where it does not have the project."""
    there = folder / "base"
    if not archive(root, base, there):
        raise PipelineError(
            f"{base} is no commit of the repository at {root}, and there is no champion to compare with: git fetch,"
            " or name another with BASE=..."
        )
    if not (there / "conf" / f"{name}.yaml").is_file():
        return None
    project = find_project(name, there / "conf")
    version = project.data.version or read_pointer(there / project.data.pointer_path)
    made = rebuild(_recipe(project, there, folder / "base-data", version), folder / "rival", examined=False)
    return Rival(made.bundle.folder, base, f"what {base} gives, trained now, for there is no champion")


def _verdict(certificate: Certificate, rival: str) -> str:
    if certificate.passed:
        return f"not worse: every gate passed; compared with {rival}"
    return f"refused: {'; '.join(check.reason for check in certificate.refusals)}; compared with {rival}"


def _report(compared: Compared, rival: str, record: dict[str, Any]) -> Document:
    certificate = compared.certificate
    leads = {lead["metric"]: lead for lead in (record["champion"] or {}).get("leads", [])}
    rows = [_row(name, certificate, leads.get(name)) for name in certificate.metrics]
    checks = sorted(certificate.checks, key=lambda check: ("fail", "warn", "pass", "skip").index(check.verdict))
    about = [
        ("compared with", rival),
        ("data version", certificate.data_version),
        ("evaluation rows", f"{record['rows']} (sha256 {certificate.evaluation[:12]}), the same for both"),
        ("bundle", certificate.bundle),
    ]
    return Document(
        f"{compared.project}: {'not worse' if certificate.passed else 'refused'}",
        compared.verdict,
        [
            Section("Metrics", [Table(["metric", "this branch", "production", "advantage"], rows)]),
            Section("Gates", [Table(["verdict", "gate", "why"], [[c.verdict, c.gate, c.reason] for c in checks])]),
            Section("What was compared", [Table(["what", "which"], about)]),
        ],
    )


def _row(name: str, certificate: Certificate, lead: dict[str, Any] | None) -> list[str]:
    unchanged = certificate.champion is not None and certificate.champion.digest == certificate.bundle
    theirs = certificate.metrics[name] if unchanged else certificate.champion_metrics.get(name)
    advantage = "the same model" if unchanged else ""
    if lead:
        ends = Interval.model_validate(lead["advantage"])
        advantage = f"{interval(ends)}, at {lead['confidence']:.0%}; {lead['margin']:g} worse is allowed"
    return [name, interval(certificate.metrics[name]), interval(theirs) if theirs else "", advantage]


def _plots(page: str) -> Iterator[tuple[str, str]]:
    """The pictures of our own page as files: title, and an SVG that carries the page's styles."""
    styles = "".join(re.findall(r"<style>(.*?)</style>", page, re.DOTALL))
    for attributes, rest in re.findall(r"<svg ([^>]*)>(.*?)</svg>", page, re.DOTALL):
        for title in re.findall(r'aria-label="([^"]+)"', attributes):
            name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
            yield name, f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}><style>{styles}</style>{rest}</svg>\n'
