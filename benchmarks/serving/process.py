"""A server as a process group of its own: started, asked, weighed, stopped."""

import http.client
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.serving.environment import REPOSITORY, UnavailableError
from benchmarks.serving.peers import Peer

APPS = Path(__file__).parent / "apps"
_START_SECONDS = 90
_STOP_SECONDS = 15


class Server:
    """A running peer."""

    def __init__(self, peer: Peer, process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
        self.peer = peer
        self.port = port
        self._process = process
        self._log = log

    def ask(self, body: str) -> tuple[int, bytes]:
        """Status and content of one prediction."""
        return self._request("POST", self.peer.path, body)

    def probe(self) -> float:
        """Seconds until its health page answered, over a new connection; infinite where it failed."""
        started = time.perf_counter()
        try:
            status, _ = self._request("GET", self.peer.live)
        except OSError:
            return float("inf")
        return time.perf_counter() - started if status == 200 else float("inf")

    def wait(self, body: str) -> None:
        """Until a prediction is answered. Raises UnavailableError with the end of its log."""
        end = time.monotonic() + _START_SECONDS
        answer: Any = "no answer"
        while time.monotonic() < end and self._process.poll() is None:
            try:
                status, answer = self.ask(body)
                if status == 200:
                    return
            except OSError:
                pass  # not listening yet
            time.sleep(0.02)
        log = self._log.read_text(encoding="utf-8", errors="replace")
        raise UnavailableError(f"did not answer: {answer!r:.300}; its log ends: {log[-600:]}")

    def megabytes(self) -> float:
        """Resident memory of all its processes, shared pages counted once (PSS)."""
        return sum(_pss(process.pid) for process in _family(self._process.pid)) / 1e6

    def stop(self) -> None:
        """SIGTERM to its parent, then SIGKILL to whatever of its family is left."""
        family = _family(self._process.pid)
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        family |= _family(self._process.pid)
        while left := family & _processes():
            for process in left:
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
            time.sleep(0.01)

    def _request(self, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except http.client.HTTPException as exc:
            raise ConnectionError(str(exc)) from exc
        finally:
            connection.close()


@contextmanager
def running(peer: Peer, python: Path, folder: Path, places: Mapping[str, str]) -> Iterator[Server]:
    """The peer's server in ``folder``; gone at the end with all its children."""
    folder.mkdir(parents=True, exist_ok=True)
    port, port2, port3 = _free_ports(3)
    known = {**places, "python": str(python), "bin": str(python.parent), "apps": str(APPS), "folder": str(folder)}
    known |= {"port": str(port), "port2": str(port2), "port3": str(port3)}
    for name, content in peer.files.items():
        (folder / name).write_text(content.format(**known), encoding="utf-8")
    environment = _environment(peer, python, folder, places)
    log = folder / "server.log"
    with log.open("wb") as out:
        marker = folder / "prepared"
        if peer.prepare and not marker.is_file():
            _prepare([word.format(**known) for word in peer.prepare], environment, folder)
            marker.touch()
        command = [word.format(**known) for word in peer.command]
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=out, start_new_session=True)
    server = Server(peer, process, port, log)
    try:
        yield server
    finally:
        server.stop()


def _prepare(command: list[str], environment: dict[str, str], folder: Path) -> None:
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode:
        raise UnavailableError(done.stderr[-300:])


def _environment(peer: Peer, python: Path, folder: Path, places: Mapping[str, str]) -> dict[str, str]:
    """One thread for each numeric library, for all alike; no telemetry; nothing of the caller's beyond the PATH."""
    environment = {"PATH": f"{python.parent}:{os.environ['PATH']}", "HOME": str(folder), "OMP_NUM_THREADS": "1"}
    environment |= {"DO_NOT_TRACK": "1", "BENTOML_DO_NOT_TRACK": "True", "MLFLOW_DISABLE_TELEMETRY": "true"}
    environment |= {"BENTOML_HOME": str(folder), "EVENKEEL_BENCH_MODEL": places["model"], "EVENKEEL_HOME": str(folder)}
    return environment | {"PYTHONPATH": str(REPOSITORY if peer.environment is None else APPS)}


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


class Process(NamedTuple):
    """A living process; with the time of its start, as ids are used again."""

    pid: int
    parent: int
    session: int
    started: int

    def __eq__(self, other: object) -> bool:
        """Its parent changes when it is orphaned."""
        return isinstance(other, Process) and (self.pid, self.started) == (other.pid, other.started)

    def __hash__(self) -> int:
        return hash((self.pid, self.started))


def _family(leader: int) -> set[Process]:
    """A server, its descendants, and its orphans: children stay in the session, unless they make their own."""
    alive = _processes()
    family = {process for process in alive if leader in (process.pid, process.session)}
    while more := {process for process in alive - family if process.parent in {known.pid for known in family}}:
        family |= more
    return family


def _processes() -> set[Process]:
    found = set()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue  # ended meanwhile
        if fields[0] != "Z":
            found.add(Process(int(entry.parent.name), int(fields[1]), int(fields[3]), int(fields[19])))
    return found


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0  # ended meanwhile
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def read_json(content: bytes) -> Any:
    """An answer's JSON. Raises UnavailableError where it is something else."""
    try:
        return json.loads(content)
    except ValueError as exc:
        raise UnavailableError(f"its answer is not JSON: {content[:100]!r}") from exc
