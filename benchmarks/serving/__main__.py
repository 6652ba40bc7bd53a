"""``python -m benchmarks.serving [--peers ...] [--full]``: our server beside its peers, on loopback."""

import argparse
import json
import platform
from pathlib import Path
from typing import Any

from benchmarks.serving.alone import growth, memory
from benchmarks.serving.measure import Load
from benchmarks.serving.model import WORKLOADS
from benchmarks.serving.peers import PEERS
from benchmarks.serving.report import render, render_growth, render_memory
from benchmarks.serving.run import Plan, run_rounds

_TEXT_LOADS = (Load(1, 8), Load(100, 8))
"""What the full run asks of the text model: the rest is the same server."""


def main() -> None:
    """Measure, write JSON, print tables."""
    options = _parser().parse_args()
    if options.full:
        options.growth = True
        options.minutes = 10.0 if options.minutes is None else options.minutes
    home = options.home.resolve()
    plans = [Plan(options.workload, options.peers, options.rounds, options.seconds, home)]
    if options.full:
        plans.append(Plan("text", options.peers, options.rounds, options.seconds, home, _TEXT_LOADS))
    result: dict[str, Any] = {"servers": {plan.workload: run_rounds(plan) for plan in plans}}
    if options.growth:
        result["growth"] = growth(home, options.seconds)
    if options.minutes:
        result["memory"] = memory(home, options.minutes)
    result["about"] = {
        "rounds": options.rounds,
        "seconds": options.seconds,
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "packages": {name: PEERS[name].packages for name in options.peers},
    }
    out = options.out or home / f"{'full' if options.full else options.workload}.json"
    out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(_report(result))
    print(f"\n{out}")


def _report(result: dict[str, Any]) -> str:
    """Markdown."""
    blocks = [f"#### Model `{name}`\n\n{render(of)}" for name, of in result["servers"].items()]
    if "growth" in result:
        blocks.append(f"#### Growth\n\n{render_growth(result['growth'])}")
    if "memory" in result:
        blocks.append(f"#### Memory\n\n{render_memory(result['memory'])}")
    return "\n\n".join(blocks)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS), metavar="NAME", help=", ".join(PEERS))
    parser.add_argument("--workload", choices=WORKLOADS, default="tabular", help="the model; default tabular")
    parser.add_argument("--rounds", type=int, default=2, help="of all servers; default 2")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each load; default 3")
    parser.add_argument("--growth", action="store_true", help="also: how our cost grows with rows, columns, workers")
    parser.add_argument("--minutes", type=float, metavar="N", help="also: whether our memory grows in so long a load")
    parser.add_argument("--full", action="store_true", help="both models, --growth and --minutes 10")
    parser.add_argument("--home", type=Path, default=Path(".evenkeel/bench"), help="environments, models, logs")
    parser.add_argument("--out", type=Path, metavar="JSON", help="the result; else HOME/WORKLOAD.json")
    return parser


if __name__ == "__main__":
    main()
