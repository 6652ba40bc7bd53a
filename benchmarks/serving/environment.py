"""An environment for each peer, made once below .evenkeel/bench, by uv where it is found, else by pip."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.serving.peers import Peer

REPOSITORY = Path(__file__).resolve().parents[2]


class UnavailableError(Exception):
    """A peer that cannot be installed, started or made to answer here. It is reported, not guessed."""


def python_for(peer: Peer, home: Path) -> Path:
    """The interpreter of a peer's environment, which holds exactly the pinned packages and what they need.

    Raises UnavailableError with the installer's last words.
    """
    if peer.environment is None:
        return Path(sys.executable)
    folder = home / "environments" / peer.environment
    python, made = folder / "bin" / "python", folder / "made.json"
    wanted = json.dumps(peer.packages)
    if made.is_file() and made.read_text(encoding="utf-8") == wanted:
        return python
    print(f"installing {', '.join(peer.packages)}", file=sys.stderr)
    _run([sys.executable, "-m", "venv", "--clear", str(folder)])
    if uv := _uv():
        _run([uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python), *peer.packages])
    else:
        _run([str(python), "-m", "pip", "install", "--quiet", *peer.packages])
    made.write_text(wanted, encoding="utf-8")
    return python


def _uv() -> str | None:
    """On the PATH, or the one that tools/bootstrap put beside our packages."""
    return shutil.which("uv") or shutil.which(REPOSITORY / ".venv" / "uv" / "bin" / "uv")


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise UnavailableError(" ".join(done.stderr.split())[-300:])
