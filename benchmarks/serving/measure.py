"""What is measured of one running server."""

import json
import shutil
import statistics
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.serving.environment import UnavailableError
from benchmarks.serving.model import Workload
from benchmarks.serving.process import Server, read_json
from benchmarks.serving.protocol import PROTOCOLS, encode


class Load(NamedTuple):
    """What is asked: as fast as it is answered, or with a pause on each connection."""

    rows: int
    """A request."""
    connections: int
    pause_ms: int = 0
    """On average, before each request."""

    @property
    def key(self) -> str:
        """Its name in results."""
        return f"{self.rows}x{self.connections}" + f"x{self.pause_ms}" * (self.pause_ms > 0)

    @property
    def title(self) -> str:
        """Its name in tables."""
        pace = f", {self.connections * 1000 // self.pause_ms} requests/s" if self.pause_ms else ""
        return f"{self.rows} row{'s' * (self.rows > 1)}, c={self.connections}{pace}"


LOADS = (Load(1, 1), Load(1, 8), Load(1, 64), Load(100, 8), Load(100, 64))
MODERATE = Load(1, 8, 200)
"""Half of what the slowest peers can answer, so that it tells of waiting, not of a queue."""
_BODIES = 16
_SCRIPT = Path(__file__).parent / "wrk.lua"


@dataclass(frozen=True)
class Asked:
    """The files of bodies that a server is asked with, by rows a request."""

    folder: Path
    protocol: str
    workload: Workload

    def file(self, rows: int) -> Path:
        """Different bodies of so many rows, one a line; made on the first call."""
        path = self.folder / f"{self.protocol}-{rows}.jsonl"
        if not path.is_file():
            count = _BODIES if rows <= 1000 else 2
            bodies = [encode(self.protocol, self.workload.rows(rows, 100 + seed)) for seed in range(count)]
            path.write_text("\n".join(bodies) + "\n", encoding="utf-8")
        return path


def check_answers(server: Server, workload: Workload, labels: list[int]) -> float:
    """The share of 100 rows for which the server says what scikit-learn says. Raises UnavailableError below 0.9.

    Ours is another model (its threshold is tuned, its encoder its own), so it need not be 1; what must not happen is
    that a fast server answers something else.
    """
    status, content = server.ask(encode(server.peer.protocol, workload.rows(len(labels), 3)))
    if status != 200:
        raise UnavailableError(f"answers {status}: {content[:300]!r}")
    answered = PROTOCOLS[server.peer.protocol].labels(read_json(content))
    if len(answered) != len(labels):
        raise UnavailableError(f"gives {len(answered)} labels for {len(labels)} rows")
    share = statistics.mean(a == b for a, b in zip(answered, labels, strict=True))
    if share < 0.9:
        raise UnavailableError(f"agrees with scikit-learn on {share:.0%} of the rows only")
    return share


def ask(server: Server, asked: Asked, load: Load, seconds: float) -> dict[str, float]:
    """Requests/s, p50 and p99 in ms, and failed requests of one wrk thread."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise SystemExit("wrk is not installed: apt-get install wrk (Debian, Ubuntu), brew install wrk (macOS)")
    url = f"http://127.0.0.1:{server.port}{server.peer.path}"
    how = ("-t1", f"-c{load.connections}", f"-d{max(1, round(seconds))}s", "--timeout", "30s", "-s", str(_SCRIPT), url)
    words = [wrk, *how, "--", str(asked.file(load.rows)), str(load.pause_ms)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=seconds + 60, check=False)
    if done.returncode:
        raise UnavailableError(f"wrk: {done.stderr or done.stdout}")
    said: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return {
        "rps": said["requests"] / said["seconds"],
        "p50_ms": said["p50_ms"],
        "p99_ms": said["p99_ms"],
        "bad": said["bad"],
    }


def probe_under_load(server: Server, asked: Asked, seconds: float) -> dict[str, float]:
    """Median and worst latency in ms of the health page, asked twenty times a second beside 64 busy connections."""
    busy = threading.Thread(target=ask, args=(server, asked, Load(1, 64), seconds))
    busy.start()
    time.sleep(0.2)
    waits = []
    while busy.is_alive():
        waits.append(server.probe() * 1e3)
        time.sleep(0.05)
    busy.join()
    return {"p50_ms": statistics.median(waits), "max_ms": max(waits)}


def latency(server: Server, body: str, seconds: float) -> float:
    """Median milliseconds of one request after another over new connections."""
    waits: list[float] = []
    end = time.monotonic() + seconds
    while len(waits) < 5 or (time.monotonic() < end and len(waits) < 500):
        started = time.perf_counter()
        status, content = server.ask(body)
        waits.append((time.perf_counter() - started) * 1e3)
        if status != 200:
            raise UnavailableError(f"answers {status}: {content[:200]!r}")
    return statistics.median(waits)
