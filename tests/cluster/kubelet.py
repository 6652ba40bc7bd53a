"""A fake of all that runs in a cluster beside its API server: it writes the statuses that controllers would.

`Kubelet.settle` looks once at a namespace and does what Deployment controller, kubelet and gateway controller would
have come to: every server ready, every route taken up. What a test wants otherwise it says with `sick` (no pod of that
Deployment gets ready) and `blind` (routes are not taken up).
"""

import ssl
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.cluster.apiserver import ApiServer

Object = dict[str, Any]
MERGE = {"Content-Type": "application/merge-patch+json"}
CORE = "/api/v1"
APPS = "/apis/apps/v1"
GATEWAYS = "/apis/gateway.networking.k8s.io/v1"


def administrator(server: ApiServer) -> httpx.Client:
    """Whoever may do everything, without the half second that kubectl takes to start."""
    context = ssl.create_default_context(cafile=str(server.certificate))
    headers = {"Authorization": f"Bearer {server.admin_token}"}
    return httpx.Client(base_url=server.url, verify=context, headers=headers, trust_env=False)


@dataclass
class Kubelet:
    """Statuses of one namespace."""

    api: httpx.Client
    namespace: str
    sick: dict[str, Object] = field(default_factory=dict)
    """Deployment -> status of its one container."""
    blind: bool = False

    def settle(self) -> None:
        """One look."""
        for deployment in self.every(APPS, "deployments"):
            self._deploy(deployment)
        if not self.blind:
            for route in self.every(GATEWAYS, "httproutes"):
                self._take_up(route)

    def every(self, group: str, plural: str) -> list[Object]:
        """All objects of a kind."""
        answer = self.api.get(self.path(group, plural)).raise_for_status()
        items: list[Object] = answer.json()["items"]
        return items

    def path(self, group: str, plural: str, *more: str) -> str:
        """Where the API server has them."""
        return "/".join([group, "namespaces", self.namespace, plural, *more])

    def write(self, path: str, found: Object, status: Object) -> None:
        """Through the status subresource, as controllers do; nothing where it says so already."""
        if {**found.get("status", {}), **status} != found.get("status"):
            self.api.patch(f"{path}/status", json={"status": status}, headers=MERGE).raise_for_status()

    def _deploy(self, deployment: Object) -> None:
        name, wanted = deployment["metadata"]["name"], deployment["spec"]["replicas"]
        ready = 0 if name in self.sick else wanted
        if name in self.sick and wanted:
            self._pod(deployment, self.sick[name])
        counts = {"replicas": wanted, "updatedReplicas": wanted, "readyReplicas": ready, "availableReplicas": ready}
        status = {"observedGeneration": deployment["metadata"]["generation"], **counts}
        self.write(self.path(APPS, "deployments", name), deployment, status)

    def _pod(self, deployment: Object, container: Object) -> None:
        template, name = deployment["spec"]["template"], f"{deployment['metadata']['name']}-0"
        pod = {"metadata": {**template["metadata"], "name": name}, "spec": template["spec"]}
        made = self.api.post(self.path(CORE, "pods"), json=pod)
        assert made.status_code in (201, 409), made.text
        first = template["spec"]["containers"][0]
        status = {"name": first["name"], "image": first["image"], "imageID": "", "ready": False, "restartCount": 0}
        self.write(
            self.path(CORE, "pods", name), pod, {"phase": "Pending", "containerStatuses": [{**status, **container}]}
        )

    def _take_up(self, route: Object) -> None:
        common = {
            "status": "True",
            "message": "",
            "observedGeneration": route["metadata"]["generation"],
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        conditions = [{"type": kind, "reason": kind, **common} for kind in ("Accepted", "ResolvedRefs")]
        parents = [
            {"parentRef": parent, "controllerName": "example.com/fake", "conditions": conditions}
            for parent in route["spec"]["parentRefs"]
        ]
        self.write(self.path(GATEWAYS, "httproutes", route["metadata"]["name"]), route, {"parents": parents})
