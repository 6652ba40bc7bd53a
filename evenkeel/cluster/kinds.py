"""Every kind that is touched (``KINDS``), and what each target does to it (``CALLS``).

A verb that is not listed is refused before the API server is asked, so the roles of manifests/, which a test holds to
``CALLS``, are what the code needs.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

Verb = Literal["get", "list", "create", "patch", "delete"]


BUILT_IN = "Kubernetes itself"


class Kind(NamedTuple):
    """Where the API server has a kind."""

    api: str
    plural: str
    """As RBAC names it: with a subresource, ``pods/log``."""
    comes_with: str = BUILT_IN
    """What to install where it is not there."""

    @property
    def group(self) -> str:
        """As RBAC names it: the core's is empty."""
        return self.api.rpartition("/")[0]


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
