"""The CI files of the three systems: equal to their definition, valid, safe, and made of make targets that exist."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipelines import __main__ as pipelines
from pipelines.delivery import github, gitlab
from pipelines.delivery.__main__ import files, main
from pipelines.delivery.definition import FLOWS, WAITING, Flow, Job, Step

REPOSITORY = Path(__file__).parents[2]
WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))
BIN = Path(sys.executable).parent


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command, without what a make around these tests tells those below it."""
    ours = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "ARGS")}
    return subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, env={**ours, **environment}, timeout=120
    )


def test_the_files_are_what_the_definition_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setattr(sys, "argv", ["delivery", "--check"])
    assert main() == 0
    assert {path.name for path in files() if path.parent.name == "workflows"} == {path.name for path in WORKFLOWS}


def test_a_file_changed_by_hand_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".github" / "workflows").mkdir(parents=True)
    monkeypatch.setattr(sys, "argv", ["delivery"])
    assert main() == 0
    (tmp_path / "Jenkinsfile").write_text("pipeline {}")
    monkeypatch.setattr(sys, "argv", ["delivery", "--check"])
    assert main() == 1
    assert "Jenkinsfile is not what its definition makes" in capsys.readouterr().err


def test_github_and_gitlab_know_every_key() -> None:
    checker = BIN / "check-jsonschema"
    done = run(checker, "--builtin-schema", "vendor.github-workflows", *WORKFLOWS)
    assert done.returncode == 0, done.stdout
    done = run(checker, "--builtin-schema", "vendor.gitlab-ci", ".gitlab-ci.yml")
    assert done.returncode == 0, done.stdout


def test_no_workflow_is_unsafe() -> None:
    done = run(BIN / "zizmor", "--offline", "--no-progress", *WORKFLOWS)
    assert done.returncode == 0, done.stdout


def test_an_unsafe_workflow_would_be_found(tmp_path: Path) -> None:
    """What the check above is worth: an input in a script, an action by its tag."""
    unsafe = {
        "on": {"workflow_dispatch": {"inputs": {"project": {"type": "string"}}}},
        "jobs": {
            "a": {
                "runs-on": "ubuntu-24.04",
                "steps": [{"uses": "actions/checkout@v7"}, {"run": "make status PROJECT=${{ inputs.project }}"}],
            }
        },
    }
    file = tmp_path / ".github" / "workflows" / "unsafe.yml"
    file.parent.mkdir(parents=True)
    file.write_text(yaml.safe_dump(unsafe))
    done = run(BIN / "zizmor", "--offline", "--no-progress", file)
    assert done.returncode != 0
    assert "template-injection" in done.stdout
    assert "unpinned-uses" in done.stdout


def commands(text: str) -> list[str]:
    """The make commands of a CI file, as its shell gets them."""
    return re.findall(r"(?:^ *(?:- |run: )?|')(?:tools/)?(make [a-z-]+[^|>'\n]*)", text, re.MULTILINE)


@pytest.mark.parametrize("path", [*WORKFLOWS, REPOSITORY / ".gitlab-ci.yml", REPOSITORY / "Jenkinsfile"])
def test_every_command_is_one_that_make_takes(path: Path) -> None:
    """make itself is asked, without running anything: the target exists, and quotes end where they should."""
    found = commands(path.read_text())
    assert found or path.stem == "model-pr-comment"
    for command in found:
        done = run("sh", "-c", command.replace("make ", "make --dry-run ", 1), PROJECT="", BASE="origin/main")
        assert done.returncode == 0, f"{command}: {done.stderr}"


@pytest.mark.parametrize("default", ["", "wine"])
def test_the_check_of_a_pull_request_judges_what_changes_whatever_the_variable_says(default: str) -> None:
    """PROJECT is in the job's environment, where make would read it as the one project that is asked for."""
    (flow,) = (flow for flow in FLOWS if flow.name == "model-pr")
    command = flow.jobs[0].steps[0].run.replace("make ", "make --dry-run ", 1)
    done = run("sh", "-c", command, PROJECT=default, BASE="origin/main")
    asked = done.stdout.split("-m pipelines compare ")[1].splitlines()[0]
    assert asked.split() == ["--base", '"origin/main"', "--default", f'"{default}"']


def test_a_project_that_is_asked_for_is_judged_alone() -> None:
    done = run("make", "--dry-run", "compare", "PROJECT=wine tumours")
    assert "pipelines compare wine tumours --base" in done.stdout


def test_a_target_that_does_not_exist_would_be_found() -> None:
    (command,) = commands("  - make promise TO=staging | tee said")
    assert run("sh", "-c", command.replace("make ", "make --dry-run ", 1)).returncode != 0


def test_only_what_needs_a_right_has_it() -> None:
    for path in WORKFLOWS:
        content = yaml.safe_load(path.read_text())
        assert content["permissions"] == {}
        for name, job in content["jobs"].items():
            written = {right for right, level in job["permissions"].items() if level == "write"}
            wanted = {
                ("model-pr-comment", "comment"): {"pull-requests"},
                ("publish", "images"): {"packages", "id-token"},
                ("deploy", "staging"): {"id-token"},
                ("deploy", "production"): {"id-token"},
                ("retrain", "train"): {"id-token"},
            }
            assert written == wanted.get((content["name"], name), set())


def test_a_fork_gets_no_right_and_the_comment_runs_nothing_of_it() -> None:
    for path in WORKFLOWS:
        text = path.read_text()
        assert "pull_request_target" not in text
        if "pull_request" in yaml.safe_load(text)["on"]:
            assert "secrets." not in text
    (job,) = github.comment()["jobs"].values()
    assert not any("checkout" in step.get("uses", "") for step in job["steps"])


def test_secrets_belong_to_an_environment() -> None:
    """Whose reviewers then stand before them."""
    for path in WORKFLOWS:
        for job in yaml.safe_load(path.read_text())["jobs"].values():
            assert "environment" in job or "secrets." not in json.dumps(job)


def test_a_comment_finds_our_own_branches_and_those_of_forks() -> None:
    """``gh`` calls a pull request owner:branch only where it comes from a fork."""
    (job,) = github.comment()["jobs"].values()
    branch = job["steps"][-1]["env"]["BRANCH"]
    assert re.search(r"full_name == github.repository && \S+head_branch \|\| format\('\{0\}:\{1\}'", branch)


def test_a_required_check_comes_to_every_pull_request() -> None:
    """One that paths hold back stays pending, and blocks what it was not meant for."""
    for name in ("ci", "model-pr"):
        assert (
            yaml.safe_load((REPOSITORY / ".github" / "workflows" / f"{name}.yml").read_text())["on"]["pull_request"]
            is None
        )


def test_jenkins_asks_only_when_it_is_to_roll_out() -> None:
    """An input comes before its stage's condition unless the condition says otherwise."""
    stages = re.split(r"\n    stage\(", (REPOSITORY / "Jenkinsfile").read_text())[1:]
    asking = [stage for stage in stages if "input {" in stage]
    assert len(asking) == 1
    assert "beforeInput true; branch 'main'; expression { params.FLOW == 'deploy' }" in asking[0]
    assert all("beforeInput true" in stage or "beforeAgent true" in stage for stage in stages)
    assert all("timeout(" in stage for stage in stages)


@pytest.mark.parametrize(("recipe", "code"), [("true", 0), ("exit 1", 1), ("exit 3", 3), ("exit 4", 4)])
@pytest.mark.parametrize("level", ["0", "1"])  # itself started by make: another prefix
def test_the_exit_code_of_a_recipe_is_not_lost(tmp_path: Path, level: str, recipe: str, code: int) -> None:
    (tmp_path / "Makefile").write_text(f"step:\n\t@echo said; echo told >&2; {recipe}\n")
    done = run(REPOSITORY / "tools" / "make", "-C", str(tmp_path), "--no-print-directory", "step", MAKELEVEL=level)
    assert done.returncode == code
    assert done.stdout == "said\n"
    assert done.stderr.startswith("told\n")


def test_a_target_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("step:\n")
    assert run(REPOSITORY / "tools" / "make", "-C", str(tmp_path), "other").returncode == 2


@pytest.mark.parametrize(("recipe", "code"), [("true", 0), ("exit 1", 1), ("exit 4", 0)])
def test_a_wait_for_approval_is_told_and_is_no_failure(tmp_path: Path, recipe: str, code: int) -> None:
    """The very script of the retraining workflow, with a make that ends so."""
    (step,) = github.workflow(next(flow for flow in FLOWS if flow.name == "retrain"))["jobs"]["train"]["steps"][-1:]
    (tmp_path / "tools").mkdir()
    shutil.copy(REPOSITORY / "tools" / "make", tmp_path / "tools" / "make")
    (tmp_path / "Makefile").write_text(f"pipeline-run:\n\t@{recipe}\n")
    done = subprocess.run(["bash", "-e", "-c", step["run"]], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == code
    assert ("::warning title=Waiting for approval::" in done.stdout) == (recipe == "exit 4")
    assert gitlab.pipeline()["retrain:train"]["allow_failure"] == {"exit_codes": [WAITING]}


def test_what_is_called_waiting_is_what_pipelines_exit_with() -> None:
    assert WAITING == pipelines.WAITING


def test_two_deployments_of_a_model_exclude_each_other_and_none_is_cancelled() -> None:
    (deploy,) = (flow for flow in FLOWS if flow.name == "deploy")
    concurrency = github.workflow(deploy)["concurrency"]
    assert concurrency["cancel-in-progress"] is False
    assert "project" in concurrency["group"]
    assert gitlab.pipeline()["deploy:production"]["resource_group"] == "deploy-$PROJECT"


def test_a_result_is_handed_on_and_a_failure_is_not_hidden() -> None:
    made = Job("make", (Step("Make", "make promote", result="digest"),))
    use = Job("use", (Step("Use", 'make status DIGEST="$DIGEST"'),), needs="make")
    jobs = github.workflow(Flow("flow", (made, use)))["jobs"]
    assert jobs["use"]["env"]["DIGEST"] == "${{ needs.make.outputs.digest }}"
    assert jobs["make"]["steps"][-1]["shell"] == "bash"  # which GitHub runs with pipefail
    assert "| tail" not in (REPOSITORY / "Jenkinsfile").read_text()


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not here")
def test_publish_says_each_image_by_the_digest_that_was_signed(tmp_path: Path) -> None:
    """The real script in a checkout of its own; Docker and cosign are stand-ins that keep what they are told."""
    checkout, tools = tmp_path / "checkout", tmp_path / "tools"
    subprocess.run(["git", "clone", "-q", REPOSITORY, checkout], check=True)
    shutil.copy(REPOSITORY / "tools" / "publish", checkout / "tools" / "publish")
    tools.mkdir()
    said = tmp_path / "said"
    digest = "sha256:" + "a" * 64
    docker = f"""#!/bin/sh
echo "docker $*" >> {said}
while [ "$1" != --metadata-file ]; do shift; done
echo '{{"containerimage.digest": "{digest}"}}' > "$2"
"""
    for name, script in {"docker": docker, "cosign": f'#!/bin/sh\necho "cosign $*" >> {said}\n'}.items():
        (tools / name).write_text(script)
        (tools / name).chmod(0o755)
    path = f"{tools}:{os.environ['PATH']}"
    done = subprocess.run(
        [checkout / "tools" / "publish", "registry.example/team", "serving"],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    image = f"registry.example/team/evenkeel-serving@{digest}"
    assert json.loads((checkout / "build" / "images.json").read_text()) == {"serving": image}
    built, signed = said.read_text().splitlines()
    assert "--platform linux/amd64,linux/arm64" in built
    assert "--provenance mode=max --sbom true --push" in built
    assert signed == f"cosign sign --yes {image}"


def test_publish_without_a_signing_tool_builds_nothing(tmp_path: Path) -> None:
    for name in ("bash", "dirname", "env"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    done = run(REPOSITORY / "tools" / "publish", "registry.example/team", PATH=str(tmp_path))
    assert done.returncode == 1
    assert "is needed to publish images" in done.stderr
