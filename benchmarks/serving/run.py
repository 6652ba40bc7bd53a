"""Rounds over servers: first each alone, then all at once with one asked at a time, so that rounds are paired."""

import json
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.serving.environment import UnavailableError, python_for
from benchmarks.serving.measure import LOADS, MODERATE, Asked, Load, ask, check_answers, probe_under_load
from benchmarks.serving.model import WORKLOADS, make_bundle, make_pipeline
from benchmarks.serving.peers import PEERS
from benchmarks.serving.process import Server, running
from benchmarks.serving.protocol import encode

Measured = dict[str, Any]
"""Of one server: in one round what each load's key stands for, or in its life what was found once."""


@dataclass(frozen=True)
class Plan:
    """What to measure, and for how long."""

    workload: str
    peers: Sequence[str]
    rounds: int
    seconds: float
    """Of each load."""
    home: Path
    loads: Sequence[Load] = (*LOADS, MODERATE)

    @property
    def folder(self) -> Path:
        """Of the workload's models, bodies and logs."""
        return self.home / self.workload


@dataclass
class _Found:
    """What came out, by server."""

    rounds: dict[str, list[Measured]] = field(default_factory=dict)
    life: dict[str, Measured] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def lose(self, name: str, error: UnavailableError) -> None:
        """A server that failed has no figures, but the sentence that says why."""
        self.missing[name] = str(error)
        self.rounds.pop(name, None)
        self.life.pop(name, None)


def run_rounds(plan: Plan) -> dict[str, Any]:
    """For each server its rounds and its life, or the sentence that says why there is none."""
    found = _Found()
    make_bundle(WORKLOADS[plan.workload], plan.folder)
    make_pipeline(WORKLOADS[plan.workload], plan.folder)
    for name in plan.peers:
        print(f"{plan.workload}: {name} alone", file=sys.stderr)
        try:
            found.life[name] = _live(plan, name)
        except UnavailableError as error:
            found.lose(name, error)
    with ExitStack() as stack:
        servers = {name: _start(plan, name, stack) for name in found.life}
        for number in range(plan.rounds):
            for load in plan.loads:
                print(f"{plan.workload}, round {number + 1} of {plan.rounds}: {load.title}", file=sys.stderr)
                _round(plan, load, number, servers, found)
    return {"rounds": found.rounds, "life": found.life, "missing": found.missing}


def _live(plan: Plan, name: str) -> Measured:
    """What is seen of a server that runs alone: beside others, shared pages would count for all of them."""
    workload = WORKLOADS[plan.workload]
    if plan.workload not in PEERS[name].workloads:
        raise UnavailableError(f"has no {plan.workload} form")
    labels = json.loads((plan.folder / "labels.json").read_text(encoding="utf-8"))
    python_for(PEERS[name], plan.home)  # may take minutes the first time
    with ExitStack() as stack:
        began = time.monotonic()
        server, asked = _start(plan, name, stack)
        life = {"cold_s": time.monotonic() - began, "agreement": check_answers(server, workload, labels)}
        ask(server, asked, Load(1, 8), 1)  # what is lazy happens now
        life["idle_mb"] = server.megabytes()
        ask(server, asked, Load(100, 64), 1)
        probe = probe_under_load(server, asked, plan.seconds)
        return {**life, "probe": probe, "busy_mb": server.megabytes()}


def _start(plan: Plan, name: str, stack: ExitStack) -> tuple[Server, Asked]:
    """A server that answers, and what it is asked."""
    peer, workload = PEERS[name], WORKLOADS[plan.workload]
    places = {"bundle": str(plan.folder / "bundle"), "model": str(plan.folder / "model.joblib")}
    server = stack.enter_context(running(peer, python_for(peer, plan.home), plan.folder / name, places))
    server.wait(encode(peer.protocol, workload.rows(1, 5)))
    return server, Asked(plan.folder, peer.protocol, workload)


def _round(plan: Plan, load: Load, number: int, servers: dict[str, tuple[Server, Asked]], found: _Found) -> None:
    """One load on each server in turn; every second round from the last to the first."""
    names = [name for name in servers if name not in found.missing]
    for name in reversed(names) if number % 2 else names:
        server, asked = servers[name]
        rounds = found.rounds.setdefault(name, [])
        if len(rounds) == number:
            rounds.append({})
        try:
            rounds[number][load.key] = ask(server, asked, load, plan.seconds)
        except UnavailableError as error:
            found.lose(name, error)
