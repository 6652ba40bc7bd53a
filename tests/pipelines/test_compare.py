"""One project of the check of a pull request: its rival, its report, and nothing is registered."""

from pathlib import Path

import pytest

from evenkeel.errors import PipelineError
from evenkeel.settings import Settings
from evenkeel.tracking import champion
from pipelines.compare import Compared, compare
from tests.pipelines.checkout import NAME, commit, git, make_checkout, project, write_data, write_project


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkout(tmp_path_factory.mktemp("compare") / "checkout")


@pytest.fixture
def settings(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    git(checkout, "checkout", "-q", "--force", "main")
    write_data(checkout, seed=1)
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EVENKEEL_WORKSPACE", str(checkout))
    return Settings(home=tmp_path / "home", workspace=checkout, _env_file=None)


def compared(settings: Settings, tmp_path: Path, base: str = "main") -> Compared:
    return compare(NAME, base, settings, settings.workspace, tmp_path / "out")


def test_a_better_parameter_passes_against_what_the_base_gives(settings: Settings, tmp_path: Path) -> None:
    write_project(settings.workspace, project(params={"C": 2.0}))
    found = compared(settings, tmp_path)
    assert found.certificate.passed
    assert (
        found.verdict
        == "not worse: every gate passed; compared with what main gives, trained now, for there is no champion"
    )
    report = (tmp_path / "out" / "report.md").read_text()
    assert report.startswith("# small: not worse\n")
    row = next(line for line in report.splitlines() if line.startswith("| roc\\_auc"))
    assert row.count("\\[") == 3, row
    assert "0.01 worse is allowed" in row
    assert (tmp_path / "out" / "evaluation.html").read_text().startswith("<!doctype html>")
    assert "<svg xmlns=" in (tmp_path / "out" / "plots" / "roc-curve.svg").read_text()
    assert champion(settings, NAME) is None
    assert not (settings.home / "mlflow.db").exists(), "nothing is registered"


def test_a_project_that_the_base_does_not_have_is_judged_alone(settings: Settings, tmp_path: Path) -> None:
    git(settings.workspace, "checkout", "-q", "--orphan", "empty")
    (settings.workspace / "conf" / f"{NAME}.yaml").rename(tmp_path / "kept.yaml")
    commit(settings.workspace)
    (tmp_path / "kept.yaml").rename(settings.workspace / "conf" / f"{NAME}.yaml")
    found = compared(settings, tmp_path, "empty")
    assert found.verdict.endswith("compared with nothing: there is no champion, and empty has no conf/small.yaml")


def test_a_base_that_is_not_there_is_named(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"origin/main is no commit of the repository .*git fetch"):
        compared(settings, tmp_path, "origin/main")
