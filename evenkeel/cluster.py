"""The one door to Kubernetes. Objects are plain dicts, as their manifests are.

``KINDS`` lists every kind that is touched and ``CALLS`` what each target does to them. A verb that is not listed is
refused here, before the API server is asked, so the roles that are made from ``CALLS`` are what the code needs.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from evenkeel.errors import ConflictError, RolloutError, WorkloadError

if TYPE_CHECKING:
    from kubernetes.client import ApiClient, ApiException

Object = dict[str, Any]
Verb = Literal["get", "list", "create", "patch", "delete"]

MANAGER = "evenkeel"
"""Owner of the fields that are applied."""
JOURNAL_MANAGER = "evenkeel-journal"
"""Owner of the annotations that are patched: what is applied must not remove them."""
_TIMEOUT = (5, 30)
"""Seconds to connect, seconds between two bytes."""
_METHODS: Mapping[Verb, str] = {"get": "GET", "list": "GET", "create": "POST", "patch": "PATCH", "delete": "DELETE"}


class Kind(NamedTuple):
    """Where the API server has a kind."""

    api: str
    plural: str
    """As RBAC names it: with a subresource, ``pods/log``."""
    comes_with: str = "Kubernetes itself"
    """What to install where it is not there."""


_GATEWAY_API = "the Gateway API (kubectl apply --server-side -f its standard-install.yaml)"
_KSERVE = "KServe"

KINDS: Mapping[str, Kind] = {
    "Deployment": Kind("apps/v1", "deployments"),
    "Service": Kind("v1", "services"),
    "HorizontalPodAutoscaler": Kind("autoscaling/v2", "horizontalpodautoscalers"),
    "PodDisruptionBudget": Kind("policy/v1", "poddisruptionbudgets"),
    "ConfigMap": Kind("v1", "configmaps"),
    "ServiceAccount": Kind("v1", "serviceaccounts"),
    "Pod": Kind("v1", "pods"),
    "Pod log": Kind("v1", "pods/log"),
    "Event": Kind("v1", "events"),
    "Ingress": Kind("networking.k8s.io/v1", "ingresses"),
    "HTTPRoute": Kind("gateway.networking.k8s.io/v1", "httproutes", _GATEWAY_API),
    "Gateway": Kind("gateway.networking.k8s.io/v1", "gateways", _GATEWAY_API),
    "InferenceService": Kind("serving.kserve.io/v1beta1", "inferenceservices", _KSERVE),
    "ServingRuntime": Kind("serving.kserve.io/v1alpha1", "servingruntimes", _KSERVE),
    "Revision": Kind("serving.knative.dev/v1", "revisions", "Knative Serving"),
}

_OWNED: tuple[Verb, ...] = ("get", "list", "create", "patch", "delete")
_BOOK: tuple[Verb, ...] = ("get", "create", "patch", "delete")
_SEEN: Mapping[str, tuple[Verb, ...]] = {
    "ServiceAccount": ("get",),
    "Pod": ("list",),
    "Pod log": ("get",),
    "Event": ("list",),
    "Gateway": ("get",),
}

CALLS: Mapping[str, Mapping[str, tuple[Verb, ...]]] = {
    "kubernetes": {
        "Deployment": _OWNED,
        "Service": _OWNED,
        "HorizontalPodAutoscaler": _OWNED,
        "PodDisruptionBudget": _OWNED,
        "HTTPRoute": _BOOK,
        "Ingress": _BOOK,
        **_SEEN,
    },
    "kserve": {
        "InferenceService": _OWNED,
        "PodDisruptionBudget": _OWNED,
        "Deployment": ("get",),
        "Revision": ("get",),
        "ServingRuntime": ("get",),
        "ConfigMap": _BOOK,
        "HTTPRoute": _BOOK,
        "Ingress": _BOOK,
        **_SEEN,
    },
}
"""What each target calls, in RBAC's verbs. All of it in the namespace of the model servers, but Gateway: in its own."""


@dataclass(frozen=True)
class Cluster:
    """One namespace, as one target may use it. All verbs raise RolloutError naming cause and fix."""

    api: "ApiClient"
    namespace: str
    calls: Mapping[str, Sequence[Verb]]

    def get(self, kind: str, name: str, namespace: str | None = None) -> Object | None:
        """The object; None where it is not there."""
        try:
            found: Object = self._ask("get", kind, name, namespace=namespace)
        except _AbsentError:
            return None
        return found

    def find(self, kind: str, labels: Mapping[str, str] | None = None, fields: str = "") -> list[Object]:
        """The objects that carry all of these labels; with a field selector: and match it."""
        selector = ",".join(f"{name}={value}" for name, value in (labels or {}).items())
        query = {"labelSelector": selector, "fieldSelector": fields}
        answer = self._ask("list", kind, query={name: value for name, value in query.items() if value})
        items: list[Object] = answer["items"]
        return items

    def apply(self, wanted: Object, *, dry_run: bool = False) -> Object:
        """Server-side apply, every unknown field an error; the object as it is then, or would be."""
        query = {"fieldManager": MANAGER, "force": "true", "fieldValidation": "Strict"}
        if dry_run:
            query["dryRun"] = "All"
        name = wanted["metadata"]["name"]
        applied: Object = self._ask(
            "patch", wanted["kind"], name, query=query, body=wanted, content="application/apply-patch+yaml"
        )
        return applied

    def create(self, wanted: Object) -> Object:
        """Raises ConflictError where it is there already."""
        query = {"fieldManager": JOURNAL_MANAGER, "fieldValidation": "Strict"}
        made: Object = self._ask("create", wanted["kind"], query=query, body=wanted)
        return made

    def note(self, seen: Object, annotations: Mapping[str, str | None], labels: Mapping[str, str | None]) -> Object:
        """Set or (None) remove annotations and labels. Raises ConflictError where it is not as it was ``seen``."""
        metadata = seen["metadata"]
        patch = {"resourceVersion": metadata["resourceVersion"], "annotations": annotations, "labels": labels}
        return self.merge(seen["kind"], metadata["name"], {"metadata": patch})

    def merge(self, kind: str, name: str, patch: Object) -> Object:
        """Change these fields, and no others; the object as it is then."""
        query = {"fieldManager": JOURNAL_MANAGER, "fieldValidation": "Strict"}
        merged: Object = self._ask("patch", kind, name, query=query, body=patch, content="application/merge-patch+json")
        return merged

    def delete(self, kind: str, name: str) -> None:
        """Remove it and what it owns, in the background; nothing where it is not there."""
        try:
            self._ask("delete", kind, name, query={"propagationPolicy": "Background"})
        except _AbsentError:
            return

    def log(self, pod: str, container: str, *, previous: bool, lines: int = 8) -> str:
        """The last lines of a container, or of the one before its restart; where there are none, why."""
        query = {"container": container, "previous": str(previous).lower(), "tailLines": str(lines)}
        try:
            text: str = self._ask("get", "Pod log", pod, query=query, answer="str")
        except RolloutError as exc:  # it only adds to what is told anyway
            return f"(no log: {exc})"
        return text.strip()

    def serves(self, kind: str) -> bool:
        """Whether the cluster knows the kind; whoever is logged in may ask."""
        api, plural = KINDS[kind].api, KINDS[kind].plural
        try:
            found = self._raw("GET", f"/apis/{api}")
        except _AbsentError:
            return False
        return any(each["name"] == plural for each in found["resources"])

    def fields(self, kind: str, path: Sequence[str]) -> frozenset[str]:
        """Fields below ``path`` in the cluster's own schema of a custom kind; empty where it has no such path.

        Whoever is logged in may ask.
        """
        schemas = self._raw("GET", f"/openapi/v3/apis/{KINDS[kind].api}")["components"]["schemas"]
        node = next(each for name, each in schemas.items() if name.endswith(f".{kind}"))
        for name in path:
            node = node.get("properties", {}).get(name, {})
            node = node.get("items", node)
        return frozenset(node.get("properties", {}))

    def _ask(
        self,
        verb: Verb,
        kind: str,
        name: str = "",
        *,
        namespace: str | None = None,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content: str = "application/json",
        answer: str = "object",
    ) -> Any:
        if verb not in self.calls.get(kind, ()):
            raise ValueError(f"{verb} {kind}: not in CALLS, so no role would allow it")
        api, plural = KINDS[kind].api, KINDS[kind].plural
        resource, _, sub = plural.partition("/")
        place = namespace or self.namespace
        parts = ["api" if api == "v1" else "apis", api, "namespaces", place, resource, name, sub]
        path = "/" + "/".join(part for part in parts if part)
        what = f"{verb} {kind} {name}".strip() + f" in namespace {place}"
        return self._raw(_METHODS[verb], path, query, body, content, answer, what)

    def _raw(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content: str = "application/json",
        answer: str = "object",
        what: str = "",
    ) -> Any:
        from kubernetes.client import ApiException
        from urllib3.exceptions import HTTPError

        try:
            return self.api.call_api(
                path,
                method,
                query_params=list((query or {}).items()),
                header_params={"Content-Type": content, "Accept": "application/json"},
                body=body,
                response_type=answer,
                auth_settings=["BearerToken"],
                _return_http_data_only=True,
                _request_timeout=_TIMEOUT,
            )
        except ApiException as exc:
            raise self._refusal(what or f"{method} {path}", exc) from exc
        except HTTPError as exc:
            raise self._unreachable(exc) from exc

    def _unreachable(self, cause: Exception) -> RolloutError:
        return UnreachableError(
            f"the Kubernetes API server at {self.api.configuration.host} cannot be reached: {cause}; see kubectl"
            " cluster-info, KUBECONFIG and EVENKEEL_KUBE_CONTEXT"
        )

    def _refusal(self, what: str, refused: "ApiException") -> RolloutError:
        status, told = refused.status, _message(refused)
        if status == 0:  # the SDK's number for TLS errors
            return self._unreachable(refused)
        if status == 401:
            return RolloutError(f"{what}: the API server does not know this login: {told}; renew it, see kubectl auth")
        if status == 403 and "is forbidden: User" in told:
            return ForbiddenError(f"{what}: {told}; bind the target's role from manifests/ to this account")
        if status == 404:
            return _absent(what, told)
        if status == 409:
            return ConflictError(f"{what}: {told}")
        if _is_final(status, told):
            return WorkloadError(f"{what} is refused: {told}{_fix(told)}")
        return RolloutError(f"{what}: the API server answers {status}: {told}")


class UnreachableError(RolloutError):
    """No API server answers."""


class ForbiddenError(RolloutError):
    """A role is missing, or too narrow."""


class _AbsentError(RolloutError):
    """It is not there."""


def open_cluster(namespace: str, calls: Mapping[str, Sequence[Verb]], context: str | None) -> Cluster:
    """By the pod's own service account in a cluster, else by the kubeconfig. Raises RolloutError without either."""
    from kubernetes import client, config

    try:
        if context is None and "KUBERNETES_SERVICE_HOST" in os.environ and "KUBECONFIG" not in os.environ:
            configuration = client.Configuration()
            config.load_incluster_config(client_configuration=configuration)
            return Cluster(client.ApiClient(configuration), namespace, calls)
        # the SDK reads KUBECONFIG when it is imported, which may be long ago
        file = os.environ.get("KUBECONFIG") or "~/.kube/config"
        return Cluster(config.new_client_from_config(config_file=file, context=context), namespace, calls)
    except config.ConfigException as exc:
        raise RolloutError(
            f"no Kubernetes cluster to talk to: {exc}; log in with kubectl first, see KUBECONFIG and"
            " EVENKEEL_KUBE_CONTEXT"
        ) from exc


def _message(refused: "ApiException") -> str:
    try:
        return str(json.loads(refused.body)["message"])
    except (TypeError, ValueError, LookupError):
        return str(refused.body or refused.reason).strip()


def _absent(what: str, told: str) -> RolloutError:
    """404 says three things: no such object, no such namespace, no such kind."""
    if told.startswith("namespaces "):
        return RolloutError(f"{what}: {told}; create it, see manifests/, or set EVENKEEL_NAMESPACE")
    kind = what.split()[1]
    if "page not found" in told and kind in KINDS:
        return RolloutError(f"{what}: this cluster does not know {kind}: install {KINDS[kind].comes_with}")
    return _AbsentError(f"{what}: {told}")


def _is_final(status: int, told: str) -> bool:
    """Whether asking again would be refused again: by validation, by a webhook, by Pod Security."""
    if status == 403:
        return "exceeded quota" not in told
    return status in (400, 422) or "failed to create typed patch object" in told or "denied the request" in told


def _fix(told: str) -> str:
    if "admission webhook" in told:
        return "; the cluster's policy refuses it: change what it names, or ask who owns that webhook"
    if "PodSecurity" in told:
        return "; the namespace's Pod Security level refuses it: see kubectl get namespace --show-labels"
    return "; the cluster may be of another version than docs/verified.md names"
