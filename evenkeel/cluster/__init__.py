"""The one door to Kubernetes. Objects are plain dicts, as their manifests are; ``kinds`` lists what may be called."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from evenkeel.cluster.kinds import KINDS, Verb
from evenkeel.cluster.refusal import (
    AbsentError,
    AbsentNamespaceError,
    ForbiddenError,
    UnreachableError,
    message,
    refusal,
)
from evenkeel.errors import RolloutError

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

Object = dict[str, Any]

MANAGER = "evenkeel"
"""Owner of the fields that are applied."""
JOURNAL_MANAGER = "evenkeel-journal"
"""Owner of the annotations that are patched: what is applied must not remove them."""
_TIMEOUT = (5, 30)
"""Seconds to connect, seconds between two bytes."""
_METHODS: Mapping[Verb, str] = {"get": "GET", "list": "GET", "create": "POST", "patch": "PATCH", "delete": "DELETE"}


class Server(NamedTuple):
    """An API server, as it tells of itself."""

    url: str
    version: str
    """v1.36.4"""
    date: str | None
    """What its clock says, as HTTP's Date header."""


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
        except AbsentError:
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
        except AbsentError:
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
        except AbsentError:
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

    def server(self) -> Server:
        """The API server behind this connection; whoever is logged in may ask."""
        version = self._raw("GET", "/version")["gitVersion"]
        return Server(self.api.configuration.host, version, self.api.last_response.getheader("Date"))

    def login(self) -> str:
        """Who this is to the API server; whoever is logged in may ask."""
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        told = self._raw("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=review)
        return str(told["status"]["userInfo"]["username"])

    def may(self, verb: Verb, kind: str, name: str = "", namespace: str | None = None) -> bool:
        """Whether this login is allowed to, to any or to the one of this name; whoever is logged in may ask."""
        resource, _, sub = KINDS[kind].plural.partition("/")
        about = {"verb": verb, "group": KINDS[kind].group, "resource": resource, "subresource": sub, "name": name}
        spec = {"resourceAttributes": {**about, "namespace": namespace or self.namespace}}
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": spec}
        told = self._raw("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body=review)
        return bool(told["status"]["allowed"])

    def has_namespace(self) -> bool | None:
        """Whether its namespace is there; None where this login may not look."""
        try:
            self._raw("GET", f"/api/v1/namespaces/{self.namespace}")
        except AbsentNamespaceError:
            return False
        except ForbiddenError:
            return None
        return True

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
        resource, _, sub = KINDS[kind].plural.partition("/")
        place = namespace or self.namespace
        parts = ["apis" if KINDS[kind].group else "api", KINDS[kind].api, "namespaces", place, resource, name, sub]
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
            if exc.status == 0:  # the SDK's number for TLS errors
                raise self._unreachable(exc.reason) from exc
            raise refusal(what or f"{method} {path}", exc.status, message(exc.body or exc.reason)) from exc
        except HTTPError as exc:
            raise self._unreachable(getattr(exc, "reason", exc)) from exc

    def _unreachable(self, cause: object) -> RolloutError:
        return UnreachableError(
            f"the Kubernetes API server at {self.api.configuration.host} cannot be reached: {cause}; see kubectl"
            " cluster-info, KUBECONFIG and EVENKEEL_KUBE_CONTEXT"
        )


def open_cluster(namespace: str, calls: Mapping[str, Sequence[Verb]], context: str | None) -> Cluster:
    """By the pod's own service account in a cluster, else by the kubeconfig. Raises RolloutError without either."""
    from kubernetes import client, config
    from yaml import YAMLError

    try:
        if context is None and "KUBERNETES_SERVICE_HOST" in os.environ and "KUBECONFIG" not in os.environ:
            configuration = client.Configuration()
            config.load_incluster_config(client_configuration=configuration)
            return Cluster(client.ApiClient(configuration), namespace, calls)
        # the SDK reads KUBECONFIG when it is imported, which may be long ago
        file = os.environ.get("KUBECONFIG") or "~/.kube/config"
        return Cluster(config.new_client_from_config(config_file=file, context=context), namespace, calls)
    except (config.ConfigException, YAMLError, OSError, ValueError, TypeError) as exc:  # it trusts the file's shape
        raise RolloutError(
            f"no Kubernetes cluster to talk to: {' '.join(str(exc).split())}; log in with kubectl first, see KUBECONFIG"
            " and EVENKEEL_KUBE_CONTEXT"
        ) from exc
