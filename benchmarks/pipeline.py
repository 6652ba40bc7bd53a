"""What the pipeline costs: ``python -m benchmarks.pipeline growth [ROWS ...] | overhead [PROJECT]``.

``growth`` runs each stage on generated tables of these sizes (20 columns), each in a process of its own, and prints
its seconds and peak resident memory. ``overhead`` runs a project as ``make pipeline-run`` does, without a cache, and
the same stage functions one after the other in one process, and prints the ratio.
"""

import argparse
import datetime as dt
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from evenkeel.config import load_project
from evenkeel.datasets import insurance

ROOT = Path(__file__).parents[1]
SIZES = (5_000, 50_000, 500_000)
_EXTRA = 7  # numbers beside the stream's 13 columns


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pipeline", description=__doc__)
    words = parser.add_subparsers(dest="word", required=True)
    words.add_parser("growth").add_argument("rows", nargs="*", type=int, default=list(SIZES))
    words.add_parser("overhead").add_argument("project", nargs="?", default="visits")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if options.word == "growth":
            growth(options.rows, Path(scratch))
        else:
            overhead(options.project, Path(scratch))
    return 0


def growth(sizes: list[int], scratch: Path) -> None:
    """Seconds and peak memory of each stage, for each size."""
    print(f"{'rows':>8}  {'stage':<10} {'wall s':>7} {'cpu s':>7} {'peak MiB':>9}")
    for rows in sizes:
        workspace = _workspace(rows, scratch / str(rows))
        for stage, flags in _stages(workspace).items():
            wall, cpu, peak = _measured([sys.executable, "-m", "components", stage, *flags], workspace)
            print(f"{rows:>8,}  {stage:<10} {wall:>7.1f} {cpu:>7.1f} {peak:>9.0f}", flush=True)


def overhead(project: str, scratch: Path) -> None:
    """The run against its own stage functions."""
    run = [sys.executable, "-m", "pipelines", "run", project, "--no-cache"]
    through, _, _ = _measured(run, ROOT, EVENKEEL_HOME=str(scratch / "run"))
    direct = [sys.executable, "-m", "benchmarks.direct", project, str(scratch / "direct")]
    alone, _, _ = _measured(direct, ROOT, EVENKEEL_HOME=str(scratch / "direct-home"))
    print(f"{project}: run {through:.1f} s, the stage functions in one process {alone:.1f} s: {through / alone:.2f}")


def _workspace(rows: int, folder: Path) -> Path:
    """A workspace with a project of 20 columns and this many rows."""
    (folder / "conf").mkdir(parents=True)
    (folder / "data").mkdir()
    table = insurance.stream(dt.datetime(2026, 1, 1), rows, seed=1)
    random = np.random.default_rng(0)
    for place in range(_EXTRA):
        table = table.append_column(f"Extra{place}", pa.array(random.normal(size=rows).round(6)))
    pa.csv.write_csv(table, folder / "data" / "insurance.csv")
    content = load_project(ROOT / "conf" / "insurance.yaml").model_dump(mode="json", exclude_defaults=True)
    content["contract"]["columns"] |= {f"Extra{place}": {"type": "number"} for place in range(_EXTRA)}
    content["model"]["search"] |= {"trials": 2, "workers": 1}
    content["split"] = {}  # by hash: the same share at every size
    (folder / "conf" / "insurance.yaml").write_text(json.dumps(content), encoding="utf-8")  # JSON is YAML
    shutil.copy(ROOT / "requirements.lock", folder)
    return folder


def _stages(workspace: Path) -> dict[str, list[str]]:
    """Each stage's flags: what one writes the next reads."""
    out = workspace / "out"
    out.mkdir()
    flags: dict[str, dict[str, object]] = {
        "validate": {
            "data": workspace / "data" / "insurance.csv",
            "table": out / "table",
            "report": out / "validation.json",
            "page": out / "validation.html",
            "quarantine": out / "quarantine",
        },
        "split": {
            "table": out / "table",
            "train": out / "train",
            "evaluation": out / "evaluation",
            "report": out / "split.json",
        },
        "search": {"train": out / "train", "worker": 0, "trials": out / "trials"},
        "train": {
            "train": out / "train",
            "evaluation": out / "evaluation",
            "trials": out / "trials",
            "data-version": "0" * 32,
            "code-version": "0" * 64,
            "model": out / "model",
        },
        "evaluate": {
            "model": out / "model",
            "champion-version": "",
            "certified": out / "certified",
            "page": out / "evaluation.html",
            "report": out / "evaluation.json",
        },
    }
    return {
        stage: [f"--{name}={value}" for name, value in {"project": "insurance", **values}.items()]
        for stage, values in flags.items()
    }


def _measured(command: list[str], folder: Path, **environment: str) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak resident MiB of a whole process (of its largest child, where it has some)."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{' '.join(command)} failed:\n{errors[-2000:]}")
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


if __name__ == "__main__":
    raise SystemExit(main())
