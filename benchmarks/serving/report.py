"""Medians and ratios as Markdown."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks.serving.measure import LOADS, MODERATE, Load

OURS = "evenkeel"


def render(result: dict[str, Any]) -> str:
    """The tables of one workload's servers."""
    rounds: dict[str, list[dict[str, Any]]] = result["rounds"]
    loads = [load for load in (*LOADS, MODERATE) if all(load.key in one for of in rounds.values() for one in of)]
    blocks = [_throughput(rounds, loads), _ratios(rounds, loads), _life(rounds, result["life"], loads)]
    blocks += [f"`{name}`: not measured: {reason}" for name, reason in result["missing"].items()]
    return "\n\n".join(filter(None, blocks))


def render_growth(growth: dict[str, dict[str, str]]) -> str:
    """A table for each thing that grows."""
    return "\n\n".join(_table([what, *cells], [["", *cells.values()]]) for what, cells in growth.items())


def render_memory(memory: dict[str, Any]) -> str:
    """A sentence."""
    minutes, megabytes = zip(*memory["samples"], strict=True)
    return (
        f"{minutes[-1]:.1f} minutes of mixed load, {memory['requests']:,.0f} requests: {min(megabytes):.0f} to"
        f" {max(megabytes):.0f} MB, {megabytes[-1]:.0f} MB at the end, slope {memory['slope_mb_per_minute']:+.2f} MB a"
        " minute after the first fifth."
    )


def _throughput(rounds: dict[str, list[dict[str, Any]]], loads: Sequence[Load]) -> str:
    head = ["requests/s (p50 / p99 ms)", *(load.title for load in loads)]
    return _table(head, [[f"`{name}`", *(_load_cell(of, load.key) for load in loads)] for name, of in rounds.items()])


def _ratios(rounds: dict[str, list[dict[str, Any]]], loads: Sequence[Load]) -> str:
    """Ours to each peer's requests/s, paired by round, then the median; with a pause it says nothing."""
    if OURS not in rounds:
        return ""
    full = [load for load in loads if not load.pause_ms]
    head = [f"`{OURS}` is so many times as fast", *(load.title for load in full)]
    rows = [[f"`{name}`", *(_ratio(rounds, name, load.key) for load in full)] for name in rounds if name != OURS]
    return _table(head, rows)


def _ratio(rounds: dict[str, list[dict[str, Any]]], name: str, key: str) -> str:
    pairs = [(ours[key]["rps"], theirs[key]["rps"]) for ours, theirs in zip(rounds[OURS], rounds[name], strict=True)]
    return f"{statistics.median(ours / theirs if theirs else math.inf for ours, theirs in pairs):.3g}"


def _life(rounds: dict[str, list[dict[str, Any]]], life: dict[str, dict[str, Any]], loads: Sequence[Load]) -> str:
    head = ["", "cold start s", "MB idle", "MB after load", "probe under load, median / worst ms", "failed requests"]
    rows = []
    for name, one in life.items():
        failed = sum(round_[load.key]["bad"] for round_ in rounds[name] for load in loads)
        probe = f"{one['probe']['p50_ms']:.3g} / {one['probe']['max_ms']:.3g}"
        memory = (f"{one['idle_mb']:.0f}", f"{one['busy_mb']:.0f}")
        rows.append([f"`{name}`", f"{one['cold_s']:.2f}", *memory, probe, f"{failed:.0f}"])
    return _table(head, rows)


def _load_cell(rounds: list[dict[str, Any]], key: str) -> str:
    rps, p50, p99 = (_median(rounds, key, field) for field in ("rps", "p50_ms", "p99_ms"))
    return f"{rps:,.0f} ({p50:.3g} / {p99:.3g})"


def _median(rounds: list[dict[str, Any]], *path: str) -> float:
    values = []
    for value in rounds:
        for part in path:
            value = value[part]
        values.append(float(value))  # type: ignore[arg-type]
    return statistics.median(values)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
