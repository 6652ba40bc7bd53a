"""The check of a pull request: each project that the branch changes is judged, and one that is worse is enough."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from evenkeel.settings import Settings
from pipelines.__main__ import REFUSED
from pipelines.review import LIMIT, MOST_TOLD, Judged, join
from tests.pipelines.checkout import commit, git, make_checkout, pipelines, project

GITHUB_TAKES = 65_536


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """On main, with a second project of the same data."""
    root = make_checkout(tmp_path_factory.mktemp("review") / "checkout")
    put(root, "second", project())
    commit(root)
    return root


@pytest.fixture
def settings(checkout: Path, tmp_path: Path) -> Settings:
    git(checkout, "checkout", "-q", "--force", "-B", "change", "main")
    git(checkout, "clean", "-fdq")
    return Settings(home=tmp_path / "home", workspace=checkout, _env_file=None)


def put(root: Path, name: str, content: dict[str, Any]) -> None:
    (root / "conf" / f"{name}.yaml").write_text(yaml.safe_dump({**content, "name": name}, sort_keys=False))


def worse() -> dict[str, Any]:
    content = project()
    del content["contract"]["columns"]["strong"]
    return content


def test_a_worse_second_project_fails_the_check_though_the_first_is_fine(settings: Settings) -> None:
    """And what cannot be judged keeps nobody from the others' verdicts."""
    put(settings.workspace, "first", project())  # new, so that there is no model of the base to train
    put(settings.workspace, "second", worse())
    commit(settings.workspace)
    (settings.workspace / "conf" / "broken.yaml").write_text("name: broken\n")
    ran = pipelines(settings.workspace, settings, "compare", "--base", "main")
    assert ran.returncode == REFUSED, ran.stderr
    place = settings.home / "comparison"
    broken, first, second = sorted(line for line in ran.stdout.splitlines() if ": " in line and "report" not in line)[
        -3:
    ]
    assert broken.startswith("broken: could not be judged: ")
    assert second.startswith("second: refused: ")
    assert first.startswith("first: not worse: every gate passed")
    assert ran.stderr == f"error: broken could not be judged, second refused: why stands in {place / 'report.md'}\n"
    text = (place / "report.md").read_text()
    assert text.startswith(
        "# 1 refused, 1 could not be judged, 1 not worse\n\nAgainst main this branch changes broken, "
    )
    assert [line for line in text.splitlines() if line.startswith("# ")][1:] == [
        "# second: refused",
        "# broken: could not be judged",
        "# first: not worse",
    ]
    for name in ("broken", "first", "second"):
        assert (place / name / "report.md").read_text() in text
    assert (place / "second" / "evaluation.html").is_file()
    assert not (settings.home / "mlflow.db").exists(), "nothing is registered"
    assert (place / "first" / "plots" / "roc-curve.svg").is_file()


def test_a_branch_that_makes_no_model_passes_at_once(settings: Settings) -> None:
    (settings.workspace / "README.md").write_text("# a word\n")
    ran = pipelines(settings.workspace, settings, "compare", "--base", "main")
    assert ran.returncode == 0, ran.stderr
    assert [path.name for path in (settings.home / "comparison").iterdir()] == ["report.md"]
    assert (settings.home / "comparison" / "report.md").read_text().startswith("# nothing to judge\n")


def test_what_cannot_be_judged_is_no_pass(settings: Settings) -> None:
    (settings.workspace / "conf" / "broken.yaml").write_text("name: broken\n")
    ran = pipelines(settings.workspace, settings, "compare", "--base", "main")
    assert ran.returncode == 1
    assert "error: broken could not be judged: why stands in " in ran.stderr
    assert (settings.home / "comparison" / "report.md").read_text().startswith("# 1 could not be judged\n")


def test_a_check_without_an_answer_leaves_no_report_of_an_earlier_one(settings: Settings) -> None:
    report = settings.home / "comparison" / "report.md"
    report.parent.mkdir(parents=True)
    report.write_text("# 1 not worse\n")
    ran = pipelines(settings.workspace, settings, "compare", "--base", "origin/main")
    assert ran.returncode == 1
    assert "against origin/main cannot be told" in ran.stderr
    assert not report.exists()


def test_the_document_fits_a_comment_and_says_where_the_rest_is() -> None:
    judged = [Judged(f"model-{n}", "not worse", "not worse: " + "fine, " * 100, "x" * 6000) for n in range(50)]
    judged.append(Judged("last", "refused", "refused: it is worse", "# last: refused\n"))
    text = join("Why.", judged)
    assert len(text) < LIMIT + 500 < GITHUB_TAKES
    assert text.startswith("# 1 refused, 50 not worse\n\nWhy.\n")
    rows = [line for line in text.splitlines() if line.startswith("| ")][2:]
    assert len(rows) == 51
    assert rows[0] == "| last | refused: it is worse |"
    assert all(len(row) < MOST_TOLD + 50 for row in rows)
    assert "# last: refused" in text
    shown = text.count("x" * 6000)
    assert 0 < shown < 50
    assert f"no room for the reports of {50 - shown} projects: PROJECT/report.md beside this file" in text
