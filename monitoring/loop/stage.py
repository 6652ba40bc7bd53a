"""The scene of a demo or drill: a scratch home and workspace, a project made small, and the processes of the loop."""

import datetime as dt
import os
import secrets
import signal
import time
from pathlib import Path
from shutil import copyfile, rmtree
from typing import Any

import yaml

from evenkeel.config.load import load_project
from evenkeel.config.project import Project
from evenkeel.errors import PipelineError
from evenkeel.release import Release
from evenkeel.settings import Settings
from evenkeel.targets.local import LocalTarget
from evenkeel.tracking import champion_version
from monitoring.check import judge, read, released
from monitoring.governor.place import log_file, open_state
from monitoring.governor.state import Entry, Run
from monitoring.loop.children import ROOT, Children, end_group, free_port, tail, wait_until
from monitoring.loop.telling import Telling
from monitoring.loop.traffic import Sent, Traffic
from monitoring.result import WindowResult
from monitoring.results import read_results, write_result
from monitoring.window import Span

PROJECT = "insurance"
PROCESSES = ("server", "exporter", "webhook", "registry", "prometheus", "alertmanager")
"""What listens on a port of its own."""
SMALL: dict[str, dict[str, Any]] = {
    "model": {"search": {"trials": 2, "workers": 2, "folds": 3}},
    "monitoring": {"window_minutes": 1, "min_rows": 500, "windows": 2, "label_delay_hours": 1, "label_coverage": 0.6},
    "retraining": {"on": ["drift", "performance"], "min_new_labels": 2000, "data": {"window_days": 1}},
    # a model of one day's rows is judged by what a day's rows can show
    "gates": {
        "require": {"roc_auc": 0.70, "pr_auc": 0.25},
        "slices": {"floor": 0.55, "min_rows": 200},
        "gaps": [],
        "calibration_error": 0.1,
    },
}
"""What differs from conf/insurance.yaml, section by section."""
TRAINING_SECONDS = 180.0
"""Longest wait for a run, or for a box of it."""


class Stage:
    """Everything one show needs, below one folder; use it in a ``with``."""

    def __init__(self, folder: Path, origin: Settings, changes: dict[str, dict[str, Any]]) -> None:
        rmtree(folder, ignore_errors=True)
        self.folder = folder.resolve()
        self.settings = _own_settings(self.folder)
        self.project = _lay_out(self.settings.workspace, origin.workspace, changes)
        self.token = secrets.token_hex(16)
        self.children = Children(self.folder / "logs", _environment(self.settings, self.token))
        self.ports = {name: free_port() for name in PROCESSES}
        self.telling = Telling(self.children, self.ports, self.folder / "alerting", self.token)
        self.traffic = Traffic(self.url("server"), self.project)
        self._last = dt.datetime.now(dt.UTC)

    def __enter__(self) -> "Stage":
        self.children.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):  # a second Ctrl-C must not leave half of them behind
            signal.signal(number, signal.SIG_IGN)
        self.children.__exit__(*error)
        for run in self.runs():
            if run.ended is None and run.pid:
                end_group(run.pid)

    def url(self, process: str) -> str:
        """Where a process of the loop listens."""
        return f"http://127.0.0.1:{self.ports[process]}"

    def start_watchers(self) -> None:
        """Exporter, webhook and, where installed, Prometheus and Alertmanager."""
        self.start_exporter()
        self.start_webhook()
        self.telling.start()

    def start_exporter(self) -> None:
        """The exporter alone."""
        self.children.room("exporter", "monitoring", "exporter", "--port", str(self.ports["exporter"]))

    def start_webhook(self, **environment: str) -> None:
        """The governor alone."""
        self.children.room(
            "webhook", "monitoring", "webhook", "--port", str(self.ports["webhook"]), environment=environment
        )
        self.children.wait_for("webhook", f"{self.url('webhook')}/healthz")

    def start_registry(self) -> None:
        """An MLflow server over the embedded database, which runs are told of by its URL."""
        place = ("--host", "127.0.0.1", "--port", str(self.ports["registry"]), "--workers", "1")
        store = ("--backend-store-uri", str(self.settings.tracking_uri))
        quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        self.children.room("registry", "mlflow", "server", *place, *store, environment=quiet)
        self.children.wait_for("registry", f"{self.url('registry')}/health")

    def train(self) -> Release:
        """Run the pipeline once; what it released."""
        self.children.room("training", "pipelines", "run", PROJECT)
        if self.children.finish("training"):
            raise PipelineError(f"the first training failed:\n{tail(self.children.log('training'))}")
        return self.release()

    def serve(self) -> None:
        """Start the server and wait until it answers."""
        release = self.settings.releases / PROJECT / "release.json"
        port = str(self.ports["server"])
        words = (
            "serving",
            "--follow",
            str(release),
            "--port",
            port,
            "--interval",
            "0.2",
            "--ledger-interval",
            "0.3",
            "--drain",
            "0",
        )
        self.children.room("server", *words)
        self.children.wait_for("server", f"{self.url('server')}/readyz")

    def release(self) -> Release:
        """What is served."""
        current = LocalTarget(self.settings.releases).status(PROJECT).current
        if current is None:
            raise PipelineError(f"nothing is released below {self.settings.releases}")
        return current

    def champion(self) -> str:
        """Version that the registry calls champion."""
        return champion_version(self.settings, PROJECT)

    def run_folders(self) -> set[Path]:
        """Folders of the pipeline's runs."""
        return set((self.settings.home / "runs" / PROJECT).glob("[0-9]*"))

    def is_training(self, known: set[Path]) -> bool:
        """Whether a run whose folder is not among the known ones has come to its train box."""
        return any((folder / "logs" / "train.log").exists() for folder in self.run_folders() - known)

    def send(self, rows: int, *, labelled: bool = True, **how: Any) -> Sent:
        """Traffic over HTTP, its labels too, and wait until the ledger has it."""
        sent = self.traffic.send(rows, **how)
        if labelled:
            self.traffic.label(sent)
        wait_until(self.traffic.is_written, "the server to write its ledger")
        return sent

    def check(self, *, later: dt.timedelta = dt.timedelta()) -> WindowResult:
        """Judge all traffic since the last check as one window, and write the result: time is compressed here."""
        end = dt.datetime.now(dt.UTC)
        if end - self._last < dt.timedelta(seconds=1):  # results are named by the second
            time.sleep(1)
            end = dt.datetime.now(dt.UTC)
        watched = released(PROJECT, self.settings)
        before = read_results(self.settings.results, PROJECT, watched.release.version)
        result = judge(watched, read(watched, Span(self._last, end)), before, end + later)
        write_result(self.settings.results, result)
        self._last = end
        return result

    def runs(self) -> list[Run]:
        """All retrainings so far."""
        return open_state(self.settings).runs(PROJECT)

    def decisions(self) -> list[Entry]:
        """All decisions so far."""
        return open_state(self.settings).decisions(PROJECT)

    def run_log(self, run: Run) -> Path:
        """What a retraining wrote."""
        return log_file(self.settings, PROJECT, run.id)

    def wait_for_start(self, number: int) -> Run:
        """The retraining of this number (from 1), once it was started."""
        wait_until(
            lambda: len(self.runs()) >= number, f"retraining {number} to start; see {self.children.log('webhook')}"
        )
        return self.runs()[number - 1]

    def wait_for_end(self, number: int) -> Run:
        """The same, once it has ended."""
        wait_until(lambda: self.runs()[number - 1].ended is not None, f"retraining {number} to end", TRAINING_SECONDS)
        return self.runs()[number - 1]

    def wait_for_version(self, version: str) -> None:
        """Wait until the server answers with this version."""
        wait_until(lambda: self.traffic.served_version() == version, f"the server to answer with version {version}")


def _own_settings(folder: Path) -> Settings:
    """Every place named: none may come from the environment."""
    home = folder / "home"
    return Settings(
        home=home,
        workspace=folder / "workspace",
        tracking_uri=f"sqlite:///{home / 'mlflow.db'}",
        ledger=str(home / "ledger"),
        released=str(home / "releases"),
        results=str(home / "monitoring"),
        data_remote=None,
        s3_endpoint=None,
        kfp_host=None,
        _env_file=None,
    )


def _lay_out(place: Path, origin: Path, changes: dict[str, dict[str, Any]]) -> Project:
    """A workspace with the changed project and its data; the checkout it is taken from is only read."""
    whole = load_project(origin / "conf" / f"{PROJECT}.yaml").model_dump(mode="json", exclude_defaults=True)
    for section, values in changes.items():
        whole[section] = _merged(whole.get(section, {}), values)
    project = Project.model_validate(whole)
    for folder in ("conf", "data"):
        (place / folder).mkdir(parents=True)
    text = yaml.safe_dump(project.model_dump(mode="json", exclude_defaults=True), sort_keys=False)
    (place / "conf" / f"{PROJECT}.yaml").write_text(text, encoding="utf-8")
    copyfile(origin / project.data.pointer_path, place / project.data.pointer_path)
    return project


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    both = old | new
    return both | {
        name: _merged(old[name], new[name])
        for name in new
        if isinstance(new[name], dict) and isinstance(old.get(name), dict)
    }


def _environment(settings: Settings, token: str) -> dict[str, str]:
    """Nothing of the user's set-up: a show must not write to a real registry, remote or cluster."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("EVENKEEL_", "MLFLOW_", "AWS_"))}
    return kept | {
        "EVENKEEL_HOME": str(settings.home),
        "EVENKEEL_WORKSPACE": str(settings.workspace),
        "EVENKEEL_WEBHOOK_TOKEN": token,
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "DVC_NO_ANALYTICS": "1",
        "DO_NOT_TRACK": "1",
    }
