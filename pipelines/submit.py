"""Runs of a project on Kubeflow: once, by the clock, and the pipeline itself as a versioned thing there."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenkeel.config import Project, find_project
from evenkeel.digest import file_sha256
from evenkeel.errors import PipelineError
from evenkeel.settings import Settings, read_settings
from pipelines.compile import COMPILED, COMPILED_MONITORING, MONITORING, PIPELINE
from pipelines.kubeflow import connect, told
from pipelines.package import package
from pipelines.parameters import resolve
from pipelines.tasks import NEEDS
from pipelines.verdict import raise_verdict

if TYPE_CHECKING:
    from kfp.client import Client
    from kfp_server_api import V2beta1PipelineTaskDetail, V2beta1Run

TERMINAL = ("SUCCEEDED", "SKIPPED", "FAILED", "CANCELED")
PATIENCE = 5
"""Answers in a row that may be missing while we wait: a gateway restarts, a laptop changes networks."""


def submit(name: str, *, target: str | None, cached: bool = True, poll_seconds: float = 3.0) -> None:
    """Run a project there and wait until it ends, in whatever way, with a line for every box that changes state.

    Raises PipelineError where it cannot be submitted or did not succeed, GateError where the gate refused and
    ApprovalError where the deployment waits for somebody's approval.
    """
    settings = read_settings()
    project = find_project(name, settings.workspace / "conf")
    parameters = resolve(project, settings, target)
    title = f"{project.name} {parameters.data_version[:8]}"
    with package(COMPILED, settings.image, stages=project.stages, cached=cached) as path:
        ended, link = _see_through(settings, project, title, path, asdict(parameters), poll_seconds)
    failed = {task.display_name for task in _tasks(ended) if task.state == "FAILED"}
    raise_verdict(settings, project, parameters, failed, f"{_reason(ended)}; see {link}")
    _expect_success(ended, link)


def submit_monitoring(name: str, *, poll_seconds: float = 3.0) -> None:
    """Check a project's windows there, once, and wait until it ends. Raises PipelineError."""
    settings = read_settings()
    project = find_project(name, settings.workspace / "conf")
    with package(COMPILED_MONITORING, settings.monitoring_image, stages=project.stages) as path:
        ended, link = _see_through(settings, project, f"{name} monitoring", path, {"project": name}, poll_seconds)
    _expect_success(ended, link)


def _see_through(
    settings: Settings, project: Project, title: str, path: Path, parameters: dict[str, Any], poll_seconds: float
) -> tuple["V2beta1Run", str]:
    """Submit a run and wait for its end; the run, and where people see it."""
    client, host = connect(settings), _host(settings)
    with told(host):
        run = client.create_run_from_pipeline_package(
            str(path),
            arguments=parameters,
            run_name=title,
            experiment_name=project.name,
            namespace=settings.kfp_namespace,
            service_account=settings.kfp_service_account,
        )
    link = f"{host}/#/runs/details/{run.run_id}"
    print(f"{title}: submitted as {link}", flush=True)
    return _wait(client, host, run.run_id, poll_seconds), link


def _expect_success(ended: "V2beta1Run", link: str) -> None:
    if ended.state != "SUCCEEDED":
        raise PipelineError(f"the run ended as {ended.state}: {_reason(ended)}; see {link}")
    print(f"the run ended as {ended.state}")


def schedule(name: str, *, target: str | None, cron: str | None) -> None:
    """Create a project's recurring run, or replace it. ``cron`` None: retraining.schedule of the project.

    Its runs find champion and, where EVENKEEL_DATA_GIT is set, data version out when they start; they use no cache,
    which could not see either. Raises PipelineError.
    """
    settings = read_settings()
    project = find_project(name, settings.workspace / "conf")
    when = _cron(project, cron)
    parameters = replace(resolve(project, settings, target), champion_version="", champion_digest="")
    if settings.data_git and not project.data.version:
        parameters = replace(parameters, data_version="")
    with package(COMPILED, settings.image, stages=project.stages, cached=False) as path:
        _recur(settings, project, f"evenkeel-{project.name}", when, path, asdict(parameters))


def schedule_monitoring(name: str, *, cron: str | None) -> None:
    """Create the recurring check of a project's windows, or replace it. ``cron`` None: each hour, five minutes past.

    A check without a window that has ended costs a start. Raises PipelineError.
    """
    settings = read_settings()
    project = find_project(name, settings.workspace / "conf")
    when = _cron(project, cron or "0 5 * * * *")
    with package(COMPILED_MONITORING, settings.monitoring_image, stages=project.stages) as path:
        _recur(settings, project, f"evenkeel-{project.name}-monitoring", when, path, {"project": name})


def _recur(settings: Settings, project: Project, title: str, when: str, path: Path, parameters: dict[str, Any]) -> None:
    """Make a recurring run in the project's experiment, then delete those that had its title."""
    client, host = connect(settings), _host(settings)
    with told(host):
        experiment = client.create_experiment(project.name, namespace=settings.kfp_namespace).experiment_id
        listed = _all(client.list_recurring_runs, "recurring_runs", experiment_id=experiment)
        old = [each.recurring_run_id for each in listed if each.display_name == title]
        made = client.create_recurring_run(
            experiment,
            title,
            cron_expression=when,
            no_catchup=True,
            params=parameters,
            pipeline_package_path=str(path),
            service_account=settings.kfp_service_account,
        )
        for each in old:
            client.delete_recurring_run(each)
    verb = "replaced" if old else "created"
    print(f"{project.name}: {verb} recurring run '{when}': {host}/#/recurringrun/details/{made.recurring_run_id}")


def upload() -> None:
    """Make the compiled pipeline a version of the pipeline there, named by its digest; the first makes the pipeline.

    It is every project's, so it has the pipeline's own figures, and no project's ``stages``. Raises PipelineError.
    """
    settings = read_settings()
    with package(COMPILED, settings.image) as path:
        _upload(settings, PIPELINE, path)


def upload_monitoring() -> None:
    """The same for the pipeline that checks windows."""
    settings = read_settings()
    with package(COMPILED_MONITORING, settings.monitoring_image) as path:
        _upload(settings, MONITORING, path)


def _upload(settings: Settings, title: str, path: Path) -> None:
    from kfp_server_api import V2beta1Pipeline

    client, host = connect(settings), _host(settings)
    with told(host):
        version = file_sha256(path)[:12]
        listed = _all(client.list_pipelines, "pipelines", namespace=settings.kfp_namespace)
        pipeline = next((each.pipeline_id for each in listed if each.display_name == title), None)
        if pipeline is None:
            wanted = V2beta1Pipeline(display_name=title, namespace=settings.kfp_namespace)
            pipeline = client.pipelines.pipeline_service_create_pipeline(wanted).pipeline_id
        versions = _all(client.list_pipeline_versions, "pipeline_versions", pipeline_id=pipeline)
        known = {each.display_name for each in versions}
        if version not in known:
            client.upload_pipeline_version(str(path), version, pipeline_id=pipeline)
    verb = "has already" if version in known else "has now"
    print(f"{title} {verb} version {version}: {host}/#/pipelines/details/{pipeline}")


def _host(settings: Settings) -> str:
    return (settings.kfp_host or "").rstrip("/")


def _cron(project: Project, cron: str | None) -> str:
    when = cron or project.retraining.schedule
    if when is None:
        raise PipelineError(
            f"conf/{project.name}.yaml has no retraining.schedule: add one, or give --cron '0 0 3 * * *'"
        )
    if len(when.split()) != 6:
        raise PipelineError(f"--cron {when!r} needs six fields, seconds first: '0 0 3 * * *' is daily at 03:00")
    return when


def _wait(client: "Client", host: str, run_id: str, seconds: float) -> "V2beta1Run":
    """The run, once it has ended. The client's own wait never ends for a run that was cancelled."""
    states: dict[str, str] = {}
    while True:
        run = _ask(client, host, run_id, seconds)
        for task in _tasks(run):
            if task.display_name in NEEDS and states.get(task.task_id) != task.state:
                states[task.task_id] = task.state
                print(f"  {task.display_name:<13} {task.state.lower()}", flush=True)
        if run.state in TERMINAL:
            return run
        time.sleep(seconds)


def _ask(client: "Client", host: str, run_id: str, seconds: float) -> "V2beta1Run":
    for missing in range(PATIENCE + 1):
        try:
            with told(host):
                return client.get_run(run_id)
        except PipelineError:
            if missing == PATIENCE:
                raise
            time.sleep(seconds)
    raise AssertionError


def _tasks(run: "V2beta1Run") -> "list[V2beta1PipelineTaskDetail]":
    return (run.run_details.task_details if run.run_details else None) or []


def _reason(run: "V2beta1Run") -> str:
    """The messages of the run and of the boxes that failed."""
    errors = [(task.display_name, task.error) for task in _tasks(run) if task.error and task.display_name in NEEDS]
    lines = [f"{name}: {error.message}" for name, error in errors] or ([run.error.message] if run.error else [])
    return "; ".join(lines) or "it gives no reason"


def _all(ask: Callable[..., Any], field: str, **about: Any) -> Iterator[Any]:
    """All entries of a listing, page by page."""
    token = ""
    while True:
        page = ask(page_token=token, page_size=100, **about)
        yield from getattr(page, field) or []
        token = page.next_page_token
        if not token:
            return
