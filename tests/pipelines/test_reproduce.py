"""A version made again from its recorded inputs: identical, or with what differs and why that may be.

The versions here are made by the real stages in a checkout of their own; that the pipeline's own bundles come out
identical too is tested with the loop.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from components.register.step import metrics, note, parameters, tags
from evenkeel.bundle import ONNX, Bundle
from evenkeel.code import LOCK
from evenkeel.errors import DataError, PipelineError
from evenkeel.settings import Settings
from evenkeel.tracking import Candidate, Version, log_candidate
from evenkeel.versions import object_uri
from pipelines.__main__ import DIFFERS
from pipelines.rebuild import Recipe, rebuild, scratch
from pipelines.reproduce import Difference, Reproduction, compare_bundles, explain, nearest_code, reproduce, told
from tests.evenkeel.toy_bundle import migrated_home
from tests.pipelines.checkout import NAME, commit, make_checkout, pipelines, project, push

GONE = "f" * 40
LATER = '"""Something that was not there."""\n'


@dataclass(frozen=True)
class Made:
    """A checkout and a bundle that its code made."""

    root: Path
    bundle: Bundle
    commit: str


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("made")
    root = make_checkout(folder / "checkout")
    recipe = Recipe(
        project(), root / "data" / f"{NAME}.csv", push(root, Settings(home=folder / "home", _env_file=None)), root
    )
    return Made(root, rebuild(recipe, folder / "work", examined=True).bundle, commit(root))


@pytest.fixture
def settings(
    made: Made, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """A registry, and a workspace that is a copy of the checkout: tests change it."""
    home = migrated_home(tmp_path_factory, tmp_path / "home")
    shutil.copytree(made.root, tmp_path / "checkout")
    monkeypatch.setenv("EVENKEEL_HOME", str(home))
    monkeypatch.setenv("EVENKEEL_WORKSPACE", str(tmp_path / "checkout"))
    settings = Settings(home=home, workspace=tmp_path / "checkout", _env_file=None)
    push(settings.workspace, settings)
    return settings


def register(settings: Settings, bundle: Bundle, said: str) -> Version:
    certificate = bundle.certificate
    assert certificate is not None
    candidate = Candidate(
        project=bundle.project(),
        bundle=bundle,
        certificate=certificate,
        params=parameters(bundle.project(), bundle.manifest),
        metrics=metrics(certificate),
        tags=tags(bundle, certificate, said, ""),
        note=note(certificate),
        reports={},
    )
    return log_candidate(settings, candidate)


def again(settings: Settings, tmp_path: Path) -> Reproduction:
    return reproduce(f"{NAME}@1", settings, settings.workspace, tmp_path / "scratch")


def test_the_same_inputs_give_the_same_digest(settings: Settings, made: Made) -> None:
    register(settings, made.bundle, made.commit)
    ran = pipelines(settings.workspace, settings, "reproduce", f"{NAME}@1")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.startswith("code: this checkout, whose source is the recorded one")
    assert f"identical: small version 1 is {made.bundle.digest}" in ran.stdout


def test_the_recorded_commit_is_used_where_the_checkout_moved_on(
    settings: Settings, made: Made, tmp_path: Path
) -> None:
    register(settings, made.bundle, made.commit)
    later = settings.workspace / "evenkeel" / "later.py"
    later.write_text(LATER)
    found = again(settings, tmp_path)
    assert found.identical, told(found)
    assert found.code.startswith(f"commit {made.commit[:12]}, whose source is the recorded one")
    assert later.read_text() == LATER, "the working tree stays as it is"


def test_another_lock_is_named_with_what_it_means(settings: Settings, made: Made) -> None:
    register(settings, made.bundle, GONE)
    lock = settings.workspace / LOCK
    lock.write_text(lock.read_text() + "# another\n")
    ran = pipelines(settings.workspace, settings, "reproduce", f"{NAME}@1")
    assert ran.returncode == DIFFERS, ran.stderr
    for words in (
        f"the recorded commit {GONE[:12]} is not in its repository",
        "  code_version  recorded ",
        "  lock          recorded ",
        "another environment was locked: requirements.lock is not what it was",
        "every file is the same, byte by byte",
    ):
        assert words in ran.stdout, ran.stdout


@pytest.mark.parametrize(
    ("dirty", "said"), [("-dirty", "without the changes that lay in the working tree"), ("", "from another checkout?")]
)
def test_a_commit_that_is_not_the_source_says_why(
    settings: Settings, made: Made, tmp_path: Path, dirty: str, said: str
) -> None:
    for text in (LATER, LATER * 2):
        (settings.workspace / "evenkeel" / "later.py").write_text(text)
        moved = commit(settings.workspace)
    version = register(settings, made.bundle, f"{moved}~1{dirty}")
    root, code = nearest_code(made.bundle, version, settings.workspace, tmp_path / "code")
    assert said in code
    assert (root / "evenkeel" / "later.py").read_text() == LATER


def test_another_parameter_is_named_with_its_values(made: Made) -> None:
    """Whatever has another value is named, inputs first."""
    params = made.bundle.manifest.params | {"C": 0.001}
    libraries = made.bundle.manifest.libraries | {"numpy": "1.0"}
    files = made.bundle.manifest.files | {ONNX: "0" * 64}
    other = made.bundle.manifest.model_copy(update={"params": params, "libraries": libraries, "files": files})
    found = list(compare_bundles(Bundle(made.bundle.folder, other, None), made.bundle))
    changed = {each.thing: (each.recorded, each.now) for each in found}
    assert next(iter(changed)) == "libraries.numpy"
    assert changed["params.C"] == ("0.001", "1.0")
    assert changed[f"files.{ONNX}"][0] == "0" * 12
    assert changed["metrics.log_loss"][0] == "nothing"
    assert "other versions of numpy are installed here" in next(explain(found, ""))


def test_where_all_inputs_are_the_same_the_machine_is_left(made: Made) -> None:
    reasons = list(explain([Difference(f"files.{ONNX}", "a", "b")], ""))
    assert "what is left is the machine" in reasons[0]
    assert "was not made by the pipeline" in reasons[1]
    assert list(explain([], "")) == []


def test_a_project_that_is_read_otherwise_is_named() -> None:
    (reason,) = explain([Difference("files.project.json", "a", "b")], "")
    assert "reads the recorded project otherwise" in reason


def test_data_that_is_nowhere_is_an_error(settings: Settings, made: Made, tmp_path: Path) -> None:
    version = register(settings, made.bundle, made.commit)
    (settings.workspace / "data" / f"{NAME}.csv").unlink()
    Path(object_uri(settings.remote, made.bundle.manifest.data_version)).unlink()
    with pytest.raises(DataError, match="run make data-push where the data is"):
        again(settings, tmp_path)
    assert version.version == "1"


def test_code_that_cannot_make_it_says_why(settings: Settings, made: Made, tmp_path: Path) -> None:
    register(settings, made.bundle, "")
    (settings.workspace / "components" / "split" / "step.py").write_text("raise ImportError('no more')\n")
    with pytest.raises(PipelineError, match=r"small could not be made with the code at .*: ImportError: no more"):
        again(settings, tmp_path)


def test_a_folder_that_holds_something_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "mine").write_text("precious")
    with pytest.raises(PipelineError, match="is not an empty folder"), scratch(tmp_path / "kept"):
        pass


def test_the_verb_fails_with_the_next_step(settings: Settings) -> None:
    ran = pipelines(settings.workspace, settings, "reproduce", f"{NAME}@1")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "small has no version '1'" in ran.stderr
