"""The model card: every fact in it is one that was measured, in Markdown and HTML alike."""

import json
from pathlib import Path
from typing import Any

import pytest

from components.register.card import card, read_report
from components.register.document import Document, Section, Table
from components.register.step import register
from evenkeel.bundle import open_bundle
from evenkeel.errors import BundleError
from evenkeel.settings import Settings
from evenkeel.tracking.store import connect
from tests.components.room import Room, room
from tests.evenkeel.toy_bundle import migrated_home

GATES = {
    "metric": "roc_auc",
    "require": {"roc_auc": 0.7},
    "gaps": [{"column": "region", "metric": "recall", "most": 0.5}],
    "missing_column_drop": 0.4,
    "behaviour": {
        "direction": [{"name": "the old say no", "column": "age", "add": 10, "expect": "down"}],
    },
}


def judged(folder: Path, weights: dict[str, float] | None = None, **changes: Any) -> Room:
    columns = {"slices": [{"column": "region"}], "gates": GATES, "owner": "sales", "description": "Who *buys* <next>?"}
    here = room(folder, **{**columns, **changes})
    here.judge(here.bundle("model", weights), here.bundle("champion", {"income": 0.9}))
    return here


def made(here: Room, commit: str = "abc123") -> Document:
    bundle = open_bundle(here.folder / "certified")
    assert bundle.certificate is not None
    return card(here.project, bundle.manifest, bundle.certificate, here.report, commit)


def test_it_says_what_was_measured(tmp_path: Path) -> None:
    here = judged(tmp_path)
    bundle = open_bundle(here.folder / "certified")
    assert bundle.certificate is not None
    score = bundle.certificate.metrics["roc_auc"]
    markdown, page = made(here).to_markdown(), made(here).to_html()
    facts = [
        bundle.digest,
        bundle.certificate.digest,
        "abc123",
        "champion version 7",
        "6,000",
        "sales",
        "the old say no",
        "recall by region",
        "region: south",
        f"{score.value:.4g}",
        "It passed the gate.",
    ]
    for fact in facts:
        assert fact in markdown.replace("\\", "")
        assert fact in page
    south = next(part for part in here.report["slices"] if part["part"] == "south")
    ends = " | ".join(f"{south['score'][end]:.4g}" for end in ("value", "low", "high"))
    assert f"| region: south | {south['rows']:,} | {ends} |" in markdown
    for check in bundle.certificate.checks:
        assert check.reason in markdown.replace("\\", "")


def test_what_was_refused_warned_of_or_not_tested_is_said_first(tmp_path: Path) -> None:
    here = judged(tmp_path, {"age": 0.5})
    markdown = made(here).to_markdown()
    assert "It was REFUSED by the gate." in markdown
    beware = markdown[markdown.index("## What to beware of") : markdown.index("## Everything")]
    assert beware.index("| Refused | require |") < beware.index("| Not tested | calibration |")


def test_texts_of_a_project_cannot_write_markup(tmp_path: Path) -> None:
    here = judged(tmp_path)
    assert r"Who \*buys\* \<next\>?" in made(here).to_markdown()
    assert "Who *buys* &lt;next&gt;?" in made(here).to_html()
    table = Table(("a",), [["x | y\nz"]])
    assert r"| x \| y z |" in Document("t", "l", [Section("s", [table])]).to_markdown()


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_other_tasks_have_a_card(tmp_path: Path, task: str) -> None:
    here = room(tmp_path, task)
    here.judge(here.bundle("model"))
    markdown = made(here).to_markdown()
    assert f"a {task} task" in markdown
    assert "no champion" in markdown
    assert ("prediction interval | 90 %" in markdown) == (task == "regression")


def test_a_report_of_another_bundle_is_no_source(tmp_path: Path) -> None:
    here = judged(tmp_path)
    digest = open_bundle(here.folder / "certified").digest
    assert read_report(tmp_path / "report.json", digest) == here.report
    with pytest.raises(BundleError, match="is about evenkeel"):
        read_report(tmp_path / "report.json", "f" * 64)
    (tmp_path / "other.json").write_text("[]")
    with pytest.raises(BundleError, match="is not a report of an evaluation"):
        read_report(tmp_path / "other.json", digest)


def test_register_keeps_it_with_the_run(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = migrated_home(tmp_path_factory, tmp_path / "home")
    monkeypatch.setenv("EVENKEEL_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    here = room(tmp_path, gates=GATES, slices=[{"column": "region"}])
    here.judge(here.bundle("model"))
    register(here.project, tmp_path / "certified", [], "", "abc123", "", tmp_path / "report.json")
    with connect(Settings(home=home)) as client:
        (experiment,) = [each for each in client.search_experiments() if each.name == "exam"]
        (run,) = client.search_runs([experiment.experiment_id])
    reports = home / "artifacts" / "exam" / run.info.run_id / "artifacts" / "reports"
    assert (reports / "card.html").read_text().startswith("<!doctype html>")
    assert (reports / "card.md").read_text().startswith("# Model card: exam")
    assert "the old say no" in (reports / "card.md").read_text()
    assert json.loads((tmp_path / "report.json").read_text())["behaviour"][0]["kept"] == 1.0
