"""What a scrape of the exporter costs: ``python -m benchmarks.exporter [MODELS] [FEATURES] [WINDOWS]``.

Starts ``python -m monitoring exporter`` over results of that many released models, each with a number of windows
already checked, and scrapes it as Prometheus does (gzip). Prints series, bytes, seconds of the first and of the median
of ten scrapes, and the process's resident memory before and after.
"""

import argparse
import datetime as dt
import gzip
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from evenkeel.release import Release
from monitoring.result import ColumnResult, Performance, WindowResult
from monitoring.results import result_uri, write_result

NOW = dt.datetime(2026, 1, 31, tzinfo=dt.UTC)


def result(project: str, features: int) -> WindowResult:
    """A window of which every tenth feature moved."""
    columns = {
        f"feature_{i}": ColumnResult(
            score=0.001 * i,
            threshold=0.1,
            method="calibrated",
            p_value=0.01,
            distance=0.002 * i,
            moved=i % 10 == 0,
            missing_share=0.01,
            reference_missing_share=0.01,
        )
        for i in range(features)
    }
    return WindowResult(
        project=project,
        version="7",
        digest="a" * 64,
        start=NOW - dt.timedelta(hours=1),
        end=NOW,
        rows=5000,
        features=columns,
        prediction=columns["feature_1"],
        performance=Performance(state="unknown", metric="roc_auc", baseline=0.8),
        checked_at=NOW,
        seconds=1.0,
    )


def prepare(home: Path, models: int, features: int, windows: int) -> None:
    """Results and release records; of earlier windows only the names matter."""
    for number in range(models):
        newest = result(f"model-{number}", features)
        path = write_result(home / "monitoring", newest)
        for hour in range(1, windows):
            earlier = newest.model_copy(update={"end": NOW - dt.timedelta(hours=hour)})
            os.link(path, result_uri(home / "monitoring", earlier))
        record = Release(
            project=newest.project,
            version="7",
            digest="a" * 64,
            certificate="b" * 64,
            bundle="s3://elsewhere/a",
            data_version="d",
            released_at=NOW,
        )
        folder = home / "releases" / newest.project
        folder.mkdir(parents=True)
        (folder / "release.json").write_text(record.model_dump_json(), encoding="utf-8")


def scrape(url: str) -> tuple[float, bytes]:
    """Seconds, and the compressed body."""
    started = time.perf_counter()
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})  # noqa: S310  our own process
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        body: bytes = answer.read()
    return time.perf_counter() - started, body


def resident_mb(process: int) -> float:
    """Resident memory of a process (Linux)."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20


def main() -> None:
    """Prepare, start, scrape, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="?", type=int, default=50)
    parser.add_argument("features", nargs="?", type=int, default=200)
    parser.add_argument("windows", nargs="?", type=int, default=720)
    options = parser.parse_args()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder), options.models, options.features, options.windows)
        command = [sys.executable, "-m", "monitoring", "exporter", f"--port={port}", f"--features={options.features}"]
        with subprocess.Popen(command, env=os.environ | {"EVENKEEL_HOME": folder}, stderr=subprocess.PIPE) as process:
            try:
                assert process.stderr is not None
                process.stderr.readline()  # it says where it is when it listens
                measure(process.pid, f"http://127.0.0.1:{port}/metrics", options)
            finally:
                process.terminate()


def measure(process: int, url: str, options: argparse.Namespace) -> None:
    """Scrape and print one line."""
    before = resident_mb(process)
    first, body = scrape(url)
    rest = [scrape(url)[0] for _ in range(10)]
    text = gzip.decompress(body)
    series = sum(not line.startswith(b"#") for line in text.splitlines())
    print(
        f"{options.models} models x {options.features} features, {options.windows} windows each: {series} series,"
        f" {len(text) / 1e6:.1f} MB ({len(body) / 1e3:.0f} KB gz), first scrape {first:.2f} s,"
        f" median {statistics.median(rest):.2f} s, RSS {before:.0f} -> {resident_mb(process):.0f} MB"
    )


if __name__ == "__main__":
    main()
