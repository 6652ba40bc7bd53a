"""The pull stage against what DVC itself made: in the workspace, on disk, on S3 and behind Git."""

import gc
import json
import shutil
from collections.abc import Iterator
from hashlib import md5
from pathlib import Path

import pytest

from components.pull.step import pull, resolve_version
from evenkeel.digest import data_version
from evenkeel.errors import DataError, HashMismatchError, StorageError
from evenkeel.storage import list_below
from evenkeel.versions import object_uri
from tests.components.workspace import PARTS, ROWS, Checkout, churn, commit, git, make_checkout
from tests.s3 import Bucket

MISSING = "0" * 32


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """Made once; tests that change it take ``checkout``."""
    root = tmp_path_factory.mktemp("made")
    return make_checkout(root / "work", str(root / "remote"))


@pytest.fixture
def checkout(made: Checkout, tmp_path: Path) -> Checkout:
    shutil.copytree(made.root, tmp_path / "work")
    shutil.copytree(made.remote, tmp_path / "remote")
    return Checkout(tmp_path / "work", str(tmp_path / "remote"), made.file, made.folder)


@pytest.fixture
def pod(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty working directory: no Git, no DVC, no pointer."""
    (tmp_path / "pod").mkdir()
    monkeypatch.chdir(tmp_path / "pod")
    return tmp_path / "pod"


@pytest.fixture
def at_work(monkeypatch: pytest.MonkeyPatch, checkout: Checkout) -> Iterator[Checkout]:
    monkeypatch.chdir(checkout.root)
    yield checkout
    assert not list(checkout.root.parent.rglob("*.partial"))


def holds_file(data: Path) -> bool:
    return list_below(data) == ["churn.csv"] and (data / "churn.csv").read_text() == ROWS


def holds_folder(data: Path) -> bool:
    return {name: (data / name).read_text() for name in list_below(data)} == PARTS


# in the workspace


def test_the_pointer_decides_and_the_file_is_copied(at_work: Checkout, tmp_path: Path) -> None:
    assert pull(churn(), "", tmp_path / "out/data") == at_work.file == resolve_version(churn())
    assert holds_file(tmp_path / "out/data")


def test_a_folder_is_copied(at_work: Checkout, tmp_path: Path) -> None:
    assert pull(churn("data/parts"), "", tmp_path / "data") == at_work.folder
    assert holds_folder(tmp_path / "data")


@pytest.mark.parametrize("explicit", [True, False])
def test_edited_data_is_refused_not_replaced(at_work: Checkout, tmp_path: Path, explicit: bool) -> None:
    with Path("data/churn.csv").open("a") as file:
        file.write("99,yes\n")
    found = data_version(Path("data/churn.csv"))
    with pytest.raises(HashMismatchError, match=rf"data/churn\.csv: .*{found}.*{at_work.file}.*make data-add DATA="):
        pull(churn(), at_work.file if explicit else "", tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_a_file_added_to_a_folder_is_noticed(at_work: Checkout, tmp_path: Path) -> None:
    Path("data/parts/new.csv").write_text("age,left\n")
    with pytest.raises(HashMismatchError, match="data/parts: its version is"):
        pull(churn("data/parts"), "", tmp_path / "data")


def test_an_old_version_comes_from_dvcs_cache(at_work: Checkout, tmp_path: Path) -> None:
    shutil.rmtree(at_work.remote)
    Path("data/churn.csv").write_text("age,left\n1,no\n")
    Path("data/churn.csv.dvc").write_text(
        f"outs:\n- md5: {data_version(Path('data/churn.csv'))}\n  hash: md5\n  path: churn.csv\n"
    )
    assert pull(churn(), at_work.file, tmp_path / "data") == at_work.file
    assert holds_file(tmp_path / "data")


def test_a_pinned_version_needs_no_pointer(at_work: Checkout, tmp_path: Path) -> None:
    Path("data/churn.csv.dvc").unlink()
    assert pull(churn(version=at_work.file), "", tmp_path / "data") == at_work.file
    with pytest.raises(DataError, match=r"data/churn\.csv\.dvc: there is no such DVC pointer; make data-add DATA="):
        pull(churn(), "", tmp_path / "other")


def test_what_stood_at_the_output_is_replaced(at_work: Checkout, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/left-over.csv").write_text("x")
    pull(churn(), at_work.file, tmp_path / "data")
    assert holds_file(tmp_path / "data")


# in a pod: by id alone


@pytest.mark.usefixtures("pod")
class TestPod:
    """Nothing but a remote and an id."""

    @pytest.fixture(autouse=True)
    def _remote(self, checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("EVENKEEL_DATA_REMOTE", checkout.remote)

    def test_a_file_by_id(self, checkout: Checkout, tmp_path: Path) -> None:
        assert pull(churn(), checkout.file, tmp_path / "data") == checkout.file
        assert holds_file(tmp_path / "data")

    def test_a_folder_by_id(self, checkout: Checkout, tmp_path: Path) -> None:
        assert pull(churn("data/parts"), checkout.folder, tmp_path / "data") == checkout.folder
        assert holds_folder(tmp_path / "data")

    def test_a_version_that_is_nowhere(self, checkout: Checkout, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=rf"churn: version {MISSING} of data/churn\.csv.*{checkout.remote}.*push"):
            pull(churn(), MISSING, tmp_path / "data")
        assert not (tmp_path / "data").exists()

    @pytest.mark.parametrize("wrong", ["latest", "../../etc/passwd", MISSING + ".zip", MISSING.replace("0", "G")])
    def test_what_is_no_version_is_refused(self, tmp_path: Path, wrong: str) -> None:
        with pytest.raises(DataError, match="is not a data version; it is 32 hex digits"):
            pull(churn(), wrong, tmp_path / "data")

    def test_a_tampered_file_is_refused(self, checkout: Checkout, tmp_path: Path) -> None:
        tamper(object_uri(checkout.remote, checkout.file))
        with pytest.raises(HashMismatchError, match=rf"{checkout.file[2:]}: its version is .* not {checkout.file}"):
            pull(churn(), checkout.file, tmp_path / "data")
        assert not (tmp_path / "data").exists()

    def test_a_tampered_file_of_a_folder_is_refused(self, checkout: Checkout, tmp_path: Path) -> None:
        tamper(object_uri(checkout.remote, md5(ROWS.encode()).hexdigest()))  # noqa: S324  DVC's id
        with pytest.raises(HashMismatchError, match="damaged or changed"):
            pull(churn("data/parts"), checkout.folder, tmp_path / "data")
        assert not (tmp_path / "data").exists()

    def test_a_tampered_listing_is_refused(self, checkout: Checkout, tmp_path: Path) -> None:
        tamper(object_uri(checkout.remote, checkout.folder))
        with pytest.raises(HashMismatchError, match=r"\.dir: its version is"):
            pull(churn("data/parts"), checkout.folder, tmp_path / "data")

    def test_a_file_missing_from_a_folder_is_named(self, checkout: Checkout, tmp_path: Path) -> None:
        gone = Path(object_uri(checkout.remote, md5(ROWS.encode()).hexdigest()))  # noqa: S324  DVC's id
        gone.unlink()
        with pytest.raises(StorageError, match=gone.name):
            pull(churn("data/parts"), checkout.folder, tmp_path / "data")
        assert not (tmp_path / "data").exists()

    @pytest.mark.parametrize(
        ("entry", "error", "says"),
        [
            ({"relpath": "../out.csv", "md5": MISSING}, StorageError, "lies outside"),
            ({"relpath": "/out.csv", "md5": MISSING}, StorageError, "lies outside"),
            ({"relpath": "a.csv", "md5": "../../secret"}, DataError, "is no md5"),
        ],
    )
    def test_a_hostile_listing_is_refused_before_any_file_is_fetched(
        self, checkout: Checkout, tmp_path: Path, entry: dict[str, str], error: type[Exception], says: str
    ) -> None:
        raw = json.dumps([entry]).encode()
        version = md5(raw).hexdigest() + ".dir"  # noqa: S324  DVC's id
        path = Path(object_uri(checkout.remote, version))
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(raw)
        with pytest.raises(error, match=says):
            pull(churn("data/parts"), version, tmp_path / "data")
        assert not (tmp_path / "data").exists()
        assert not list(tmp_path.rglob("*.partial"))


@pytest.mark.usefixtures("pod")
def test_from_s3_by_id(bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pushed = make_checkout(tmp_path / "elsewhere", f"{bucket.uri}/dvc", bucket.endpoint)
    monkeypatch.setenv("EVENKEEL_DATA_REMOTE", f"{bucket.uri}/dvc/")
    pull(churn(), pushed.file, tmp_path / "file")
    pull(churn("data/parts"), pushed.folder, tmp_path / "folder")
    assert holds_file(tmp_path / "file")
    assert holds_folder(tmp_path / "folder")
    with pytest.raises(DataError, match=rf"{MISSING}.*{bucket.name}"):
        pull(churn(), MISSING, tmp_path / "none")


# behind Git


@pytest.fixture
def behind_git(checkout: Checkout, pod: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """A bare repository with a tag for the first version and a second version after it."""
    from dvc.repo import Repo

    git(checkout.root, "tag", "first")
    with Repo(str(checkout.root)) as repo:
        with repo.config.edit() as config:
            config["remote"]["origin"]["url"] = checkout.remote
        (checkout.root / "data/churn.csv").write_text("age,left\n1,no\n")
        repo.add([str(checkout.root / "data/churn.csv")])
        repo.push()
    commit(checkout.root)
    git(tmp_path, "clone", "--quiet", "--bare", str(checkout.root), "bare.git")
    shutil.rmtree(checkout.root)
    monkeypatch.setenv("EVENKEEL_DATA_GIT", (tmp_path / "bare.git").as_uri())
    return checkout


def test_git_says_which_version_is_current(behind_git: Checkout, tmp_path: Path) -> None:
    version = pull(churn(), "", tmp_path / "data")
    assert version == data_version(tmp_path / "data/churn.csv") != behind_git.file
    assert (tmp_path / "data/churn.csv").read_text() == "age,left\n1,no\n"


def test_a_revision_is_another_version(
    behind_git: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: Checkout
) -> None:
    monkeypatch.setenv("EVENKEEL_DATA_REV", "first")
    assert Path(made.remote).is_dir()  # where the first revision's own configuration points
    assert pull(churn(), "", tmp_path / "file") == behind_git.file
    assert pull(churn("data/parts"), behind_git.folder, tmp_path / "folder") == behind_git.folder
    assert holds_file(tmp_path / "file")
    assert holds_folder(tmp_path / "folder")


def test_a_version_that_the_revision_does_not_have(behind_git: Checkout, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"version {MISSING}"):
        pull(churn(), MISSING, tmp_path / "data")


@pytest.mark.parametrize(
    ("setting", "value"), [("EVENKEEL_DATA_REV", "no-such-tag"), ("EVENKEEL_DATA_GIT", "file:///no/such.git")]
)
@pytest.mark.usefixtures("behind_git")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # see its last line
def test_unreachable_git_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, value: str) -> None:
    monkeypatch.setenv(setting, value)
    with pytest.raises(DataError, match=r"data/churn\.csv\.dvc cannot be read: .*EVENKEEL_DATA_GIT"):
        pull(churn(), "", tmp_path / "data")
    gc.collect()  # DVC forgets to close the clone in which it did not find a revision; let it be told here


@pytest.mark.usefixtures("behind_git")
def test_a_pointer_that_git_does_not_have_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"other\.csv\.dvc cannot be read"):
        pull(churn("data/other.csv"), "", tmp_path / "data")


# pointers


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("outs: []", "is not a DVC pointer"),
        ("outs:\n- path: x\n", "version_aware"),
        ("{", "is not a DVC pointer"),
        (f"outs:\n- md5: {MISSING}\n  path: x\n", "dvc cache migrate"),
        ("outs:\n- md5: short\n  hash: md5\n", "is not a data version"),
    ],
)
def test_pointers_we_cannot_use_are_told(at_work: Checkout, tmp_path: Path, text: str, says: str) -> None:
    Path("data/churn.csv.dvc").write_text(text)
    with pytest.raises(DataError, match=rf"data/churn\.csv\.dvc: .*{says}"):
        pull(churn(), "", tmp_path / "data")


def tamper(uri: str) -> None:
    path = Path(uri)
    path.chmod(0o644)
    with path.open("ab") as file:
        file.write(b" ")
