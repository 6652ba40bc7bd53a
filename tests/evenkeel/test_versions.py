"""What we put into a remote, DVC pulls: files and folders, on disk and on S3."""

from pathlib import Path

import pytest
from dvc.repo import Repo

from evenkeel.digest import data_version
from evenkeel.errors import HashMismatchError
from evenkeel.storage import list_below, write_bytes
from evenkeel.versions import fetch_version, has_version, object_uri, put_version
from tests.s3 import Bucket

FILES = {"a.csv": "1", "deep/er/b c.csv": "2", "å.csv": "", "twin.csv": "1"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        write_bytes(tmp_path / "source/parts" / name, text.encode())
    return tmp_path / "source/parts"


@pytest.fixture(params=["disk", "s3"])
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, dict[str, str]]:
    """A remote, and what DVC is told about it."""
    if request.param == "disk":
        return str(tmp_path / "remote"), {"url": str(tmp_path / "remote")}
    bucket: Bucket = request.getfixturevalue("bucket")
    return f"{bucket.uri}/x", {"url": f"{bucket.uri}/x", "endpointurl": bucket.endpoint}


def test_dvc_pulls_what_we_put(folder: Path, remote: tuple[str, dict[str, str]], tmp_path: Path) -> None:
    uri, told = remote
    version = put_version(folder, uri)
    assert version == put_version(folder, uri) == data_version(folder)
    assert has_version(uri, version)
    work = tmp_path / "work"
    work.mkdir()
    (work / "parts.dvc").write_text(f"outs:\n- md5: {version}\n  hash: md5\n  path: parts\n")
    Repo.init(str(work), no_scm=True).close()
    with Repo(str(work), config={"core": {"remote": "r", "no_scm": True}, "remote": {"r": told}}) as repo:
        repo.pull()
    assert {name: (work / "parts" / name).read_text() for name in list_below(work / "parts")} == FILES


def test_what_we_put_comes_back(folder: Path, remote: tuple[str, dict[str, str]], tmp_path: Path) -> None:
    uri, _ = remote
    fetch_version(uri, put_version(folder, uri), tmp_path / "back")
    assert data_version(tmp_path / "back") == data_version(folder)
    fetch_version(uri, put_version(folder / "a.csv", uri), tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == "1"


def test_other_bytes_under_a_name_are_refused(folder: Path, remote: tuple[str, dict[str, str]], tmp_path: Path) -> None:
    uri, _ = remote
    version = put_version(folder / "a.csv", uri)
    write_bytes(object_uri(uri, version), b"other")
    with pytest.raises(HashMismatchError, match=rf"{version[2:]}: its version is \w+, not {version}; it was damaged"):
        fetch_version(uri, version, tmp_path / "back")
    assert not (tmp_path / "back").exists()
