"""Data versions in a DVC remote, read and written without DVC.

A version is DVC's md5 id. A remote (or DVC's own cache) holds a file of id ``abcd...`` at ``files/md5/ab/cd...``;
a folder of id ``abcd....dir`` is a listing there, JSON of the md5 and relative path of each file, and the files.
So whoever knows an id and a remote has the data: no git checkout, no DVC. Checked against DVC itself in the tests.

md5 finds damage and mistakes, not forgers: who may write to the remote decides that.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import yaml

from evenkeel.digest import data_version, directory_listing, directory_object
from evenkeel.errors import DataError, HashMismatchError
from evenkeel.storage import below, copy_in, copy_out, each_of, exists, read_bytes, replacing, write_bytes

CACHE = Path(".dvc", "cache")
"""DVC's own cache below a workspace: laid out as a remote is."""

_VERSION = re.compile(r"[0-9a-f]{32}(\.dir)?")
_DAMAGED = "it was damaged or changed: delete it, push it again from where the data is, and find out who wrote to it"
_FILE = re.compile(r"[0-9a-f]{32}")


def read_pointer(path: Path) -> str:
    """The version that a ``.dvc`` file points at. Raises DataError where there is none that we can use."""
    if not path.is_file():
        data = path.with_suffix("")
        raise DataError(f"{path}: there is no such DVC pointer; make data-add DATA={data} makes one for data you have")
    return parse_pointer(path.read_text(encoding="utf-8"), str(path))


def parse_pointer(text: str, name: str) -> str:
    """The version that the text of a ``.dvc`` file points at; ``name`` is what errors call it. Raises DataError."""
    try:
        (out,) = yaml.load(text, Loader=yaml.BaseLoader)["outs"]  # noqa: S506  makes nothing but text: ids of digits too
        version = str(out["md5"])
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as exc:
        raise DataError(
            f"{name}: is not a DVC pointer to one file or folder by md5; dvc add the data again"
            " (a version_aware remote keeps no md5 of folders: use a plain one)"
        ) from exc
    if out.get("hash") != "md5":
        raise DataError(f"{name}: was written by DVC 2, whose ids differ; run: dvc cache migrate --dvc-files")
    return check_version(version, name)


def check_version(version: str, name: str) -> str:
    """The version, if it has the form of one. Raises DataError that says where it came from (``name``)."""
    if not _VERSION.fullmatch(version):
        raise DataError(f"{name}: {version!r} is not a data version; it is 32 hex digits, with .dir for a folder")
    return version


def object_uri(remote: str | Path, version: str) -> str:
    """Where a remote holds an object."""
    return f"{str(remote).rstrip('/')}/files/md5/{version[:2]}/{version[2:]}"


def has_version(remote: str | Path, version: str) -> bool:
    """Whether a remote holds the file, or the folder's listing. Raises StorageError."""
    return exists(object_uri(remote, version))


def fetch_version(remote: str | Path, version: str, path: Path) -> None:
    """Bring a version to ``path``, as file or folder, all of it verified before it appears there.

    Raises StorageError where an object is missing, HashMismatchError where one is not what its name says.
    """
    with replacing(path) as partial:
        if version.endswith(".dir"):
            _fetch_folder(remote, version, partial)
        else:
            _fetch_file(remote, version, partial)


def put_version(path: Path, remote: str | Path) -> str:
    """Put a file or folder into a remote, the listing of a folder last; the version. Raises StorageError."""
    version = data_version(path)
    if has_version(remote, version):
        return version
    if not path.is_dir():
        copy_out(path, object_uri(remote, version))
        return version
    listing = directory_listing(path)
    files = {entry["md5"]: path / entry["relpath"] for entry in listing}
    each_of(list(files), lambda md5: copy_out(files[md5], object_uri(remote, md5)))
    write_bytes(object_uri(remote, version), directory_object(listing))
    return version


def require_version(name: str | Path, found: str, wanted: str, next_step: str) -> None:
    """Raises HashMismatchError where ``name``, the bytes found, have another version than the one wanted."""
    if found != wanted:
        raise HashMismatchError(f"{name}: its version is {found}, not {wanted}; {next_step}")


def _fetch_file(remote: str | Path, version: str, path: Path) -> None:
    uri = object_uri(remote, version)
    copy_in(uri, path)
    require_version(uri, data_version(path), version, _DAMAGED)


def _fetch_folder(remote: str | Path, version: str, folder: Path) -> None:
    uri = object_uri(remote, version)
    files = _read_listing(uri, version, folder)
    folder.mkdir()
    each_of(list(files), lambda name: _fetch_file(remote, files[name], below(folder, name)))


def _read_listing(uri: str, version: str, folder: Path) -> dict[str, str]:
    """Relative path -> md5. Every name is checked before any file is fetched."""
    raw = read_bytes(uri)
    require_version(uri, _listing_version(raw), version, _DAMAGED)
    entries: list[dict[str, Any]] = json.loads(raw)
    files = {entry["relpath"]: entry["md5"] for entry in entries}
    for name, md5 in files.items():
        below(folder, name)
        if not _FILE.fullmatch(md5):
            raise DataError(f"{uri}: gives {name!r} the version {md5!r}, which is no md5; push the data again")
    return files


def _listing_version(raw: bytes) -> str:
    return hashlib.md5(raw, usedforsecurity=False).hexdigest() + ".dir"
