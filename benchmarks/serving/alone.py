"""Our server alone: how its cost grows with rows, columns and workers, and whether its memory does with time."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np

from benchmarks.serving.environment import python_for
from benchmarks.serving.measure import Asked, Load, ask, latency
from benchmarks.serving.model import WORKLOADS, Workload, make_bundle, wide
from benchmarks.serving.peers import PEERS
from benchmarks.serving.process import Server, running
from benchmarks.serving.protocol import encode

_ROWS = (1, 10, 100, 1_000, 10_000)
_COLUMNS = (10, 50, 100, 500)
_WORKERS = (1, 2)
_MIXED = (Load(1, 8), Load(100, 8), Load(1, 64))
"""The loads of the run that watches memory, in turn."""
_SAMPLES = 5
"""Seconds of a load, and between looks at the memory."""
_OURS = PEERS["evenkeel"]


def growth(home: Path, seconds: float) -> dict[str, dict[str, str]]:
    """Table title -> what it grows with -> figure.

    Milliseconds of a lone request by its rows, and of one row by the model's columns; requests/s by workers, which are
    processes that share nothing, each asked by 8 connections.
    """
    tabular, folder = WORKLOADS["tabular"], home / "tabular"
    columns: dict[str, str] = {}
    for count in _COLUMNS:
        make_bundle(wide(count), home / f"wide-{count}", rows=2_000)  # what is learnt does not matter
        columns |= {str(count): _latencies(wide(count), home / f"wide-{count}", (1,), seconds)["1"]}
    return {
        "rows a request, ms": _latencies(tabular, folder, _ROWS, seconds),
        "columns, ms a row": columns,
        "workers, requests/s": {str(count): _together(tabular, folder, count, seconds) for count in _WORKERS},
    }


def memory(home: Path, minutes: float) -> dict[str, Any]:
    """MB of our server every few seconds of mixed load, ledger on, and the slope of a straight line through them.

    The first fifth is left out of the line: the ledger's queue and the allocators' pools fill up.
    """
    folder = home / "tabular"
    asked = Asked(folder, _OURS.protocol, WORKLOADS["tabular"])
    samples: list[tuple[float, float]] = []
    requests = 0.0
    with ExitStack() as stack:
        server = _start(stack, WORKLOADS["tabular"], folder, "memory")
        began = time.monotonic()
        for load in cycle(_MIXED):
            requests += ask(server, asked, load, _SAMPLES)["rps"] * _SAMPLES
            passed = (time.monotonic() - began) / 60
            samples.append((passed, server.megabytes()))
            if passed >= minutes:
                break
    rmtree(folder / "memory" / "ledger", ignore_errors=True)
    when, megabytes = np.array([sample for sample in samples if sample[0] >= samples[-1][0] / 5]).T
    slope = float(np.polyfit(when, megabytes, 1)[0]) if len(when) > 1 else float("nan")
    return {"slope_mb_per_minute": slope, "requests": requests, "samples": samples}


def _start(stack: ExitStack, workload: Workload, folder: Path, name: str) -> Server:
    places = {"bundle": str(make_bundle(workload, folder)), "model": ""}
    server = stack.enter_context(running(_OURS, python_for(_OURS, folder), folder / name, places))
    server.wait(encode(_OURS.protocol, workload.rows(1, 5)))
    return server


def _latencies(workload: Workload, folder: Path, counts: Sequence[int], seconds: float) -> dict[str, str]:
    with ExitStack() as stack:
        server = _start(stack, workload, folder, "growth")
        latency(server, encode(_OURS.protocol, workload.rows(1, 6)), 0.5)
        bodies = {count: encode(_OURS.protocol, workload.rows(count, 7)) for count in counts}
        return {f"{count:,}": f"{latency(server, body, seconds):.3g}" for count, body in bodies.items()}


def _together(workload: Workload, folder: Path, workers: int, seconds: float) -> str:
    asked = Asked(folder, _OURS.protocol, workload)
    with ExitStack() as stack, ThreadPoolExecutor(workers) as threads:
        servers = [_start(stack, workload, folder, f"worker-{number}") for number in range(workers)]
        answered = threads.map(lambda server: ask(server, asked, Load(1, 8), seconds)["rps"], servers)
        return f"{sum(answered):,.0f}"
