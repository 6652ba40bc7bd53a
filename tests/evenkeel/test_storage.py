"""Files and S3 through one door: the same behaviour on both, all or nothing, errors that help."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evenkeel.errors import StorageError
from evenkeel.storage import (
    below,
    copy_in,
    copy_out,
    delete,
    exists,
    list_below,
    list_folders,
    read_bytes,
    replacing,
    write_bytes,
)
from tests.s3 import Bucket

Place = Callable[[str], str]


@pytest.fixture(params=["path", "file", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A name -> a URI in an empty place of each kind."""
    if request.param == "s3":
        bucket: Bucket = request.getfixturevalue("bucket")
        return lambda name: f"{bucket.uri}/some/{name}"
    root = tmp_path / "a place"
    return lambda name: str(root / name) if request.param == "path" else (root / name).as_uri()


def test_bytes_come_back(place: Place) -> None:
    assert not exists(place("x.bin"))
    write_bytes(place("x.bin"), b"one")
    write_bytes(place("x.bin"), b"two")
    assert read_bytes(place("x.bin")) == b"two"
    assert exists(place("x.bin"))
    assert not exists(place("x.bi"))


def test_a_folder_goes_out_and_comes_in(place: Place, tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name in ("b.txt", "deep/er/a.txt", "empty"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name if name != "empty" else "")
    copy_out(source, place("model"))
    write_bytes(place("model-2/other"), b"not in it")
    assert list_below(place("model")) == ["b.txt", "deep/er/a.txt", "empty"]
    assert exists(place("model"))
    copy_in(place("model"), tmp_path / "target")
    assert list_below(tmp_path / "target") == list_below(source)
    assert (tmp_path / "target/deep/er/a.txt").read_text() == "deep/er/a.txt"


def test_folders_are_listed_one_level_deep(place: Place) -> None:
    assert list_folders(place("models")) == []
    for name in ("models/b/1/x", "models/a/y", "models/file", "models-2/c/x"):
        write_bytes(place(name), b"")
    assert list_folders(place("models")) == ["a", "b"]


def test_a_folder_that_is_being_written_is_not_listed(tmp_path: Path) -> None:
    with replacing(tmp_path / "models" / "a") as partial:
        partial.mkdir()
        assert list_folders(tmp_path / "models") == []
    assert list_folders(tmp_path / "models") == ["a"]


def test_what_is_deleted_is_gone_and_may_be_deleted_again(place: Place) -> None:
    write_bytes(place("x/one"), b"")
    write_bytes(place("x/one-two"), b"")
    for _ in range(2):
        delete(place("x/one"))
        assert list_below(place("x")) == ["one-two"]


def test_a_file_goes_out_and_comes_in(place: Place, tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"\0" * 100_000)
    copy_out(tmp_path / "one", place("a/one"))
    copy_in(place("a/one"), tmp_path / "new/place/one")
    assert (tmp_path / "new/place/one").read_bytes() == b"\0" * 100_000


def test_what_is_not_there_is_named(place: Place, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"nothing: .*(check)"):
        read_bytes(place("nothing"))
    with pytest.raises(StorageError, match=r"nothing: .*(check)"):
        copy_in(place("nothing"), tmp_path / "target")
    assert list_below(place("nothing")) == []
    assert not exists(place("nothing"))
    assert list(tmp_path.rglob("*.partial")) == []
    assert not (tmp_path / "target").exists()


def test_coming_in_replaces_a_folder_wholly(place: Place, tmp_path: Path) -> None:
    write_bytes(place("new/one"), b"1")
    target = tmp_path / "target"
    target.mkdir()
    (target / "old").write_text("old")
    copy_in(place("new"), target)
    assert list_below(target) == ["one"]
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


def test_failure_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def fail() -> None:
        with replacing(path) as partial:
            partial.write_text("ne")
            assert list_below(tmp_path) == ["file"]  # what is being written is nobody's business yet
            raise KeyError("power cut")

    with pytest.raises(KeyError, match="power cut"):
        fail()
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_readers_see_one_write_or_the_other(tmp_path: Path) -> None:
    path = tmp_path / "record"
    versions = [bytes([digit]) * 200_000 for digit in b"01"]
    write_bytes(path, versions[0])
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            for version in versions:
                write_bytes(path, version)

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        assert all(read_bytes(path) in versions for _ in range(200))
    finally:
        stop.set()
        for writer in writers:
            writer.join()


def test_files_are_readable_as_the_umask_says(tmp_path: Path) -> None:
    umask = os.umask(0o022)
    try:
        write_bytes(tmp_path / "file", b"")
    finally:
        os.umask(umask)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/passwd", "", "a\\..\\x", "a\0b", ".."])
def test_names_from_outside_stay_below(name: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="lies outside"):
        below(tmp_path, name)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # the folder is only a name here
@given(st.text(alphabet="./\\a\0~", max_size=8))
def test_no_name_leads_outside(tmp_path: Path, name: str) -> None:
    try:
        path = below(tmp_path, name)
    except StorageError:
        return
    assert path.resolve().is_relative_to(tmp_path.resolve())


def test_an_object_whose_name_climbs_is_refused(bucket: Bucket, tmp_path: Path) -> None:
    write_bytes(f"{bucket.uri}/model/../../outside", b"x")
    with pytest.raises(StorageError, match="lies outside"):
        copy_in(f"{bucket.uri}/model", tmp_path / "deep" / "model")
    assert list_below(tmp_path) == []


@pytest.mark.parametrize(
    ("uri", "says"),
    [("gs://bucket/x", "give a path, file:// or s3://"), ("s3:///x", "names no bucket")],
)
def test_places_we_cannot_read_are_refused(uri: str, says: str) -> None:
    with pytest.raises(StorageError, match=says):
        read_bytes(uri)


def test_a_missing_bucket_is_told(bucket: Bucket, tmp_path: Path) -> None:
    (tmp_path / "one").touch()
    for use in (
        lambda: read_bytes("s3://no-such-bucket/x"),
        lambda: copy_out(tmp_path / "one", "s3://no-such-bucket/x"),
        lambda: list_below("s3://no-such-bucket/x"),
    ):
        with pytest.raises(StorageError, match=r"bucket does not exist.*EVENKEEL_S3_ENDPOINT"):
            use()


def test_missing_credentials_are_told(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    # another spelling of the same endpoint, because a client keeps the credentials it was made with
    monkeypatch.setenv("EVENKEEL_S3_ENDPOINT", bucket.endpoint.replace("127.0.0.1", "localhost"))
    with pytest.raises(StorageError, match=r"no usable AWS credentials.*AWS_PROFILE"):
        read_bytes(f"{bucket.uri}/x")


def test_a_silent_endpoint_is_told(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENKEEL_S3_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(StorageError, match=r"does not answer.*EVENKEEL_S3_ENDPOINT"):
        read_bytes(f"{bucket.uri}/x")


def test_an_unwritable_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="check the path"):
        write_bytes(tmp_path / "file" / "below", b"")
