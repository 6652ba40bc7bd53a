"""Who may ask: API keys from a file, re-read when it changes.

A line is ``name:sha256`` where sha256 is the hexadecimal digest of the key; the file holds nothing that could be used
to log in. Keys travel as ``Authorization: Bearer <key>`` or ``X-Api-Key: <key>``.
"""

import hashlib
import hmac
import logging
import re
import time
from pathlib import Path

from evenkeel.errors import SettingsError
from serving.problem import RefusedError

_log = logging.getLogger("evenkeel.auth")

_LINE = re.compile(r"([A-Za-z0-9._-]{1,64}):([0-9a-f]{64})")


class Keys:
    """The keys of a file, read again when it changes; one that breaks leaves the last good keys in force."""

    def __init__(self, path: Path, look_seconds: float = 1.0) -> None:
        self._path = path
        self._stamp = self._stat()
        self._keys = read_keys(path)
        self._pause = look_seconds
        self._next = 0.0

    def who(self, headers: dict[bytes, bytes]) -> str:
        """The name of the key that a request carries. Raises RefusedError (401)."""
        self._look()
        given = _given(headers)
        if given is None:
            raise _refusal("send Authorization: Bearer <key> or X-Api-Key")
        digest = hashlib.sha256(given).hexdigest()
        found = None
        for name, known in self._keys.items():  # all of them, so that time tells nothing
            if hmac.compare_digest(known, digest):
                found = name
        if found is None:
            raise _refusal("the key is not known here")
        return found

    def _look(self) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + self._pause
        try:
            stamp = self._stat()
            if stamp != self._stamp:
                self._keys = read_keys(self._path)
                self._stamp = stamp
                _log.info("keys were read again", extra={"keys": len(self._keys)})
        except (SettingsError, OSError) as error:
            _log.error("keys cannot be read again, the last ones stay", extra={"error": str(error)})

    def _stat(self) -> tuple[int, int, int]:
        try:
            stat = self._path.stat()
        except OSError as exc:
            raise SettingsError(f"{self._path}: cannot be read: {exc.strerror}; see --keys") from exc
        return stat.st_mtime_ns, stat.st_size, stat.st_ino


def read_keys(path: Path) -> dict[str, str]:
    """Name -> digest. Raises SettingsError naming the line that is no key; an empty file is an error."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingsError(f"{path}: cannot be read: {exc}; see --keys") from exc
    keys = {}
    for number, line in enumerate(lines, 1):
        if not (text := line.strip()) or text.startswith("#"):
            continue
        if (match := _LINE.fullmatch(text)) is None:
            raise SettingsError(f"{path}:{number}: is not 'name:sha256 of the key in lower-case hexadecimal'")
        keys[match[1]] = match[2]
    if not keys:
        raise SettingsError(f"{path}: holds no key, so nobody could ask; write one, or leave --keys out")
    return keys


def _given(headers: dict[bytes, bytes]) -> bytes | None:
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer" and token:
        return token.strip()
    return headers.get(b"x-api-key")


def _refusal(message: str) -> RefusedError:
    return RefusedError(401, "unauthorized", message, headers=[(b"www-authenticate", b"Bearer")])
