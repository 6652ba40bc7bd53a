"""A FAKE Kubeflow Pipelines API: a test double in this process, not Kubeflow.

It keeps in memory what the real ``kfp.Client`` sends over HTTP, and executes a submitted run's pipeline with our local
runner in a child process; a pipeline of one container, as that command. What it does not have: Kubernetes, pods,
images, caching, authorisation beyond one token.
"""

import json
import os
import re
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from tests.pipelines import execute

Json = dict[str, Any]


class RefusalError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


@dataclass
class FakeKfp:
    """The fake's state, and how it can misbehave."""

    folder: Path
    token: str | None = None
    """Only requests with this bearer token are let in."""
    multi_user: bool = False
    login_page: bool = False
    """Every answer is a page of HTML, as behind a gateway that wants a login."""
    failing: int = 0
    """How many requests for a run's state are still answered with 503."""
    url: str = ""
    experiments: dict[str, Json] = field(default_factory=dict)
    runs: dict[str, Json] = field(default_factory=dict)
    recurring: dict[str, Json] = field(default_factory=dict)
    pipelines: dict[str, Json] = field(default_factory=dict)
    versions: dict[str, Json] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    threads: list[threading.Thread] = field(default_factory=list)

    def answer(self, method: str, path: str, query: Json, body: Any) -> Json:
        """Route a request, its path below /apis/v2beta1/."""
        for verb, pattern, handle in ROUTES:
            if verb == method and (match := re.fullmatch(pattern, path)):
                return handle(self, query, body, *match.groups())
        raise RefusalError(404, f"the fake has no {method} {path}")

    def health(self, query: Json, body: Any) -> Json:
        return {"multi_user": self.multi_user}

    def list_experiments(self, query: Json, body: Any) -> Json:
        (predicate,) = json.loads(query["filter"])["predicates"]
        found = [each for each in self.experiments.values() if each["display_name"] == predicate["stringValue"]]
        return {"experiments": found, "total_size": len(found)}

    def create_experiment(self, query: Json, body: Json) -> Json:
        return _keep(self.experiments, "experiment_id", body)

    def create_run(self, query: Json, body: Json) -> Json:
        run = _keep(self.runs, "run_id", {**body, "state": "RUNNING"})
        folder = self.folder / run["run_id"]
        folder.mkdir()
        (folder / "pipeline.yaml").write_text(yaml.safe_dump(_specification(body)))
        command = _command(_specification(body), body["runtime_config"]["parameters"], folder)
        environment = {**os.environ, "PYTHONPATH": str(Path(execute.__file__).parents[2])}
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment)
        self.processes[run["run_id"]] = process
        self.threads.append(threading.Thread(target=self._follow, args=(run,)))
        self.threads[-1].start()
        return run

    def get_run(self, query: Json, body: Any, run_id: str) -> Json:
        if self.failing:
            self.failing -= 1
            raise RefusalError(503, "upstream connect error")
        return self.runs[run_id]

    def terminate_run(self, query: Json, body: Any, run_id: str) -> Json:
        self.runs[run_id]["state"] = "CANCELING"
        self.processes[run_id].terminate()
        return {}

    def list_recurring(self, query: Json, body: Any) -> Json:
        return _page(self.recurring, "recurringRuns", query, experiment_id=query["experiment_id"])

    def create_recurring(self, query: Json, body: Json) -> Json:
        return _keep(self.recurring, "recurring_run_id", body)

    def delete_recurring(self, query: Json, body: Any, recurring_id: str) -> Json:
        del self.recurring[recurring_id]
        return {}

    def list_pipelines(self, query: Json, body: Any) -> Json:
        return _page(self.pipelines, "pipelines", query)

    def create_pipeline(self, query: Json, body: Json) -> Json:
        return _keep(self.pipelines, "pipeline_id", body)

    def list_versions(self, query: Json, body: Any, pipeline_id: str) -> Json:
        return _page(self.versions, "pipeline_versions", query, pipeline_id=pipeline_id)

    def upload_version(self, query: Json, body: str) -> Json:
        version = {"display_name": query["name"], "pipeline_id": query["pipelineid"], "text": body}
        return _keep(self.versions, "pipeline_version_id", version)

    def _follow(self, run: Json) -> None:
        """Make the child's lines the states of tasks, its end the run's."""
        tasks: list[Json] = []
        with self.processes[run["run_id"]] as process:
            for line in process.stdout or ():
                if match := re.match(r"  (\S+) +[\d.]+ s  (ok|failed)", line):
                    name, state = match[1], {"ok": "SUCCEEDED", "failed": "FAILED"}[match[2]]
                    tasks.append({"task_id": name, "display_name": re.sub(r"-\d+$", "", name), "state": state})
                    run["run_details"] = {"task_details": tasks}
            error = process.stderr.read().strip() if process.stderr else ""
        if process.returncode == 0:
            run["state"] = "SUCCEEDED"
        elif run["state"] == "CANCELING":
            run["state"] = "CANCELED"
        else:
            run.update(state="FAILED", error={"code": 13, "message": error})


def _keep(table: dict[str, Json], key: str, body: Json) -> Json:
    name = str(uuid.uuid4())
    table[name] = {**body, key: name}
    return table[name]


def _page(table: dict[str, Json], field: str, query: Json, **equal: str) -> Json:
    """One entry a page: whoever lists must turn pages."""
    found = [each for each in table.values() if all(each.get(key) == value for key, value in equal.items())]
    start = int(query.get("page_token") or 0)
    following = {"next_page_token": str(start + 1)} if start + 1 < len(found) else {}
    return {field: found[start : start + 1], "total_size": len(found), **following}


def _command(specification: Json, parameters: Json, folder: Path) -> list[str]:
    """What runs a pipeline here: our local runner, or this Python in the place of a container's."""
    containers = [each["container"] for each in specification["deploymentSpec"]["executors"].values()]
    if len(containers) > 1:
        return [
            sys.executable, execute.__file__, str(folder / "pipeline.yaml"), json.dumps(parameters), str(folder / "run")
        ]  # fmt: skip
    (container,) = containers
    assert container["command"][0] == "python"
    given = {f"{{{{$.inputs.parameters['{name}']}}}}": value for name, value in parameters.items()}
    words = [*container["command"][1:], *container["args"]]
    return [sys.executable, *(given.get(word, word) for word in words)]


def _specification(body: Json) -> Json:
    specification = body["pipeline_spec"]
    return specification.get("pipeline_spec", specification)  # type: ignore[no-any-return]


Handle = Callable[..., Json]
ROUTES: tuple[tuple[str, str, Handle], ...] = (
    ("GET", "healthz", FakeKfp.health),
    ("GET", "experiments", FakeKfp.list_experiments),
    ("POST", "experiments", FakeKfp.create_experiment),
    ("POST", "runs", FakeKfp.create_run),
    ("GET", r"runs/([\w-]+)", FakeKfp.get_run),
    ("POST", r"runs/([\w-]+):terminate", FakeKfp.terminate_run),
    ("GET", "recurringruns", FakeKfp.list_recurring),
    ("POST", "recurringruns", FakeKfp.create_recurring),
    ("DELETE", r"recurringruns/([\w-]+)", FakeKfp.delete_recurring),
    ("GET", "pipelines", FakeKfp.list_pipelines),
    ("POST", "pipelines", FakeKfp.create_pipeline),
    ("GET", r"pipelines/([\w-]+)/versions", FakeKfp.list_versions),
    ("POST", "pipelines/upload_version", FakeKfp.upload_version),
)


def _handler(fake: FakeKfp) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._handle()

        def do_POST(self) -> None:
            self._handle()

        def do_DELETE(self) -> None:
            self._handle()

        def _handle(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            address = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(address.query).items()}
            try:
                if fake.token and self.headers.get("Authorization") != f"Bearer {fake.token}":
                    raise RefusalError(401, "Unauthenticated")
                path = address.path.removeprefix("/apis/v2beta1/")
                self._send(200, fake.answer(self.command, path, query, self._body(raw)))
            except RefusalError as refusal:
                self._send(refusal.status, {"error": refusal.message, "message": refusal.message})

        def _body(self, raw: bytes) -> Any:
            kind = self.headers.get("Content-Type", "")
            if not kind.startswith("multipart/"):
                return json.loads(raw) if raw else None
            message = BytesParser().parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + raw)
            (part,) = (each for each in message.walk() if not each.is_multipart())
            payload = part.get_payload(decode=True)
            assert isinstance(payload, bytes)
            return payload.decode()

        def _send(self, status: int, answer: Json) -> None:
            page = fake.login_page
            raw = b"<!doctype html><title>Log in</title>" if page else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if page else "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    return Handler


@contextmanager
def fake_kfp(folder: Path) -> Iterator[FakeKfp]:
    """The fake at a free port of this machine; its runs end with it."""
    fake = FakeKfp(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(fake))
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        for process in fake.processes.values():
            process.kill()
        for thread in fake.threads:
            thread.join()
