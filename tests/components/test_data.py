"""The data verbs as people call them: what they do to a checkout, say, and refuse."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from dvc.repo import Repo

from components import data
from components.pull.step import pull
from evenkeel.config import load_project
from evenkeel.datasets import DATASETS
from evenkeel.digest import data_version
from evenkeel.errors import DataError, HashMismatchError
from evenkeel.storage import list_below
from evenkeel.versions import has_version, read_pointer
from tests.components.workspace import PARTS, ROWS, churn, commit, git, write_parts
from tests.s3 import Bucket

LOCAL = Path(".evenkeel/dvc-remote")


@pytest.fixture
def clone(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a fresh clone has: configuration and pointers, no data."""
    root = tmp_path / "clone"
    shutil.copytree(repository / "conf", root / "conf")
    for name in (
        ".dvc/config",
        ".dvc/.gitignore",
        ".dvcignore",
        "data/.gitignore",
        *(f"{name}.dvc" for name in DATASETS),
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(repository / name, root / name)
    (root / ".gitignore").write_text(".evenkeel\n")
    git(root, "init", "--quiet")
    commit(root)
    monkeypatch.chdir(root)
    return root


def changed_files(root: Path) -> str:
    status = ["git", "status", "--porcelain", "--untracked-files=all"]
    return subprocess.run(status, cwd=root, check=True, capture_output=True, text=True).stdout


def test_all_bundled_data_is_made_once_and_git_stays_clean(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert data.main(["materialise"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"made {name}" for name in DATASETS]
    before = {name: Path(name).stat().st_mtime_ns for name in DATASETS}
    started = time.perf_counter()
    assert data.main(["materialise"]) == 0
    assert time.perf_counter() - started < 0.3
    assert capsys.readouterr().out == ""
    assert before == {name: Path(name).stat().st_mtime_ns for name in DATASETS}
    assert changed_files(clone) == ""


def test_nothing_heavy_is_imported_when_there_is_nothing_to_do(clone: Path, repository: Path) -> None:
    data.materialise("visits")
    code = (
        "import sys; from components.data import main; assert main(['materialise', 'visits']) == 0;"
        "sys.exit(bool({'dvc', 'boto3', 'pandas', 'pyarrow', 'sklearn'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=clone, env={"PYTHONPATH": str(repository)})


def test_one_project_is_made_and_can_then_be_pulled_by_id_alone(clone: Path, tmp_path: Path) -> None:
    data.materialise("wine")
    assert [name for name in DATASETS if Path(name).exists()] == ["data/wine.csv"]
    version = read_pointer(Path("data/wine.csv.dvc"))
    Path("data/wine.csv").unlink()
    assert pull(load_project(Path("conf/wine.yaml")), version, tmp_path / "out") == version
    assert data_version(tmp_path / "out/wine.csv") == version


def test_edited_bundled_data_is_refused_with_the_way_out(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data.materialise("wine")
    wanted = read_pointer(Path("data/wine.csv.dvc"))
    Path("data/wine.csv").write_text("other")
    assert data.main(["materialise", "wine"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(
        f"HashMismatchError: {Path('data/wine.csv')}: its version is {data_version(Path('data/wine.csv'))}"
    )
    assert wanted in said
    assert "make data-add DATA=data/wine.csv" in said
    Path("data/wine.csv").unlink()
    assert data.main(["materialise", "wine"]) == 0


def test_a_package_with_other_data_is_refused(clone: Path) -> None:
    pointer = Path("data/wine.csv.dvc")
    pointer.write_text(pointer.read_text().replace(read_pointer(pointer), "0" * 32))  # an id of digits is an id
    with pytest.raises(HashMismatchError, match=r"not 0{32}; .*requirements\.lock"):
        data.materialise()


def test_a_bundled_name_can_hold_your_own_version(clone: Path) -> None:
    Path("data/wine.csv").write_text("mine")
    data.add(Path("data/wine.csv"))
    data.materialise("wine")
    Path("data/wine.csv").unlink()
    data.materialise("wine")
    assert Path("data/wine.csv").read_text() == "mine"


def test_dvc_agrees_with_what_was_made(clone: Path) -> None:
    data.materialise()
    with Repo(str(clone)) as repo:
        assert repo.status() == {}
        for name in DATASETS:
            Path(name).unlink()
        repo.pull()
    assert all(data_version(Path(name)) == read_pointer(Path(f"{name}.dvc")) for name in DATASETS)


def test_own_data_goes_through_its_life(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_parts(clone / "data")
    for name in ("data/churn.csv", "data/parts"):
        assert data.main(["add", name]) == 0
    version = read_pointer(Path("data/churn.csv.dvc"))
    assert f"data/churn.csv is version {version}; next: git add data/churn.csv.dvc" in capsys.readouterr().out
    assert set(changed_files(clone).split()[1::2]) >= {"data/churn.csv.dvc", "data/parts.dvc"}
    assert "data/churn.csv\n" not in changed_files(clone)
    assert data.main(["push", "data/churn.csv"]) == 0
    assert data.main(["push", "data/parts"]) == 0
    assert has_version(LOCAL, version)
    shutil.rmtree(".dvc/cache")
    shutil.rmtree("data/parts")
    Path("data/churn.csv").unlink()
    assert data.main(["pull"]) == 0
    assert Path("data/churn.csv").read_text() == ROWS
    assert {name: Path("data/parts", name).read_text() for name in list_below("data/parts")} == PARTS


def test_absent_data_of_an_own_project_is_pulled(clone: Path) -> None:
    write_parts(clone / "data")
    data.add(Path("data/churn.csv"))
    data.push("data/churn.csv")
    Path("data/churn.csv").unlink()
    Path("conf/churn.yaml").write_text(churn().model_dump_json(exclude_defaults=True))
    data.materialise("churn")
    assert Path("data/churn.csv").read_text() == ROWS
    Path("data/churn.csv").write_text("edited")
    with pytest.raises(HashMismatchError, match=r"make data-add DATA=data/churn\.csv"):
        data.materialise("churn")


def test_everything_is_pushed_to_s3_and_pods_have_it(
    clone: Path, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENKEEL_DATA_REMOTE", f"{bucket.uri}/dvc")
    data.materialise()
    write_parts(clone / "data")
    data.add(Path("data/parts"))
    assert data.push() == len(DATASETS) + 1 + len(set(PARTS.values()))
    assert data.push() == 0
    assert {there for _, _, _, there in data.status()} == {"in the remote"}
    assert changed_files(clone).split() == ["M", "data/.gitignore", "??", "data/parts.dvc"]
    (tmp_path / "pod").mkdir()
    monkeypatch.chdir(tmp_path / "pod")
    for name in ("wine", "tumours"):
        conf = load_project(clone / "conf" / f"{name}.yaml")
        version = read_pointer(clone / f"{conf.data.path}.dvc")
        assert pull(conf, version, tmp_path / name) == version
    pull(churn("data/parts"), read_pointer(clone / "data/parts.dvc"), tmp_path / "parts")
    assert {name: (tmp_path / "parts" / name).read_text() for name in list_below(tmp_path / "parts")} == PARTS


def test_status_tells_each_state(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data.materialise()
    Path("data/wine.csv").write_text("edited")
    Path("data/visits.csv").unlink()
    shutil.rmtree(LOCAL)
    assert data.main(["status"]) == 0
    states = {line.split()[0]: " ".join(line.split()[2:]) for line in capsys.readouterr().out.splitlines()}
    assert states["data/wine.csv"] == "changed not in the remote"
    assert states["data/visits.csv"] == "missing not in the remote"
    assert states["data/reviews.csv"] == "current not in the remote"


@pytest.mark.parametrize(
    ("verb", "says"),
    [
        (["add", "data/none.csv"], r"data/none\.csv: there is no such file or folder to add"),
        (["add", "/"], "outside of the workspace"),
        (["push", "data/none.csv"], r"data/none\.csv\.dvc: there is no such DVC pointer"),
        (["pull", "data/none.csv"], r"data/none\.csv\.dvc: there is no such DVC pointer"),
        (["add", "conf/wine.yaml"], r"dvc add conf/wine\.yaml: .*tracked by SCM"),
        (["materialise", "wines"], r"did you mean 'wine'"),
    ],
)
def test_refusals_are_one_line_with_a_next_step(
    clone: Path, capsys: pytest.CaptureFixture[str], verb: list[str], says: str
) -> None:
    import re

    assert data.main(verb) == 1
    assert re.search(says, capsys.readouterr().err)


def test_data_that_no_remote_has_is_told(clone: Path) -> None:
    write_parts(clone / "data")
    data.add(Path("data/churn.csv"))
    shutil.rmtree(".dvc/cache")
    Path("data/churn.csv").unlink()
    with pytest.raises(DataError, match=r"dvc pull: .*EVENKEEL_DATA_REMOTE"):
        data.pull("data/churn.csv")


def test_two_runs_at_once_make_the_same(clone: Path, repository: Path) -> None:
    code = "import sys; from components.data import main; sys.exit(main(['materialise']))"
    command = [sys.executable, "-c", code]
    both = [subprocess.Popen(command, cwd=clone, env={"PYTHONPATH": str(repository)}) for _ in range(2)]
    assert [run.wait() for run in both] == [0, 0]
    assert all(data_version(clone / name) == read_pointer(clone / f"{name}.dvc") for name in DATASETS)
    assert not list(clone.rglob("*.partial"))
