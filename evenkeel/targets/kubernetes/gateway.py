"""Traffic by the Gateway API: one HTTPRoute a project, with weights, a header for each version, and a mirror."""

from dataclasses import dataclass
from typing import Any

from evenkeel.cluster import Cluster, Object
from evenkeel.cluster.kinds import KINDS
from evenkeel.errors import RolloutError
from evenkeel.release import Release
from evenkeel.rollout.driver import Endpoint
from evenkeel.settings import Settings
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

PORT = 80
"""Of every server's Service."""
_EVERYTHING = {"path": {"type": "PathPrefix", "value": "/"}}
_CONDITIONS = ("Accepted", "ResolvedRefs")


@dataclass(frozen=True)
class GatewayRouter:
    """HTTPRoutes on one Gateway."""

    cluster: Cluster
    settings: Settings
    service: Namer
    kind: str = "HTTPRoute"

    def render(self, project: str, routing: Routing) -> Object:
        """Without releases the route has the API's default rule, which has no backend and answers 404."""
        namespace, name = split_gateway(self.settings)
        spec: Object = {
            "parentRefs": [
                {"group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": namespace, "name": name}
            ],
            "hostnames": [host(project, self.settings)],
        }
        if rules := self._rules(routing):
            spec["rules"] = rules
        metadata = record_metadata(project, self.cluster.namespace, routing)
        return {"apiVersion": KINDS[self.kind].api, "kind": self.kind, "metadata": metadata, "spec": spec}

    def read(self, found: Object) -> Routing:
        """The candidate's weight among the backends of the rule for everybody."""
        current, candidate = recorded(found, CURRENT), recorded(found, CANDIDATE)
        rules = [rule for rule in found["spec"].get("rules", []) if not _by_header(rule)]
        backends = {each["name"]: each.get("weight", 1) for rule in rules for each in rule.get("backendRefs", [])}
        share = backends.get(self.service(candidate), 0) if candidate else 0
        weight = round(100 * share / sum(backends.values())) if share else 0
        mirrors = any(each["type"] == "RequestMirror" for rule in rules for each in rule.get("filters", []))
        return Routing(current, candidate, weight, mirrors)

    def uptake(self, found: Object) -> Uptake:
        """Done when our Gateway has accepted this generation of the route, and found all its Services."""
        namespace, name = split_gateway(self.settings)
        parents = [
            parent
            for parent in found.get("status", {}).get("parents", [])
            if (parent["parentRef"].get("namespace"), parent["parentRef"]["name"]) == (namespace, name)
        ]
        conditions = {each["type"]: each for parent in parents for each in parent.get("conditions", [])}
        if not conditions:
            return Uptake("unseen", f"no controller has looked at the route yet: does Gateway {namespace}/{name} run?")
        wanted = found["metadata"]["generation"]
        if any(conditions.get(each, {}).get("observedGeneration", 0) < wanted for each in _CONDITIONS):
            return Uptake("stale", "the gateway has not taken up the last change of the route yet")
        for each in _CONDITIONS:
            if conditions[each]["status"] != "True":
                told = f"the gateway does not take the route ({conditions[each].get('reason', each)})"
                return Uptake("refused", f"{told}: {conditions[each].get('message', '')}")
        return Uptake("done")

    def endpoint(self, found: Object, release: Release) -> Endpoint:  # noqa: ARG002  an Ingress has its own address
        """The gateway's address, with the headers that lead to this version."""
        headers = {"Host": host(release.project, self.settings), VERSION_HEADER: release.version}
        return Endpoint(self.settings.gateway_url or self._address(), headers)

    def _rules(self, routing: Routing) -> list[Object]:
        releases = [each for each in (routing.current, routing.candidate) if each is not None]
        rules = [self._pinned(each) for each in releases]
        backends = [(routing.current, 100 - routing.weight), (routing.candidate, routing.weight)]
        shared = [self._backend(each, weight) for each, weight in backends if each is not None]
        if routing.current is None and routing.weight == 0:  # nobody but the smoke test may meet it yet
            return rules
        rule: Object = {"matches": [_EVERYTHING], "backendRefs": shared}
        if routing.shadow and routing.candidate is not None:
            mirror = {"backendRef": self._reference(routing.candidate)}
            rule["filters"] = [{"type": "RequestMirror", "requestMirror": mirror}]
        return [*rules, rule]

    def _pinned(self, release: Release) -> Object:
        header = {"type": "Exact", "name": VERSION_HEADER, "value": release.version}
        return {"matches": [{**_EVERYTHING, "headers": [header]}], "backendRefs": [self._backend(release, 1)]}

    def _backend(self, release: Release, weight: int) -> Object:
        return {**self._reference(release), "weight": weight}

    def _reference(self, release: Release) -> Object:
        return {"group": "", "kind": "Service", "name": self.service(release), "port": PORT}

    def _address(self) -> str:
        namespace, name = split_gateway(self.settings)
        gateway = self.cluster.get("Gateway", name, namespace)
        addresses: list[Any] = (gateway or {}).get("status", {}).get("addresses", [])
        if not addresses:
            raise RolloutError(
                f"Gateway {namespace}/{name} has no address in its status, so nobody can be asked through it: set"
                " EVENKEEL_GATEWAY_URL, as kubectl port-forward gives one"
            )
        return f"http://{addresses[0]['value']}"


def host(project: str, settings: Settings) -> str:
    """The name under which a project answers."""
    return f"{project}.{settings.domain}"


def split_gateway(settings: Settings) -> tuple[str, str]:
    """Namespace and name. Raises RolloutError where the setting is not both."""
    namespace, slash, name = settings.gateway.partition("/")
    if not (namespace and slash and name):
        raise RolloutError(f"EVENKEEL_GATEWAY is {settings.gateway!r}: give namespace/name")
    return namespace, name


def _by_header(rule: Object) -> bool:
    return any(match.get("headers") for match in rule.get("matches", []))
