"""Which projects a branch changes: in real repositories, without training anything."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from evenkeel.errors import PipelineError, ProjectError
from evenkeel.settings import Settings
from pipelines.branch import Choice, choose
from tests.pipelines.checkout import commit, git, project

POINTER = "outs:\n- md5: {}\n  size: 1\n  hash: md5\n  path: x.csv\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout on the branch ``change``, which is at ``main`` yet; there are three projects and some code."""
    root = tmp_path / "checkout"
    for name in ("first", "second", "visits"):
        put_project(root, name)
    put(root, "evenkeel/frame.py", "a = 1")
    put(root, "components/train/step.py", "a = 1")
    put(root, "requirements.lock", "numpy==2")
    put(root, "docs/ci.md", "# CI")
    put(root, ".gitignore", "*.csv\n")
    git(root.parent, "init", "-q", "-b", "main", str(root))
    commit(root)
    git(root, "checkout", "-q", "-b", "change")
    return root


def put(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def put_project(root: Path, name: str, **sections: Any) -> None:
    content = {**project(), "name": name, "data": {"path": f"data/{name}.csv"}, **sections}
    put(root, f"conf/{name}.yaml", yaml.safe_dump(content, sort_keys=False))
    put(root, f"{content['data']['path']}.dvc", POINTER.format("a" * 32))


def chosen(root: Path, *names: str, base: str = "main", default: str = "") -> Choice:
    return choose(names, base, default, Settings(workspace=root, _env_file=None), root)


def test_every_project_whose_file_or_data_version_changes_and_no_other(root: Path) -> None:
    put_project(root, "first", description="another")
    put(root, "data/visits.csv.dvc", POINTER.format("b" * 32))
    commit(root)
    assert chosen(root) == Choice(("first", "visits"), "Against main this branch changes first, visits.")


def test_what_main_changed_meanwhile_is_not_the_branchs(root: Path) -> None:
    put_project(root, "first", description="another")
    commit(root)
    git(root, "checkout", "-q", "main")
    put_project(root, "second", description="another")
    put(root, "evenkeel/frame.py", "a = 2")
    commit(root)
    git(root, "checkout", "-q", "change")
    assert chosen(root).projects == ("first",)


def test_what_is_not_committed_counts(root: Path) -> None:
    put_project(root, "first", description="another")
    put_project(root, "second", description="another")
    git(root, "add", "conf/second.yaml")
    put_project(root, "third")
    assert chosen(root).projects == ("first", "second", "third")


def test_taken_back_in_the_working_tree_is_not_changed(root: Path) -> None:
    before = (root / "conf" / "first.yaml").read_text()
    put_project(root, "first", description="another")
    commit(root)
    put(root, "conf/first.yaml", before)
    assert chosen(root).projects == ()


def test_data_that_two_projects_share_concerns_both(root: Path) -> None:
    put_project(root, "second", data={"path": "data/first.csv"})
    git(root, "checkout", "-q", "main")
    commit(root)
    git(root, "checkout", "-q", "-B", "change")
    put(root, "data/first.csv.dvc", POINTER.format("b" * 32))
    assert chosen(root).projects == ("first", "second")


def test_a_pointer_of_another_name_is_found(root: Path) -> None:
    put(root, "versions/first.dvc", POINTER.format("a" * 32))
    put_project(root, "first", data={"path": "data/first.csv", "pointer": "./versions/first.dvc"})
    commit(root)
    git(root, "branch", "-f", "main")
    put(root, "versions/first.dvc", POINTER.format("b" * 32))
    assert chosen(root).projects == ("first",)


def test_a_features_module_and_a_feature_store_belong_to_their_projects(root: Path) -> None:
    columns = {name: {"type": "number"} for name in ("income", "family_size", "individual_deductible", "coinsurance")}
    contract = {"columns": columns | project()["contract"]["columns"] | {"at": {"type": "datetime"}}}
    put_project(root, "first", contract=contract, features={"module": "household_v1"})
    feast = {"repo": "features/", "service": "v1", "entities": {"weak": "weak"}, "columns": ["strong"]}
    data = {"path": "data/second.csv", "time": "at"}
    put_project(root, "second", contract=contract, data=data, features={"feast": feast})
    commit(root)
    git(root, "branch", "-f", "main")
    put(root, "evenkeel/features/household_v1.py", "a = 1")
    assert chosen(root).projects == ("first",)
    put(root, "features/definitions.py", "a = 1")
    assert chosen(root).projects == ("first", "second")


def test_a_deleted_project_is_named_and_a_renamed_one_is_both(root: Path) -> None:
    (root / "conf" / "first.yaml").unlink()
    found = chosen(root)
    assert found.projects == ()
    assert found.reason.endswith(" It deletes first, which leaves nothing to judge there.")
    put_project(root, "third", data={"path": "data/first.csv"})
    commit(root)
    assert chosen(root).projects == ("third",)
    assert "changes third. It deletes first," in chosen(root).reason


@pytest.mark.parametrize("path", ["evenkeel/frame.py", "components/train/step.py", "requirements.lock"])
def test_code_of_every_model_is_judged_by_one(root: Path, path: str) -> None:
    put(root, path, "changed")
    commit(root)
    assert chosen(root, default="first").projects == ("first",)
    found = chosen(root)
    assert found.projects == ("visits",)
    assert "no project, but code that every model is made by: visits stands for all" in found.reason
    assert "PROJECT=all" in found.reason


def test_where_visits_was_deleted_the_first_judges_code(root: Path) -> None:
    (root / "conf" / "visits.yaml").unlink()
    put(root, "evenkeel/frame.py", "changed")
    found = chosen(root)
    assert found.projects == ("first",)
    assert "It deletes visits" in found.reason


def test_code_beside_a_project_is_judged_by_that_and_said(root: Path) -> None:
    put(root, "evenkeel/frame.py", "changed")
    put_project(root, "second", description="another")
    found = chosen(root)
    assert found.projects == ("second",)
    assert "second, and code that every model is made by: no other project is judged" in found.reason


@pytest.mark.parametrize("path", ["docs/ci.md", "approvals/first/1.json", "conf/schema.json", "tests/conf/x.yaml"])
def test_what_no_model_is_made_of_is_nothing_to_judge(root: Path, path: str) -> None:
    put(root, path, "changed")
    commit(root)
    found = chosen(root)
    assert found.projects == ()
    assert "this branch changes nothing that a model is made of" in found.reason


def test_a_project_that_cannot_be_read_is_judged_for_who_knows_what_belongs_to_it(root: Path) -> None:
    put(root, "conf/first.yaml", "name: [")
    commit(root)
    git(root, "branch", "-f", "main")
    put(root, "docs/ci.md", "changed")
    assert chosen(root).projects == ("first",)


def test_those_that_are_named_or_all_whatever_changed(root: Path) -> None:
    put_project(root, "first", description="another")
    assert chosen(root, "second", base="nowhere").projects == ("second",)
    assert chosen(root, "visits", "second", "visits").projects == ("visits", "second")
    assert chosen(root, "all").projects == ("first", "second", "visits")


@pytest.mark.parametrize("names", [("secund",), ("first", "secund")])
def test_a_misspelt_name_is_told_before_anything_is_trained(root: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(ProjectError, match="did you mean 'second'"):
        chosen(root, *names)


def test_a_default_that_is_not_there_is_told(root: Path) -> None:
    put(root, "evenkeel/frame.py", "changed")
    with pytest.raises(ProjectError, match=r"no project 'visit': .* did you mean 'visits'"):
        chosen(root, default="visit")


def test_a_base_that_is_not_there_is_never_nothing(root: Path) -> None:
    with pytest.raises(PipelineError, match=r"against origin/main cannot be told: .*origin/main; git fetch .*BASE="):
        chosen(root, base="origin/main")


def test_a_shallow_clone_is_never_nothing(root: Path, tmp_path: Path) -> None:
    put_project(root, "first", description="another")
    commit(root)
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth", "1", "--no-single-branch", f"file://{root}", str(shallow))
    with pytest.raises(PipelineError, match=r"they have no commit in common; git fetch \(--unshallow"):
        chosen(shallow, base="origin/main")
    shutil.rmtree(shallow / ".git")
    with pytest.raises(PipelineError, match="not a git repository"):
        chosen(shallow)


def test_a_workspace_elsewhere_is_never_nothing(root: Path, tmp_path: Path) -> None:
    settings = Settings(workspace=tmp_path, _env_file=None)
    with pytest.raises(PipelineError, match=r"EVENKEEL_WORKSPACE is .*: name the projects with PROJECT="):
        choose((), "main", "", settings, root)


def test_a_checkout_inside_of_a_larger_repository_and_peoples_settings_of_git(root: Path) -> None:
    """Names are relative to the checkout, in whatever way somebody likes them told."""
    for key, value in {"diff.noprefix": "true", "diff.renames": "copies", "core.quotePath": "true"}.items():
        git(root, "config", key, value)
    inner = root / "models" / "überall"
    put_project(inner, "inner")
    commit(root)
    git(root, "branch", "-f", "main")
    put_project(root, "first", description="outside of the checkout")
    assert chosen(inner).projects == ()
    put_project(inner, "inner", description="another")
    put(inner, "evenkeel/ü ber.py", "a = 1")
    found = chosen(inner)
    assert found.projects == ("inner",)
    assert "code that every model" in found.reason
