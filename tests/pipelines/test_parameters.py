import re
from pathlib import Path

import pytest

from evenkeel import targets
from evenkeel.code import code_version
from evenkeel.config import Project, load_project
from evenkeel.errors import PipelineError
from evenkeel.settings import Settings
from evenkeel.versions import read_pointer
from pipelines.parameters import TARGETS, recipe, resolve


@pytest.fixture
def project(repository: Path) -> Project:
    return load_project(repository / "conf" / "tumours.yaml")


@pytest.fixture
def settings(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("EVENKEEL_WORKSPACE", str(repository))
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path))
    return Settings()


def test_a_run_is_about_these_things(project: Project, settings: Settings, repository: Path) -> None:
    found = resolve(project, settings, None)

    assert Project.from_parameter(found.project) == project
    assert Project.from_parameter(found.recipe) == recipe(project)
    assert found.data_version == read_pointer(repository / project.data.pointer_path)
    assert found.code_version == code_version(repository)
    assert re.fullmatch(r"([0-9a-f]{40}(-dirty)?)?", found.commit)
    assert re.fullmatch(r"[0-9a-f]{64}", found.pipeline)
    assert found.champion_version == ""
    assert found.target == "local"
    assert found.workers == list(range(project.model.search.workers))


def test_the_target_can_be_chosen_among_those_the_pipeline_has(project: Project, settings: Settings) -> None:
    assert resolve(project, settings, "none").target == "none"


def test_an_environment_says_where_its_models_go_unless_the_caller_does(
    project: Project, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENKEEL_TARGET", "kserve")
    assert resolve(project, Settings(), None).target == "kserve"
    assert resolve(project, Settings(), "none").target == "none"
    monkeypatch.setenv("EVENKEEL_TARGET", "mainframe")
    with pytest.raises(PipelineError, match=r"cannot deploy to 'mainframe'.*EVENKEEL_TARGET"):
        resolve(project, Settings(), None)


@pytest.mark.parametrize("target", ["mainframe", "local' == 'local' or 'x"])
def test_another_target_is_refused(target: str, project: Project, settings: Settings) -> None:
    with pytest.raises(PipelineError, match=r"cannot deploy to .*knows local, kubernetes.*--deploy-target none"):
        resolve(project, settings, target)


def test_the_pipeline_can_deploy_to_every_target(project: Project, settings: Settings) -> None:
    assert {*TARGETS} == {*targets.TARGETS, "none"}
    for name in targets.TARGETS:
        serving = project.serving.model_copy(update={"target": name})
        assert resolve(project.model_copy(update={"serving": serving}), settings, None).target == name


def changed(project: Project, section: str, **values: object) -> Project:
    return project.model_copy(update={section: getattr(project, section).model_copy(update=values)})


def test_a_new_gate_or_limit_needs_no_new_search(project: Project) -> None:
    for other in (
        changed(project, "gates", require={"roc_auc": 0.97}, confidence=0.8),
        changed(project, "serving", max_latency_ms=1.0),
        changed(project, "monitoring", min_rows=7),
        changed(project, "retraining", daily_cap=9),
        project.model_copy(update={"description": "other words", "owner": "others", "slices": ()}),
    ):
        assert recipe(other).to_parameter() == recipe(project).to_parameter()
        assert other.to_parameter() != project.to_parameter()


@pytest.mark.parametrize(
    ("section", "values"),
    [
        ("data", {"version": "0" * 32}),
        ("target", {"positive": "benign"}),
        ("contract", {"min_rows": 7}),
        ("features", {"drop": ("mean radius",)}),
        ("model", {"seed": 7}),
        ("split", {"evaluation": 0.5}),
        ("gates", {"metric": "log_loss"}),
    ],
)
def test_what_a_search_depends_on_needs_a_new_one(section: str, values: dict[str, object], project: Project) -> None:
    assert recipe(changed(project, section, **values)).to_parameter() != recipe(project).to_parameter()


def test_a_recipe_is_a_project(project: Project) -> None:
    assert Project.from_parameter(recipe(project).to_parameter()) == recipe(project)
