"""Digests: sha256 for what we make, md5 exactly as DVC computes it for data versions."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_CHUNK = 1 << 20


def canonical_json(value: Any) -> bytes:
    """The one byte form of a JSON value: sorted keys, no spaces, UTF-8, NaN refused."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def json_digest(value: Any) -> str:
    """Hex sha256 of a JSON value's canonical form."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def file_sha256(path: Path) -> str:
    """Hex sha256 of a file's bytes."""
    return _file_hash(path, "sha256")


def data_version(path: Path) -> str:
    """The version id DVC gives a file or folder.

    A file's id is its md5; a folder's is the md5 of its sorted listing with ``.dir`` behind it
    (the format of ``dvc add``; checked against DVC itself in the tests).
    """
    if path.is_dir():
        return directory_version(directory_listing(path))
    return _file_hash(path, "md5")


def directory_listing(path: Path) -> list[dict[str, str]]:
    """DVC's listing of a folder: md5 and POSIX path of each file below it, in path order."""
    files = sorted(_files(path), key=lambda file: file.relative_to(path).as_posix())
    return [{"md5": _file_hash(file, "md5"), "relpath": file.relative_to(path).as_posix()} for file in files]


def directory_version(listing: list[dict[str, str]]) -> str:
    """The version id of a folder with this listing."""
    return hashlib.md5(directory_object(listing), usedforsecurity=False).hexdigest() + ".dir"


def directory_object(listing: list[dict[str, str]]) -> bytes:
    """The bytes DVC stores for a folder's listing."""
    return json.dumps(listing, sort_keys=True).encode()


def _files(path: Path) -> Iterator[Path]:
    return (file for file in path.rglob("*") if file.is_file())


def _file_hash(path: Path, name: str) -> str:
    digest = hashlib.new(name, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
