"""Traffic by AWS's load balancer controller: one Ingress a project, whose weights are a forward action.

The controller writes no generation back, so an Ingress with an address counts as taken up. It cannot mirror: a step
of 0 % is a step without traffic. https://kubernetes-sigs.github.io/aws-load-balancer-controller/ (annotations)
"""

import json
from dataclasses import dataclass

from evenkeel.cluster import Cluster, Object
from evenkeel.cluster.kinds import KINDS
from evenkeel.errors import RolloutError
from evenkeel.release import Release
from evenkeel.rollout.driver import Endpoint
from evenkeel.settings import Settings
from evenkeel.targets.kubernetes.gateway import PORT, host
from evenkeel.targets.kubernetes.routing import (
    CANDIDATE,
    CURRENT,
    VERSION_HEADER,
    Namer,
    Routing,
    Uptake,
    record_metadata,
    recorded,
)

_PREFIX = "alb.ingress.kubernetes.io"
_EVERYBODY = "everybody"
"""Name of the action that has the weights."""
_NOBODY = "nobody"
"""Name of the action for hosts and paths that lead nowhere."""


@dataclass(frozen=True)
class AlbRouter:
    """Ingresses of class ``alb``, which share one load balancer."""

    cluster: Cluster
    settings: Settings
    service: Namer
    kind: str = "Ingress"

    def render(self, project: str, routing: Routing) -> Object:
        """Rules in the order in which the load balancer tries them: versions by header, then everybody."""
        metadata = record_metadata(project, self.cluster.namespace, routing)
        metadata["annotations"] |= {
            f"{_PREFIX}/group.name": "evenkeel",
            f"{_PREFIX}/target-type": "ip",
            f"{_PREFIX}/healthcheck-path": "/readyz",
            f"{_PREFIX}/actions.{_NOBODY}": json.dumps(
                {"type": "fixed-response", "fixedResponseConfig": {"contentType": "text/plain", "statusCode": "404"}}
            ),
        }
        paths = []
        for release in (routing.current, routing.candidate):
            if release is not None:
                name = f"version-{release.version}"
                header = {"httpHeaderName": VERSION_HEADER, "values": [release.version]}
                condition = [{"field": "http-header", "httpHeaderConfig": header}]
                metadata["annotations"][f"{_PREFIX}/conditions.{name}"] = json.dumps(condition)
                metadata["annotations"][f"{_PREFIX}/actions.{name}"] = self._forward([(release, 1)])
                paths.append(_path(name))
        if routing.current is not None or routing.weight:
            shares = [(routing.current, 100 - routing.weight), (routing.candidate, routing.weight)]
            metadata["annotations"][f"{_PREFIX}/actions.{_EVERYBODY}"] = self._forward(shares)
            paths.append(_path(_EVERYBODY))
        spec: Object = {"ingressClassName": "alb", "defaultBackend": _action(_NOBODY)}
        if paths:
            spec["rules"] = [{"host": host(project, self.settings), "http": {"paths": paths}}]
        return {"apiVersion": KINDS[self.kind].api, "kind": self.kind, "metadata": metadata, "spec": spec}

    def read(self, found: Object) -> Routing:
        """The candidate's weight in the action for everybody."""
        current, candidate = recorded(found, CURRENT), recorded(found, CANDIDATE)
        weights = _weights(found)
        share = weights.get(self.service(candidate), 0) if candidate else 0
        return Routing(current, candidate, round(100 * share / sum(weights.values())) if share else 0)

    def uptake(self, found: Object) -> Uptake:
        """Done when the load balancer has an address: the controller says no more."""
        if _addresses(found):
            return Uptake("done")
        return Uptake("unseen", "the Ingress has no address yet: does the AWS load balancer controller run?")

    def endpoint(self, found: Object, release: Release) -> Endpoint:
        """The load balancer, with the headers that lead to this version."""
        addresses = _addresses(found)
        if not (self.settings.gateway_url or addresses):
            raise RolloutError(
                f"Ingress {release.project} has no address yet: see kubectl describe ingress {release.project}"
            )
        url = self.settings.gateway_url or f"http://{addresses[0]}"
        return Endpoint(url, {"Host": host(release.project, self.settings), VERSION_HEADER: release.version})

    def _forward(self, shares: list[tuple[Release | None, int]] | list[tuple[Release, int]]) -> str:
        groups = [
            {"serviceName": self.service(release), "servicePort": str(PORT), "weight": weight}
            for release, weight in shares
            if release is not None
        ]
        return json.dumps({"type": "forward", "forwardConfig": {"targetGroups": groups}})


def _weights(found: Object) -> dict[str, int]:
    """Service -> weight of the action for everybody."""
    name = f"{_PREFIX}/actions.{_EVERYBODY}"
    text = found["metadata"].get("annotations", {}).get(name)
    if text is None:
        return {}
    try:
        groups = json.loads(text)["forwardConfig"]["targetGroups"]
        return {each["serviceName"]: int(each["weight"]) for each in groups}
    except (ValueError, LookupError, TypeError) as exc:
        raise RolloutError(
            f"Ingress {found['metadata']['name']}: annotation {name} was edited by hand and cannot be read: {exc}"
        ) from exc


def _path(action: str) -> Object:
    return {"path": "/", "pathType": "Prefix", "backend": _action(action)}


def _action(name: str) -> Object:
    return {"service": {"name": name, "port": {"name": "use-annotation"}}}


def _addresses(found: Object) -> list[str]:
    entries = found.get("status", {}).get("loadBalancer", {}).get("ingress", [])
    return [each.get("hostname") or each["ip"] for each in entries]
