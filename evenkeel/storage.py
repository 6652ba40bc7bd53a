"""The one door for files and S3.

A URI is a path, ``file:///...`` or ``s3://bucket/key``. Whatever is written locally is written beside its place and
renamed into it, so that a reader sees all of it or none. An S3 object is whole or absent by itself; a folder
on S3 is as many objects as it has files, and no more atomic than that.

Credentials come from where boto3 looks for them (AWS_PROFILE, AWS_ACCESS_KEY_ID, a pod's role); the endpoint from
EVENKEEL_S3_ENDPOINT, else AWS_ENDPOINT_URL_S3, else AWS.
"""

import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from evenkeel.errors import StorageError
from evenkeel.settings import read_s3_endpoint

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PARTIAL = re.compile(r"\..*\.partial")
"""Names of what is still being written."""
_THREADS = 8
"""Requests in flight while a folder is copied: latency, not bandwidth, bounds small objects."""


def read_bytes(uri: str | Path) -> bytes:
    """The bytes of a file or object. Raises StorageError where it is missing or may not be read."""
    if s3 := _s3(uri):
        with _told(uri):
            return _client().get_object(Bucket=s3.bucket, Key=s3.key)["Body"].read()
    with _told(uri):
        return _local(uri).read_bytes()


def write_bytes(uri: str | Path, data: bytes) -> None:
    """Write a file or object, whole or not at all; folders are made on the way. Raises StorageError."""
    with _told(uri):
        if s3 := _s3(uri):
            _client().put_object(Bucket=s3.bucket, Key=s3.key, Body=data)
        else:
            with replacing(_local(uri)) as partial:
                partial.write_bytes(data)


def exists(uri: str | Path) -> bool:
    """Whether there is a file, folder or object; on S3 a folder is where objects lie below. Raises StorageError."""
    with _told(uri):
        if s3 := _s3(uri):
            # a key sorts before all keys that it is a prefix of, so the first of each listing decides
            return s3.key in _first(s3.bucket, s3.key) or bool(_first(s3.bucket, s3.below))
        return _local(uri).exists()


def list_below(uri: str | Path) -> list[str]:
    """POSIX names, relative to the folder, of all files below it at any depth, sorted; empty where there is none."""
    with _told(uri):
        if s3 := _s3(uri):
            keys = _keys(s3.bucket, s3.below)
            return sorted(key.removeprefix(s3.below) for key in keys if not key.endswith("/"))
        return sorted(_walk(_local(uri)))


def list_folders(uri: str | Path) -> list[str]:
    """Names of the folders directly below, sorted; empty where there is none. Raises StorageError."""
    with _told(uri):
        if s3 := _s3(uri):
            pages = (
                _client().get_paginator("list_objects_v2").paginate(Bucket=s3.bucket, Prefix=s3.below, Delimiter="/")
            )
            found = [each["Prefix"] for page in pages for each in page.get("CommonPrefixes", [])]
            return sorted(prefix.removeprefix(s3.below).rstrip("/") for prefix in found)
        folder = _local(uri)
        names = [each.name for each in folder.iterdir() if each.is_dir()] if folder.is_dir() else []
        return sorted(name for name in names if not _PARTIAL.match(name))


def delete(uri: str | Path) -> None:
    """Remove a file or object; nothing where there is none. Raises StorageError."""
    with _told(uri):
        if s3 := _s3(uri):
            _client().delete_object(Bucket=s3.bucket, Key=s3.key)
        else:
            _local(uri).unlink(missing_ok=True)


def copy_in(uri: str | Path, path: Path) -> None:
    """Fetch a file or folder to ``path``, replacing what is there only when all of it has come. Raises StorageError."""
    with _told(uri):
        if s3 := _s3(uri):
            with replacing(path) as partial:
                _download(s3, partial)
        else:
            _copy(_local(uri), path)


def copy_out(path: Path, uri: str | Path) -> None:
    """Bring a file or folder to ``uri``. Raises StorageError.

    Locally it replaces what is there; on S3 files of the same names are overwritten and others stay.
    """
    with _told(uri):
        if s3 := _s3(uri):
            _upload(path, s3)
        else:
            _copy(path, _local(uri))


def below(folder: Path, name: str) -> Path:
    """``folder / name`` for a relative POSIX name from outside. Raises StorageError where it would lie elsewhere."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or "\\" in name or "\0" in name or ".." in parts:
        raise StorageError(f"{folder}: refuses the file name {name!r}, which lies outside of it; who wrote it?")
    return folder.joinpath(*parts)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A free path beside ``path`` to write a file or folder at; renamed to ``path`` at the end, removed on failure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _beside(path)
    try:
        yield partial
        if path.is_dir():  # a folder cannot be renamed over a full one
            old = path.rename(_beside(path))
            partial.rename(path)
            _remove(old)
        else:
            partial.replace(path)
    finally:
        _remove(partial)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.partial")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _copy(source: Path, path: Path) -> None:
    with replacing(path) as partial:
        if source.is_dir():
            shutil.copytree(source, partial)
        else:
            shutil.copyfile(source, partial)


class _S3(NamedTuple):
    """A place on S3."""

    bucket: str
    key: str

    @property
    def below(self) -> str:
        """The prefix of what lies below, as of a folder."""
        return f"{self.key.rstrip('/')}/" if self.key else ""


def _s3(uri: str | Path) -> _S3 | None:
    """The place on S3 that a URI names, None for one on disk."""
    text = str(uri)
    if not text.startswith("s3://"):
        return None
    bucket, _, key = text.removeprefix("s3://").partition("/")
    if not bucket:
        raise StorageError(f"{text}: names no bucket; write s3://bucket/key")
    return _S3(bucket, key)


def _local(uri: str | Path) -> Path:
    if isinstance(uri, Path):
        return uri
    scheme, separator, _ = uri.partition("://")
    if not separator:
        return Path(uri)
    if scheme != "file":
        raise StorageError(f"{uri}: {scheme}:// is not a place that can be read; give a path, file:// or s3://")
    return Path(unquote(urlsplit(uri).path))


def _client() -> "S3Client":
    return _connect(read_s3_endpoint(), os.getpid())


@lru_cache(maxsize=4)
def _connect(endpoint: str | None, _process: int) -> "S3Client":
    """One client per endpoint and process: making one takes 0.1 s, and its sockets must not cross a fork."""
    try:
        import boto3
        from botocore.config import Config
    except ModuleNotFoundError as exc:
        raise StorageError("s3:// needs boto3, which is not installed here: install the extra 'components'") from exc

    config = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "max_attempts": 3})
    return boto3.session.Session().client("s3", endpoint_url=endpoint, config=config)


def _walk(folder: Path) -> Iterator[str]:
    """Names of all files; whoever scrapes results lists ten thousands, so nothing is asked of a single one."""
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not _PARTIAL.match(name)]
        inside = Path(place).relative_to(folder).as_posix()
        prefix = "" if inside == "." else f"{inside}/"
        yield from (prefix + name for name in files if not _PARTIAL.match(name))


def _keys(bucket: str, prefix: str) -> Iterator[str]:
    for page in _client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", []):
            yield entry["Key"]


def _first(bucket: str, prefix: str) -> list[str]:
    """The first key that starts with the prefix, in a list; an empty list where there is none."""
    page = _client().list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
    return [entry["Key"] for entry in page.get("Contents", [])]


def _download(place: _S3, path: Path) -> None:
    """The object, or where there is none of this very name the objects below it."""
    try:
        _client().download_file(place.bucket, place.key, str(path))
    except _client().exceptions.ClientError as exc:
        names = list_below(f"s3://{place.bucket}/{place.key}") if exc.response["Error"]["Code"] == "404" else []
        if not names:
            raise
        files = {name: below(path, name) for name in names}
        for folder in {file.parent for file in files.values()}:
            folder.mkdir(parents=True, exist_ok=True)
        each_of(names, lambda name: _client().download_file(place.bucket, place.below + name, str(files[name])))


def _upload(path: Path, place: _S3) -> None:
    if not path.is_dir():
        _client().upload_file(str(path), place.bucket, place.key)
        return
    each_of(list_below(path), lambda name: _client().upload_file(str(path / name), place.bucket, place.below + name))


def each_of(names: list[str], work: Callable[[str], None]) -> None:
    """Do the work for each name, several at a time. The first error is raised when those under way have ended."""
    with ThreadPoolExecutor(_THREADS) as pool:
        for done in [pool.submit(work, name) for name in names]:
            done.result()


@contextmanager
def _told(uri: str | Path) -> Iterator[None]:
    """Turn what the system or boto3 says into a StorageError that names the place and the next step."""
    try:
        yield
    except OSError as exc:
        raise StorageError(f"{uri}: {exc.strerror or exc}; check the path and who may read and write it") from exc
    except Exception as exc:
        if not type(exc).__module__.startswith(("botocore.", "boto3.", "s3transfer.")):
            raise
        raise StorageError(f"{uri}: {_advice(exc)}") from exc


def _advice(exc: Exception) -> str:
    """What an S3 error means and what to do about it."""
    if type(exc).__name__ == "S3UploadFailedError" and isinstance(exc.__context__, Exception):
        exc = exc.__context__  # boto3 wraps what S3 said in a sentence
    name = type(exc).__name__
    code = str(getattr(exc, "response", {}).get("Error", {}).get("Code", ""))
    if code in {"404", "NoSuchKey"}:
        return "does not exist; check the key, and that the writer used the same bucket"
    if code == "NoSuchBucket":
        return "the bucket does not exist at this endpoint; check the name and EVENKEEL_S3_ENDPOINT"
    if code in {"403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"}:
        return f"access was refused ({code}); check the credentials or role, and the bucket's policy"
    if name in {"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound"}:
        return f"there are no usable AWS credentials ({exc}); set AWS_PROFILE or AWS_ACCESS_KEY_ID, or give a role"
    if name in {"EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError"}:
        return f"S3 does not answer ({exc}); check EVENKEEL_S3_ENDPOINT and the network"
    return f"S3 says {exc}; see the bucket's policy and region"
