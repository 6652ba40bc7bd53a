"""What is measured of one running server."""

import json
import shutil
import statistics
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.serving.environment import UnavailableError
from benchmarks.serving.model import Workload
from benchmarks.serving.process import Server, read_json
from benchmarks.serving.protocol import PROTOCOLS, encode

LOADS = ((1, 1), (1, 8), (1, 64), (100, 8), (100, 64))
"""Rows a request, connections."""
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


def load(server: Server, bodies: Path, connections: int, seconds: float) -> dict[str, float]:
    """Requests/s, p50 and p99 in ms, and failed requests: one wrk thread that asks as fast as it is answered."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise SystemExit("wrk is not installed: apt-get install wrk (Debian, Ubuntu), brew install wrk (macOS)")
    url = f"http://127.0.0.1:{server.port}{server.peer.path}"
    words = [
        wrk,
        "-t1",
        f"-c{connections}",
        f"-d{max(1, round(seconds))}s",
        "--timeout",
        "30s",
        "-s",
        str(_SCRIPT),
        url,
    ]
    done = subprocess.run(
        [*words, "--", str(bodies)], capture_output=True, text=True, timeout=seconds + 60, check=False
    )
    if done.returncode:
        raise UnavailableError(f"wrk: {done.stderr or done.stdout}")
    said: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return {
        "rps": said["requests"] / said["seconds"],
        "p50_ms": said["p50_ms"],
        "p99_ms": said["p99_ms"],
        "bad": said["bad"],
    }


def probe_under_load(server: Server, bodies: Path, seconds: float) -> dict[str, float]:
    """Median and worst latency in ms of the health page, asked twenty times a second beside 64 busy connections."""
    busy = threading.Thread(target=load, args=(server, bodies, 64, seconds))
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
