"""Medians and ratios as Markdown."""

import math
import statistics
from typing import Any

from benchmarks.serving.measure import LOADS

OURS = "evenkeel"


def render(result: dict[str, Any]) -> str:
    """The tables of one result."""
    rounds: dict[str, list[dict[str, Any]]] = result["rounds"]
    blocks = [_throughput(rounds), _ratios(rounds), _life(rounds)]
    blocks += [f"`{name}`: not measured: {reason}" for name, reason in result["missing"].items()]
    blocks += [_growth(result["growth"])] if "growth" in result else []
    return "\n\n".join(filter(None, blocks))


def _throughput(rounds: dict[str, list[dict[str, Any]]]) -> str:
    head = ["requests/s (p50 / p99 ms)", *(_load_name(*load) for load in LOADS)]
    rows = [[f"`{name}`", *(_load_cell(of, _key(*load)) for load in LOADS)] for name, of in rounds.items()]
    return _table(head, rows)


def _ratios(rounds: dict[str, list[dict[str, Any]]]) -> str:
    """Ours to each peer's requests/s, paired by round, then the median."""
    if OURS not in rounds:
        return ""
    head = [f"`{OURS}` is so many times as fast", *(_load_name(*load) for load in LOADS)]
    rows = [[f"`{name}`", *(_ratio(rounds, name, _key(*load)) for load in LOADS)] for name in rounds if name != OURS]
    return _table(head, rows)


def _ratio(rounds: dict[str, list[dict[str, Any]]], name: str, key: str) -> str:
    pairs = [(ours[key]["rps"], theirs[key]["rps"]) for ours, theirs in zip(rounds[OURS], rounds[name], strict=True)]
    return f"{statistics.median(ours / theirs if theirs else math.inf for ours, theirs in pairs):.3g}"


def _life(rounds: dict[str, list[dict[str, Any]]]) -> str:
    head = ["", "cold start s", "MB idle", "MB after load", "probe under load, median / worst ms", "failed requests"]
    rows = []
    for name, of in rounds.items():
        failed = sum(one[_key(*load)]["bad"] for one in of for load in LOADS)
        probe = f"{_median(of, 'probe', 'p50_ms'):.3g} / {_median(of, 'probe', 'max_ms'):.3g}"
        memory = (f"{_median(of, 'idle_mb'):.0f}", f"{_median(of, 'busy_mb'):.0f}")
        rows.append([f"`{name}`", f"{_median(of, 'cold_s'):.2f}", *memory, probe, f"{failed:.0f}"])
    return _table(head, rows)


def _growth(growth: dict[str, dict[str, float]]) -> str:
    lines = [
        _table([f"{what} a request", *cells], [["ms", *(f"{ms:.3g}" for ms in cells.values())]])
        for what, cells in growth.items()
    ]
    return "\n\n".join(lines)


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


def _key(rows: int, connections: int) -> str:
    return f"{rows}x{connections}"


def _load_name(rows: int, connections: int) -> str:
    return f"{rows} row{'s' * (rows > 1)}, c={connections}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
