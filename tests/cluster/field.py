"""What a rollout needs around it on a real API server: a namespace with its roles, servers, bundles, a clock.

Servers are the real ones: what a route leads to is started as a process, with the arguments and the environment that
the Deployment gives its container, and found by them again.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from components.train.samples import sample_rows
from evenkeel.bundle import EVALUATION, SAMPLES, Bundle, open_bundle, seal_bundle
from evenkeel.cluster import Cluster, open_cluster
from evenkeel.cluster.kinds import CALLS
from evenkeel.config import Project
from evenkeel.predictor import Predictor
from evenkeel.rollout.driver import Driver
from evenkeel.rollout.run import Stepped
from evenkeel.settings import Settings
from evenkeel.storage import copy_in
from evenkeel.table import read_table
from evenkeel.targets.kserve import make_driver as make_kserve
from evenkeel.targets.kserve.managed import ManagedDriver
from evenkeel.targets.kubernetes import make_driver as make_kubernetes
from evenkeel.targets.kubernetes.driver import RoutedDriver
from tests.cluster.apiserver import ApiServer
from tests.cluster.gateway import Gateway
from tests.cluster.kubelet import APPS, Kubelet, Object
from tests.evenkeel.rollout.stage import Clock, Told
from tests.serving.bundles import certify, make_bundle, make_project
from tests.serving.running import REPOSITORY, Running, free_port

STEPS = (
    {"traffic": 0, "bake_minutes": 1, "checks": ["errors"]},
    {"traffic": 10, "bake_minutes": 1, "checks": ["errors", "latency"]},
    {"traffic": 100, "bake_minutes": 0, "checks": ["errors"]},
)
MANIFESTS = {"kubernetes": "base/deploy-kubernetes.yaml", "kserve": "components/kserve/deploy-kserve.yaml"}


@dataclass
class Machines:
    """Server processes, by what they were started with; they outlive tests, because starting one takes seconds."""

    folder: Path
    running: dict[str, Running] = field(default_factory=dict)
    bundles: str = ""
    """Where all of them fetch bundles."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def url(self, deployment: Object) -> str:
        """Where the server of this Deployment answers."""
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        environment = {each["name"]: each["value"] for each in container.get("env", [])}
        key = json.dumps([container["args"], environment])
        with self.lock:  # who asks again, because starting takes long, waits for the same
            if key not in self.running:
                self.running[key] = self._start(container["args"], environment)
            self.running[key].wait_for("/readyz", 200, 60)
        return self.running[key].url

    def stop(self) -> None:
        """All of them."""
        for each in self.running.values():
            each.kill()

    def _start(self, arguments: list[str], environment: Mapping[str, str]) -> Running:
        port, number = free_port(), len(self.running)
        home, log = self.folder / f"home-{number}", self.folder / f"server-{number}.log"
        options = dict(zip(arguments[::2], arguments[1::2], strict=True))
        if source := environment.get("STORAGE_URI"):  # what KServe's storage initializer does
            copy_in(source, home / "models")
            options["--model-dir"] = str(home / "models")
        options |= {"--host": "127.0.0.1", "--port": str(port)}
        given = {**os.environ, **environment, "PYTHONPATH": str(REPOSITORY), "EVENKEEL_HOME": str(home)}
        command = [sys.executable, "-m", "serving", *(each for pair in options.items() for each in pair)]
        with log.open("wb") as out:
            process = subprocess.Popen(command, cwd=self.folder, env=given, stdout=out, stderr=out)
        return Running(process, port, log)


@dataclass
class Field:
    """One namespace, and a project that is rolled out in it."""

    server: ApiServer
    kubelet: Kubelet
    machines: Machines
    bundles: str
    folder: Path
    target: str
    clock: Clock = field(default_factory=Clock)
    judge: Told = field(default_factory=Told)
    said: list[str] = field(default_factory=list)
    changes: dict[str, Any] = field(default_factory=dict)
    """Settings that a test wants otherwise."""
    kubeconfig: str = ""
    gateway: Gateway = field(init=False)
    steps: tuple[Mapping[str, Any], ...] = STEPS

    def __post_init__(self) -> None:
        self.clock.meanwhile = self.kubelet.settle
        _house(self.server, self.kubelet.namespace, self.target)
        token = self.server.token_for(self.kubelet.namespace, f"deploy-{self.target}")
        self.kubeconfig = str(self.server.kubeconfig_for(token))

    @property
    def project(self) -> Project:
        """The project, whose steps a test may have changed."""
        project = make_project()
        serving = {"target": self.target, "rollout": [dict(step) for step in self.steps]}
        return Project.model_validate({**project.model_dump(mode="json", by_alias=True), "serving": serving})

    @property
    def settings(self) -> Settings:
        """As somebody would set them."""
        namespace = self.kubelet.namespace
        given = {
            "namespace": namespace,
            "gateway": f"{namespace}-gateway/evenkeel",
            "gateway_url": self.gateway.url,
            "bundles": self.bundles,
            "serving_image": "registry.example/evenkeel-serving@sha256:" + "a" * 64,
            "prometheus": "http://prometheus.example",
            "s3_endpoint": os.environ.get("EVENKEEL_S3_ENDPOINT"),
        }
        return Settings(**{**given, **self.changes})

    def driver(self, connect: type[Cluster] = Cluster) -> RoutedDriver | ManagedDriver:
        """As the narrow service account, with a connection of its own."""
        os.environ["KUBECONFIG"] = self.kubeconfig
        opened = open_cluster(self.settings.namespace, CALLS[self.target], None)
        cluster = connect(opened.api, opened.namespace, opened.calls)
        if self.target == "kserve":
            return make_kserve(cluster, self.settings)
        return make_kubernetes(cluster, self.settings)

    def process(self, me: str = "me", driver: Driver | None = None, patience: float = 3600) -> Stepped:
        """Somebody who rolls out."""
        return Stepped(
            driver or self.driver(),
            self.judge,
            self.bundles,
            now=self.clock.now,
            sleep=self.clock.sleep,
            tell=self.said.append,
            interval=10,
            patience=patience,
            me=me,
        )

    def bundle(self, version: str) -> Bundle:
        """The certified bundle of a version, with samples that it answered itself."""
        place = self.folder / version
        return open_bundle(place) if place.is_dir() else _sampled(place, self.project, int(version))

    def roll_out(self, *versions: str) -> None:
        """One after the other."""
        for version in versions:
            self.process().apply(self.project, self.bundle(version), version)

    def backend(self, service: str) -> str:
        """Where a Service's server listens: its Deployment has the Service's name."""
        found = self.kubelet.api.get(self.kubelet.path(APPS, "deployments", service))
        return self.machines.url(found.raise_for_status().json())

    def served(self) -> tuple[str | None, str | None, int | None]:
        """Versions: current, candidate; and its traffic."""
        status = self.process().status("people")
        current = status.current.version if status.current else None
        return current, status.candidate.version if status.candidate else None, status.traffic

    def names(self, kinds: str) -> set[str]:
        """kind/name of what is there, as kubectl tells it."""
        return set(self.server.kubectl("get", kinds, "-n", self.kubelet.namespace, "-o", "name").split())


def _sampled(folder: Path, project: Project, seed: int) -> Bundle:
    made = make_bundle(folder, project, seed=seed)
    rows = sample_rows(read_table(folder / EVALUATION), project, Predictor.load(made))
    (folder / SAMPLES).write_text(json.dumps(rows))
    certify(seal_bundle(folder, made.manifest), passed=True)
    return open_bundle(folder)


def _house(server: ApiServer, namespace: str, target: str) -> None:
    """The namespaces, accounts, roles and Gateway of manifests/, in namespaces of this test's own."""
    server.kubectl("create", "namespace", f"{namespace}-gateway")
    server.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    files = ["base/gateway.yaml", "base/server.yaml", MANIFESTS[target]]
    if target == "kserve":
        files.append("components/kserve/runtime.yaml")
    moved = {"evenkeel-models": namespace, "evenkeel": f"{namespace}-gateway"}
    documents = [
        _moved(document, moved)
        for file in files
        for document in yaml.safe_load_all((REPOSITORY / "manifests" / file).read_text())
        if document["kind"] != "GatewayClass"
    ]
    server.apply(*documents)
    programmed = {
        "type": "Programmed",
        "status": "True",
        "reason": "Programmed",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    status = json.dumps({"status": {"conditions": [programmed]}})
    options = ["-n", f"{namespace}-gateway", "--subresource=status", "--type=merge", "-p", status]
    server.kubectl("patch", "gateways.gateway.networking.k8s.io/evenkeel", *options)


def _moved(node: Any, namespaces: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {
            key: namespaces.get(value, value) if key == "namespace" else _moved(value, namespaces)
            for key, value in node.items()
        }
    return [_moved(each, namespaces) for each in node] if isinstance(node, list) else node
