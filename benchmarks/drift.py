"""Our decision and our profiles beside Evidently's: ``python -m benchmarks.drift rules|natural|speed [--full]``.

rules    share of columns, and of windows, that are called moved where nothing moved; and power where something did
natural  the same where days differ anyway: thresholds calibrated on the reference's days beside the fixed one
speed    seconds and peak memory of a window's profiles, and of Evidently's DataDriftPreset on the same rows

Each measurement of speed runs in a process of its own. Default sizes take minutes; --full is what the goals name.
"""

import argparse
import datetime as dt
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from evenkeel.config.operation import DriftRule
from evenkeel.divergence import debiased_psi, psi_cells
from evenkeel.ledger import FEATURE, PREDICTION_SCHEMA, iter_predictions, prediction_folder
from evenkeel.profile import CategoryProfile, NumericProfile
from evenkeel.reference import Profiles, calibrate
from monitoring.decision import DEFAULT_EFFECT, LEAST_EFFECT, compare, decide

Columns = dict[str, np.ndarray]
Rule = Callable[[Columns, Columns], dict[str, bool]]
HOUR = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
PLAIN = DriftRule()


def draw(random: np.random.Generator, rows: int, columns: int, shift: float = 0.0, moved: int = 0) -> Columns:
    """Half numbers of eight shapes, half categories of 2 to 100 Zipf values; the first ``moved`` of each half shift."""
    found: Columns = {}
    for index in range(columns // 2):
        x = random.normal(shift if index < moved else 0.0, 1, rows)
        shapes = (x, np.exp(x), np.tanh(x), np.round(x, 1), x**3, np.abs(x), np.floor(5 * x), np.where(x < 0, 0, x))
        found[f"n{index}"] = shapes[index % len(shapes)]
    for index in range(columns // 2):
        size = (2, 3, 5, 8, 12, 20, 50, 100)[index % 8]
        shares = 1 / np.arange(1, size + 1)
        # Cohen's w = shift: every other value's share times (1 + w), the rest times (1 - w), then to a sum of one
        tilt = 1 + (shift if index < moved else 0.0) * np.where(np.arange(size) % 2, 1, -1)
        shares = shares * tilt / (shares * tilt).sum()
        found[f"c{index}"] = random.choice(np.array([f"v{i}" for i in range(size)], object), rows, p=shares)
    return found


def ours(reference: Columns, current: Columns) -> dict[str, bool]:
    """Benjamini-Hochberg at 1 % and a debiased index of .1."""
    results = {}
    for name, values in reference.items():
        kind = CategoryProfile if values.dtype == object else NumericProfile
        before = kind.with_cells_of(values)
        now = before.like()
        before.add(values)
        now.add(current[name])
        results[name] = compare(before, now, PLAIN, None)
    return {name: found.moved for name, found in decide(results, dict.fromkeys(results, PLAIN)).items()}


def evidentlys(reference: Columns, current: Columns) -> dict[str, bool]:
    """All defaults of its ValueDrift, without the plots of a report."""
    import pandas as pd
    from evidently.legacy.calculations.stattests import get_stattest
    from evidently.legacy.core import ColumnType

    found = {}
    for name, values in reference.items():
        kind = ColumnType.Categorical if values.dtype == object else ColumnType.Numerical
        before, now = pd.Series(values), pd.Series(current[name])
        test = get_stattest(before, now, kind, None)
        found[name] = bool(test(before, now, kind, threshold=test.default_threshold).drifted)
    return found


RULES: dict[str, Rule] = {"ours": ours, "Evidently defaults": evidentlys}


def rules(repetitions: int) -> None:
    """The table of false alarms and power, between independent rows."""
    print("| reference / window | rule | false alarms a column | windows with one | power .3 sd | .5 sd |")
    print("|---|---|---|---|---|---|")
    for before, now in ((500, 500), (1001, 200), (5000, 500), (5000, 5000)):
        random = np.random.default_rng(1)
        quiet: dict[str, list[float]] = {name: [] for name in RULES}
        loud: dict[tuple[str, float], list[float]] = {(name, shift): [] for name in RULES for shift in (0.3, 0.5)}
        for _ in range(repetitions):
            reference, calm = draw(random, before, 50), draw(random, now, 50)
            for name, rule in RULES.items():
                quiet[name].append(_share(rule(reference, calm), calm))
            for shift in (0.3, 0.5):
                shifted = draw(random, now, 50, shift=shift, moved=5)
                for name, rule in RULES.items():
                    loud[name, shift].append(
                        _share(rule(reference, shifted), [f"{h}{i}" for h in "nc" for i in range(5)])
                    )
        for name, false in quiet.items():
            windows = np.mean(np.array(false) > 0)
            power = " | ".join(f"{np.mean(loud[name, shift]):.0%}" for shift in (0.3, 0.5))
            print(f"| {before}/{now} | {name} | {np.mean(false):.2%} | {windows:.0%} | {power} |", flush=True)


def _share(moved: dict[str, bool], names: Iterable[str]) -> float:
    return float(np.mean([moved[name] for name in names]))


def natural(repetitions: int) -> None:
    """The table of thresholds calibrated on 30 days that sway, for days and windows of as many rows."""
    print("| rows a day | natural sway, sd | threshold | false alarms a column | with .1 | power +.3 sd | +.5 sd |")
    print("|---|---|---|---|---|---|---|")
    for rows in (500, 5000):
        for sway in (0.0, 0.05, 0.1, 0.2):
            found = np.array([_swaying(np.random.default_rng(seed), rows, sway) for seed in range(repetitions)])
            threshold = np.median(found[:, 0])
            false, fixed, some, more = found[:, 1:].mean(axis=0).tolist()
            print(
                f"| {rows} | {sway} | {threshold:.3f} | {false:.2%} | {fixed:.2%} | {some:.0%} | {more:.0%} |",
                flush=True,
            )


def _swaying(random: np.random.Generator, rows: int, sway: float) -> tuple[float, float, float, float, float]:
    """Threshold, and the share of fresh days over it, over the fixed one, and over it where the mean moved."""
    days = np.repeat(np.arange(30), rows)
    values = random.normal(size=30 * rows) + sway * random.normal(size=30)[days]
    profile = NumericProfile.with_cells_of(values)
    profile.add(values)
    threshold = max(LEAST_EFFECT, calibrate(profile, values, [days == day for day in range(30)]).threshold)

    def over(limit: float, shift: float) -> float:
        scores = []
        for _ in range(20):
            now = profile.like()
            now.add(random.normal(shift + sway * random.normal(), 1, rows))
            scores.append(debiased_psi(*psi_cells(profile, now)))
        return float(np.mean(np.array(scores) >= limit))

    return threshold, over(threshold, 0), over(DEFAULT_EFFECT, 0), over(threshold, 0.3), over(threshold, 0.5)


def write_ledger(root: Path, rows: int, columns: int, files: int) -> None:
    """A window of a wide model in ``files`` files."""
    random = np.random.default_rng(0)
    folder = root / prediction_folder("wide", HOUR)
    folder.mkdir(parents=True)
    for number in range(files):
        part = rows // files
        known = {
            "id": [f"{number:05d}{row:09d}-0" for row in range(part)],
            "time": np.full(part, np.datetime64(HOUR.replace(tzinfo=None), "us")),
            "model_version": ["1"] * part,
            "digest": ["0" * 64] * part,
            "role": ["live"] * part,
            "value": random.random(part),
        }
        empty = {name: pa.nulls(part) for name in PREDICTION_SCHEMA.names if name not in known}
        known["time"] = pa.array(known["time"], pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC"))
        table = pa.table({**known, **empty}).select(PREDICTION_SCHEMA.names).cast(PREDICTION_SCHEMA)
        for name, values in draw(random, part, columns).items():
            table = table.append_column(FEATURE + name, pa.array(values))
        pq.write_table(table, folder / f"{number:05d}.parquet", compression="zstd")


def profile(root: Path) -> int:
    """The profiles of a window's features, as monitoring.window reads them; how many rows."""
    first = next(iter_predictions(str(root), "wide"))
    names = [name.removeprefix(FEATURE) for name in first.column_names if name.startswith(FEATURE)]
    texts = [name for name in names if first.schema.field(FEATURE + name).type == pa.string()]
    cells = {
        name: CategoryProfile.with_cells_of(first[FEATURE + name])
        if name in texts
        else NumericProfile.with_cells_of(first[FEATURE + name].to_numpy())
        for name in names
    }
    label = NumericProfile.empty(np.empty(0))
    profiles = Profiles(dict(cells), label.like(), label.like())
    columns = ["model_version", "value", *(FEATURE + name for name in names)]
    for table in iter_predictions(str(root), "wide", columns=columns, encoded=[FEATURE + name for name in texts]):
        held = {name: table[FEATURE + name] for name in names}
        profiles.add_features({n: c if n in texts else c.to_numpy() for n, c in held.items()}, {})
    return profiles.rows


def preset(root: Path) -> int:
    """Evidently's DataDriftPreset on the same rows, as reference and as window; how many rows."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    folder = root / prediction_folder("wide", HOUR)
    names = [name for name in pq.read_schema(next(folder.iterdir())).names if name.startswith(FEATURE)]
    frame = pq.read_table(folder, columns=names, partitioning=None).to_pandas()
    texts = [name for name in names if frame[name].dtype == object]
    definition = DataDefinition(
        numerical_columns=[name for name in names if name not in texts], categorical_columns=texts
    )
    sides = [Dataset.from_pandas(frame, data_definition=definition) for _ in range(2)]
    Report([DataDriftPreset()]).run(*sides)
    return len(frame)


MEASURED: dict[str, Callable[[Path], int]] = {"profiles": profile, "preset": preset}


def measure(what: str, root: Path) -> None:
    """In a process of its own: seconds, without imports, and peak memory, with them."""
    start = time.perf_counter()
    rows = MEASURED[what](root)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"| {what} | {rows:,} | {time.perf_counter() - start:.1f} s | {peak:.0f} MB |", flush=True)


def speed(sizes: list[tuple[int, int, int]], *, with_preset: bool) -> None:
    """The table of speed and memory."""
    print("| what | rows | seconds | peak memory |\n|---|---|---|---|", flush=True)
    for rows, columns, files in sizes:
        with tempfile.TemporaryDirectory() as folder:
            write_ledger(Path(folder), rows, columns, files)
            print(f"| {rows:,} x {columns} in {files} files | | | |", flush=True)
            for what in MEASURED if with_preset else ("profiles",):
                command = [sys.executable, "-m", "benchmarks.drift", "measure", what, folder]
                subprocess.run(command, check=True, env={**os.environ, "DO_NOT_TRACK": "1"})


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["rules", "natural", "speed", "measure"])
    parser.add_argument("rest", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--full", action="store_true", help="100 repetitions; 1M x 50 with the preset, and 20M x 20")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # scipy's and numpy's, of Evidently's tests on rare categories
    if options.what == "measure":
        measure(options.rest[0], Path(options.rest[1]))
    elif options.what == "rules":
        rules(100 if options.full else 10)
    elif options.what == "natural":
        natural(100 if options.full else 10)
    elif options.full:
        speed([(1_000_000, 50, 20)], with_preset=True)
        speed([(20_000_000, 20, 100)], with_preset=False)
    else:
        speed([(200_000, 50, 4)], with_preset=True)


if __name__ == "__main__":
    main()
