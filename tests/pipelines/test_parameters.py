import re
from pathlib import Path

import pytest

from evenkeel.code import code_version
from evenkeel.config import Project, load_project
from evenkeel.errors import PipelineError
from evenkeel.settings import Settings
from evenkeel.versions import read_pointer
from pipelines.parameters import resolve


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
    assert found.data_version == read_pointer(repository / project.data.pointer_path)
    assert found.code_version == code_version(repository)
    assert re.fullmatch(r"([0-9a-f]{40}(-dirty)?)?", found.commit)
    assert re.fullmatch(r"[0-9a-f]{64}", found.pipeline)
    assert found.champion_version == ""
    assert found.target == "local"
    assert found.workers == list(range(project.model.search.workers))


def test_the_target_can_be_chosen_among_those_the_pipeline_has(project: Project, settings: Settings) -> None:
    assert resolve(project, settings, "none").target == "none"


@pytest.mark.parametrize("target", ["kserve", "", "local' == 'local' or 'x"])
def test_another_target_is_refused(target: str, project: Project, settings: Settings) -> None:
    serving = project.serving.model_copy(update={"target": target or "ecs"})
    changed = project.model_copy(update={"serving": serving})
    with pytest.raises(PipelineError, match=r"cannot deploy to .*knows local, none.*--deploy-target none"):
        resolve(changed, settings, target or None)
