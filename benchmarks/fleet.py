"""What one check of many projects costs: ``python -m benchmarks.fleet [PROJECTS] [ROWS]``.

Copies the released model of ``insurance`` (make pipeline-run PROJECT=insurance) under that many names, each with its
own ledger of one window, and runs ``python -m monitoring check`` over them: without reports, and with them.
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

import pyarrow as pa
import pyarrow.parquet as pq

from evenkeel.bundle import PROJECT, Bundle, open_bundle, seal_bundle
from evenkeel.config import Project
from evenkeel.datasets import insurance
from evenkeel.ledger import FEATURE, PREDICTION_SCHEMA, prediction_folder
from evenkeel.predictor import Predictor
from evenkeel.release import Release
from evenkeel.settings import Settings, read_settings
from evenkeel.table import label_text, to_columns
from monitoring.check import released

HOUR = dt.timedelta(hours=1)


def copy_model(source: Bundle, name: str, home: Path, start: dt.datetime) -> Bundle:
    """The model under another name, with windows of an hour, released at ``start``."""
    folder = home / "releases" / name / "bundles" / "copy"
    shutil.copytree(source.folder, folder)
    about = source.project().model_dump()
    about |= {"name": name, "monitoring": {**about["monitoring"], "window_minutes": 60}}
    (folder / PROJECT).write_text(Project.model_validate(about).to_parameter(), encoding="utf-8")
    certificate = source.require_certificate()
    sealed = seal_bundle(folder, source.manifest.model_copy(update={"name": name, "files": {}}))
    certificate.model_copy(update={"project": name, "bundle": sealed.digest}).write(folder)
    bundle = open_bundle(folder)
    release = Release(
        project=name,
        version="1",
        digest=bundle.digest,
        certificate=bundle.require_certificate().digest,
        bundle="bundles/copy",
        data_version="0",
        released_at=start,
    )
    (folder.parents[1] / "release.json").write_text(release.model_dump_json(), encoding="utf-8")
    return bundle


def answered(bundle: Bundle, rows: int, start: dt.datetime) -> pa.Table:
    """An hour of the stream, as a server writes it."""
    project = bundle.project()
    table = insurance.stream(dt.datetime(2026, 1, 1), rows, 5)
    answers = Predictor.load(bundle).predict(to_columns(table, project.feature_columns))
    assert answers.labels is not None
    assert answers.probabilities is not None
    known = {
        "id": [f"{row:032x}-0" for row in range(rows)],
        "time": [start + HOUR * row / rows for row in range(rows)],
        "model_version": ["1"] * rows,
        "digest": [bundle.digest] * rows,
        "role": ["live"] * rows,
        "label": [label_text(project.classes[label]) for label in answers.labels],
        "value": answers.values,
        "probabilities": answers.probabilities.tolist(),
    }
    empty = {name: pa.nulls(rows) for name in PREDICTION_SCHEMA.names if name not in known}
    full = pa.table({**known, **empty}).select(PREDICTION_SCHEMA.names).cast(PREDICTION_SCHEMA)
    for name, column in project.feature_columns.items():
        values = table[name].cast(pa.string()) if column.type == "category" else table[name]
        full = full.append_column(FEATURE + name, values)
    return full


def main() -> None:
    """Prepare, check twice, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("projects", nargs="?", type=int, default=50)
    parser.add_argument("rows", nargs="?", type=int, default=2000)
    options = parser.parse_args()
    source = released("insurance", read_settings()).bundle
    start = dt.datetime.now(dt.UTC).replace(minute=0, second=0, microsecond=0) - HOUR
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        names = [f"fleet-{number}" for number in range(options.projects)]
        bundles = [copy_model(source, name, home, start) for name in names]
        table = answered(bundles[0], options.rows, start)
        for name in names:
            path = Path(Settings(home=home).ledger) / prediction_folder(name, start) / "0.parquet"
            path.parent.mkdir(parents=True)
            pq.write_table(table, path)
        for report in ("never", "alarm"):
            shutil.rmtree(home / "monitoring", ignore_errors=True)
            command = [sys.executable, "-m", "monitoring", "check", "--report", report]
            environment = {**os.environ, "EVENKEEL_HOME": folder}
            begun = time.perf_counter()
            checked = subprocess.run(command, check=True, env=environment, capture_output=True, text=True)
            seconds = time.perf_counter() - begun
            windows = len(checked.stdout.splitlines())
            print(
                json.dumps(
                    {
                        "report": report,
                        "projects": windows,
                        "rows a window": options.rows,
                        "seconds": round(seconds, 1),
                        "seconds a project": round(seconds / windows, 3),
                    }
                )
            )


if __name__ == "__main__":
    main()
