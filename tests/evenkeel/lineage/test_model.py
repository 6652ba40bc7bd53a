"""What is known of a version is told with its place, and what is not as unknown."""

import datetime as dt
import json
from pathlib import Path

import pytest

from evenkeel.bundle import Bundle
from evenkeel.certificate import Reference
from evenkeel.errors import RegistryError
from evenkeel.lineage.__main__ import main
from evenkeel.lineage.descent import Descent, record_descent
from evenkeel.lineage.fact import Fact, Section, Story
from evenkeel.lineage.model import model_story
from evenkeel.lineage.repository import Repository
from evenkeel.lineage.told import as_json, as_page, as_text
from evenkeel.promotion.approval import Approval, record
from evenkeel.settings import Settings
from evenkeel.storage import write_bytes
from evenkeel.targets.local import LocalTarget
from evenkeel.versions import object_uri
from tests.evenkeel.lineage.conftest import Register, git
from tests.evenkeel.toy_bundle import DATA_VERSION, certify, toy_bundle

MADE = {"image": "registry/components@sha256:1", "kfp.run_id": "77-8"}
NOW = dt.datetime(2026, 5, 3, 14, tzinfo=dt.UTC)


def facts(story: Story, title: str) -> dict[str, Fact]:
    (found,) = (section for section in story.sections if section.title == title)
    return {fact.thing: fact for fact in found.facts}


def test_the_commit_is_linked_and_the_bundle_named(
    settings: Settings, bundle: Bundle, register: Register, commit: str
) -> None:
    register(bundle)
    story = model_story(settings, "visits@champion")
    assert story.about == "visits version 1"
    assert facts(story, "Model")["bundle"].value == bundle.digest
    assert facts(story, "Model")["aliases"].value == "challenger, champion"
    assert facts(story, "Code")["git commit"] == Fact(
        "git commit", commit, "", f"https://github.com/acme/models/commit/{commit}"
    )
    assert facts(story, "Parameters")["C"].value == "0.5"
    assert facts(story, "Gate")["require"] == Fact("require", "pass", "roc_auc is 0.8, 0.7 is required")


def test_a_dirty_commit_that_is_not_here_is_told(settings: Settings, bundle: Bundle, register: Register) -> None:
    register(bundle, **{"git.commit": "f" * 40, "git.dirty": "true"})
    note = facts(model_story(settings, "visits@1"), "Code")["git commit"].note
    assert "not in this repository: git fetch --all" in note
    assert "files differed from it when this was made" in note


def test_what_nobody_recorded_is_unknown(settings: Settings, bundle: Bundle, register: Register) -> None:
    register(bundle)
    story = model_story(settings, "visits@1")
    for title, thing, why in (
        ("Search", "trials", "the bundle has no search.json"),
        ("Environment", "image", "none was recorded"),
        ("Run", "Kubeflow run", "neither run nor version names one"),
    ):
        fact = facts(story, title)[thing]
        assert fact.value is None
        assert why in fact.note


def test_image_and_kubeflow_run_are_told_where_recorded(settings: Settings, bundle: Bundle, register: Register) -> None:
    register(bundle, **MADE)
    there = settings.model_copy(update={"kfp_host": "https://kubeflow.example.com/pipeline/"})
    story = model_story(there, "visits@1")
    assert facts(story, "Environment")["image"] == Fact("image", "registry/components@sha256:1", "")
    page = "https://kubeflow.example.com/pipeline/#/runs/details/77-8"
    assert facts(story, "Run")["kfp.run_id"] == Fact("kfp.run_id", "77-8", "", page)
    assert f'<a href="{page}">77-8</a>' in as_page(story)
    assert {"thing": "kfp.run_id", "value": "77-8", "note": "", "link": page} in _told(story, "Run")


def _told(story: Story, title: str) -> list[dict[str, str]]:
    (found,) = (section for section in json.loads(as_json(story))["sections"] if section["title"] == title)
    return list(found["facts"])


def test_an_image_that_is_no_digest_is_told_as_one_that_may_have_changed(
    settings: Settings, bundle: Bundle, register: Register
) -> None:
    register(bundle, image="registry/components:1")
    fact = facts(model_story(settings, "visits@1"), "Environment")["image"]
    assert fact.value == "registry/components:1"
    assert fact.note == "no digest: what this name stands for may have changed since"


def test_where_the_data_is_and_who_pinned_it(
    settings: Settings, bundle: Bundle, register: Register, commit: str
) -> None:
    register(bundle)
    before = facts(model_story(settings, "visits@1"), "Data")
    assert before["remote"].note.startswith("is NOT there: make data-push")
    assert before["pinned by"].value == commit
    assert before["pinned by"].note.endswith("pin the visits")
    write_bytes(object_uri(settings.remote, DATA_VERSION), b"[]")
    assert facts(model_story(settings, "visits@1"), "Data")["remote"].note == "is there"


def test_the_way_back_of_the_data_is_told(settings: Settings, bundle: Bundle, register: Register) -> None:
    register(bundle)
    parent = "1" * 32
    step = Descent(project="visits", version=DATA_VERSION, parent=parent, added=512, at=NOW)
    record_descent(settings.remote, step)
    fact = facts(model_story(settings, "visits@1"), "Data")["grew out of"]
    assert fact == Fact("grew out of", parent, "512 labelled predictions were added at 2026-05-03 14:00")


def test_changes_since_the_champion_it_replaced_are_a_link(
    settings: Settings, bundle: Bundle, register: Register, tmp_path: Path, workspace: Path, commit: str
) -> None:
    first = register(bundle)
    (workspace / "notes").write_text("more")
    git(workspace, "add", ".")
    git(workspace, "commit", "-q", "-m", "more")
    later = git(workspace, "rev-parse", "HEAD")
    rival = Reference(version="1", digest=first.digest)
    register(certify(toy_bundle(tmp_path / "second", payload="better"), champion=rival), **{"git.commit": later})
    fact = facts(model_story(settings, "visits@2"), "Code")["changes"]
    assert fact.value == f"git diff {commit} {later}"
    assert fact.link == f"https://github.com/acme/models/compare/{commit}...{later}"


def test_approvals_releases_and_where_it_serves(settings: Settings, bundle: Bundle, register: Register) -> None:
    register(bundle)
    record(
        settings,
        Approval(
            project="visits",
            version="1",
            digest=bundle.digest,
            environment="production",
            who="ada",
            role="owner",
            reason="read the report",
            at=NOW,
            expires=NOW + dt.timedelta(days=1),
            by="http",
        ),
    )
    LocalTarget(settings.releases).apply(bundle.project(), bundle, "1")
    story = model_story(settings, "visits@1")
    assert "ada (owner, by http)" in (facts(story, "Approvals")["production"].value or "")
    assert facts(story, "Releases")["here"].note == "version 1: passed the gate"
    assert list(facts(story, "Releases")) == ["here"]
    serving = facts(story, "Serves now")["here"]
    assert (serving.value, serving.note.partition(":")[0]) == ("version 1, current", "address unknown")


def test_an_environment_that_cannot_be_asked_is_told(
    settings: Settings, bundle: Bundle, register: Register, workspace: Path
) -> None:
    register(bundle)
    (workspace / "environments" / "production.env").write_text("EVENKEEL_TARGET=ecs\n")
    fact = facts(model_story(settings, "visits@1"), "Releases")["production"]
    assert fact.value is None
    assert fact.note.startswith("it cannot be asked: ")


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("visits@7", "has no version '7'"),
        ("visits@staging", "has no 'staging'.*its champion is 1"),
        ("wine", "has no 'champion'.*make pipeline-run PROJECT=wine"),
    ],
)
def test_a_model_that_is_not_there_is_named(
    settings: Settings, bundle: Bundle, register: Register, model: str, said: str
) -> None:
    register(bundle)
    with pytest.raises(RegistryError, match=said):
        model_story(settings, model)


@pytest.mark.parametrize(
    ("remote", "page"),
    [
        ("https://github.com/acme/models.git", "https://github.com/acme/models/commit/abc"),
        ("https://user:s3cret@github.com/acme/models", "https://github.com/acme/models/commit/abc"),
        ("ssh://git@gitlab.acme.org:2222/ml/models.git", "https://gitlab.acme.org/ml/models/-/commit/abc"),
        ("git@example.com:acme/models.git", ""),
        ("/srv/git/models", ""),
    ],
)
def test_pages_of_forges_that_are_known(workspace: Path, remote: str, page: str) -> None:
    git(workspace, "remote", "set-url", "origin", remote)
    assert Repository(workspace).commit_link("abc") == page


def test_outside_of_a_repository_nothing_is_known(tmp_path: Path) -> None:
    nowhere = Repository(tmp_path)
    assert (nowhere.has("abc"), nowhere.commit_link("abc"), nowhere.pins(DATA_VERSION)) == (False, "", [])


STORY = Story(
    "visits version 1",
    "lead",
    (
        Section("Code", (Fact("git commit", "abc", "<b>", "https://github.com/x"), Fact("image", None, "why not"))),
        Section("Approvals", (), "none was given"),
    ),
)


def test_three_forms_tell_the_same() -> None:
    told = json.loads(as_json(STORY))
    assert told["format"] == "evenkeel.lineage/v1"
    assert told["sections"][0]["facts"][1] == {"thing": "image", "value": None, "note": "why not", "link": ""}
    text = as_text(STORY)
    assert "  image       ? unknown: why not" in text
    assert "  none was given" in text
    page = as_page(STORY)
    assert "&lt;b&gt;" in page
    assert '<a href="https://github.com/x">abc</a>' in page
    assert "unknown" in page
    assert "src=" not in page


def test_the_command_writes_a_page_or_says_what_to_do(
    settings: Settings,
    bundle: Bundle,
    register: Register,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    register(bundle)
    monkeypatch.setenv("EVENKEEL_HOME", str(settings.home))
    monkeypatch.setenv("EVENKEEL_WORKSPACE", str(settings.workspace))
    assert main(["visits@1", "--html", str(tmp_path / "why.html")]) == 0
    assert "<h1>visits version 1</h1>" in (tmp_path / "why.html").read_text()
    assert main(["visits@9"]) == 1
    assert "RegistryError: visits has no version '9'" in capsys.readouterr().err
