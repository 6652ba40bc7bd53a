"""``python -m benchmarks.serving [--peers ...] [--seconds N] [--quick]``: our server beside its peers, on loopback."""

import argparse
import json
import platform
from pathlib import Path

from benchmarks.serving.model import WORKLOADS
from benchmarks.serving.peers import PEERS
from benchmarks.serving.report import render
from benchmarks.serving.run import Plan, growth, run_rounds


def main() -> None:
    """Measure, write JSON, print tables."""
    options = _parser().parse_args()
    rounds, seconds = (2, 2.0) if options.quick else (options.rounds, options.seconds)
    plan = Plan(options.workload, options.peers, rounds, seconds, options.home.resolve())
    result = run_rounds(plan)
    if options.growth:
        result["growth"] = growth(plan)
    result["about"] = {
        "workload": plan.workload,
        "rounds": plan.rounds,
        "seconds": plan.seconds,
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "packages": {name: PEERS[name].packages for name in plan.peers},
    }
    out = options.out or plan.home / f"{plan.workload}.json"
    out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(render(result))
    print(f"\n{out}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS), metavar="NAME", help=", ".join(PEERS))
    parser.add_argument("--workload", choices=WORKLOADS, default="tabular", help="the model; default tabular")
    parser.add_argument("--rounds", type=int, default=3, help="of all servers; default 3")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each load; default 5")
    parser.add_argument("--quick", action="store_true", help="2 rounds of 2 seconds: does it run, not how fast")
    parser.add_argument("--growth", action="store_true", help="also: how our cost grows with rows and columns")
    parser.add_argument("--home", type=Path, default=Path(".evenkeel/bench"), help="environments, models, logs")
    parser.add_argument("--out", type=Path, metavar="JSON", help="the result; else HOME/WORKLOAD.json")
    return parser


if __name__ == "__main__":
    main()
