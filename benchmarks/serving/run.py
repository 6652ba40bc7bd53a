"""Rounds over servers: each round starts every server once, measures it, and stops it, so that rounds are paired."""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.serving.environment import UnavailableError, python_for
from benchmarks.serving.measure import LOADS, Asked, check_answers, latency, load, probe_under_load
from benchmarks.serving.model import WORKLOADS, Workload, make_bundle, make_pipeline, wide
from benchmarks.serving.peers import PEERS
from benchmarks.serving.process import running
from benchmarks.serving.protocol import encode

GROWTH_ROWS = (1, 10, 100, 1_000, 10_000)
GROWTH_COLUMNS = (10, 50, 100, 500)

Measured = dict[str, Any]
"""One server in one round."""


@dataclass(frozen=True)
class Plan:
    """What to measure, and for how long."""

    workload: str
    peers: Sequence[str]
    rounds: int
    seconds: float
    """Of each load."""
    home: Path


def run_rounds(plan: Plan) -> dict[str, Any]:
    """For each server the list of its rounds, or the sentence that says why there is none."""
    folder = (plan.home / plan.workload).resolve()
    workload = WORKLOADS[plan.workload]
    places = {"bundle": str(make_bundle(workload, folder)), "model": str(make_pipeline(workload, folder))}
    labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    rounds: dict[str, list[Measured]] = {}
    missing: dict[str, str] = {}
    for number in range(plan.rounds):
        for name in plan.peers:
            if name in missing:
                continue
            print(f"round {number + 1} of {plan.rounds}: {name}", file=sys.stderr)
            try:
                rounds.setdefault(name, []).append(_measure(plan, name, folder, places, labels))
            except UnavailableError as error:
                missing[name] = str(error)
                rounds.pop(name, None)
    return {"rounds": rounds, "missing": missing}


def _measure(plan: Plan, name: str, folder: Path, places: dict[str, str], labels: list[int]) -> Measured:
    peer, workload = PEERS[name], WORKLOADS[plan.workload]
    if plan.workload not in peer.workloads:
        raise UnavailableError(f"has no {plan.workload} form")
    python = python_for(peer, plan.home)
    asked = Asked(folder, peer.protocol, workload)
    with running(peer, python, folder / name, places) as server:
        started = time.monotonic()
        server.wait(encode(peer.protocol, workload.rows(1, 5)))
        found: Measured = {"cold_s": time.monotonic() - started}
        found["agreement"] = check_answers(server, workload, labels)
        load(server, asked.file(1), 8, 1)  # what is lazy happens now
        found["idle_mb"] = server.megabytes()
        for rows, connections in LOADS:
            found[f"{rows}x{connections}"] = load(server, asked.file(rows), connections, plan.seconds)
        found["probe"] = probe_under_load(server, asked.file(1), plan.seconds)
        found["busy_mb"] = server.megabytes()
    return found


def growth(plan: Plan) -> dict[str, dict[str, float]]:
    """Median milliseconds of a lone request to our server by its rows, and of one row by the model's columns."""
    folder = (plan.home / "tabular").resolve()
    rows = _latencies(WORKLOADS["tabular"], folder, GROWTH_ROWS, plan.seconds)
    columns: dict[str, float] = {}
    for count in GROWTH_COLUMNS:
        columns |= {str(count): _latencies(wide(count), folder.with_name(f"wide-{count}"), (1,), plan.seconds)["1"]}
    return {"rows": rows, "columns": columns}


def _latencies(workload: Workload, folder: Path, counts: Sequence[int], seconds: float) -> dict[str, float]:
    peer = PEERS["evenkeel"]
    places = {"bundle": str(make_bundle(workload, folder, rows=2_000)), "model": ""}
    with running(peer, python_for(peer, folder), folder / "growth", places) as server:
        server.wait(encode(peer.protocol, workload.rows(1, 5)))
        latency(server, encode(peer.protocol, workload.rows(1, 6)), 0.5)
        return {str(n): latency(server, encode(peer.protocol, workload.rows(n, 7)), seconds) for n in counts}
