"""A fake of KServe's controller: for each InferenceService what KServe would make of it, in each mode.

Names, labels, annotations, the source of the model and the rules of traffic are as KServe has them (v0.20; weights of
canaries as on master aaac4e29): pkg/controller/v1beta1/inferenceservice/components/predictor.go and
reconcilers/{ingress/httproute,knative/ksvc}_reconciler.go. The rest is left out.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from tests.cluster.kubelet import APPS, GATEWAYS, Kubelet, Object

SERVING = "/apis/serving.kserve.io/v1beta1"
RUNTIMES = "/apis/serving.kserve.io/v1alpha1"
KNATIVE = "/apis/serving.knative.dev/v1"
APPLY = {"Content-Type": "application/apply-patch+yaml"}


@dataclass
class KServe(Kubelet):
    """A kubelet with KServe before it."""

    weighs: bool = True
    """False: canaries get no weight, as in KServe 0.20."""
    revisions: list[Object] = field(default_factory=list)
    """Of Knative: predictors, oldest first."""
    rolled_out: str = ""
    """The revision that had all of the traffic last."""

    def settle(self) -> None:
        """One look of both."""
        for service in self.every(SERVING, "inferenceservices"):
            if service["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] == "Knative":
                self.make_revisions(service)
            else:
                self.make(service)
        super().settle()

    def make(self, service: Object) -> None:
        """Standard mode: a Deployment for each predictor, and a route where the service is not local."""
        name, stable = service["metadata"]["name"], service["spec"]["predictor"]
        if service["metadata"]["annotations"].get("serving.kserve.io/stop") == "true":
            self.api.delete(self.path(APPS, "deployments", f"{name}-predictor"))
            return
        canaries = service["spec"].get("canary", [])
        for predictor in [stable, *(each["predictor"] for each in canaries)]:
            self.deploy(_named(name, predictor), predictor)
        if "networking.kserve.io/visibility" not in service["metadata"].get("labels", {}):
            weights = {_named(name, each["predictor"]): each["trafficPercent"] for each in canaries if self.weighs}
            rest = {_named(name, stable): 100 - sum(weights.values())}
            self.route(name, f"{name}.kserve.example", {**rest, **weights})

    def make_revisions(self, service: Object) -> None:
        """Knative: a revision for each new predictor, and the traffic of createKnativeService."""
        name, predictor = service["metadata"]["name"], dict(service["spec"]["predictor"])
        percent = predictor.pop("canaryTrafficPercent")
        if not self.revisions or self.revisions[-1] != predictor:
            self.revisions.append(predictor)
            self.deploy(self.revision(name), predictor)
            metadata = {"annotations": predictor["annotations"]}
            made = {"apiVersion": "serving.knative.dev/v1", "kind": "Revision", "spec": {}}
            self.apply(KNATIVE, "revisions", {**made, "metadata": metadata}, self.revision(name))
        newest = self.revision(name)
        if percent == 100 or not self.rolled_out:
            percent, self.rolled_out = 100, newest
        url = f"http://latest-{name}-predictor.example"
        traffic = [{"revisionName": newest, "latestRevision": True, "percent": percent, "tag": "latest", "url": url}]
        if percent < 100:
            traffic.append({"revisionName": self.rolled_out, "latestRevision": False, "percent": 100 - percent})
        component = {"latestCreatedRevision": newest, "latestReadyRevision": newest, "traffic": traffic}
        model = {"transitionStatus": "UpToDate"}
        status = {"components": {"predictor": component}, "modelStatus": model}
        self.write(self.path(SERVING, "inferenceservices", name), service, status)
        self.route(f"latest-{name}", f"latest-{name}-predictor.example", {newest: 100})

    def revision(self, name: str) -> str:
        """The newest one's name."""
        return f"{name}-predictor-{len(self.revisions):05}"

    def route(self, name: str, host: str, weights: dict[str, int]) -> None:
        """An HTTPRoute of a controller's own."""
        backends = [{"name": service, "port": 80, "weight": weight} for service, weight in weights.items()]
        spec = {"parentRefs": [{"name": "kserve"}], "hostnames": [host], "rules": [{"backendRefs": backends}]}
        kind = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute"}
        self.apply(GATEWAYS, "httproutes", {**kind, "spec": spec}, name)

    def deploy(self, name: str, predictor: Object) -> None:
        """The Deployment of a predictor."""
        model = predictor["model"]
        runtime = self.api.get(self.path(RUNTIMES, "servingruntimes", model["runtime"])).raise_for_status().json()
        container: dict[str, Any] = {**runtime["spec"]["containers"][0], "resources": model["resources"]}
        container["env"] = [*model["env"], {"name": "STORAGE_URI", "value": model["storageUri"]}]
        app = {"app": f"isvc.{name}"}
        template = {
            "metadata": {"labels": {**predictor["labels"], **app}, "annotations": predictor["annotations"]},
            "spec": {
                "containers": [container],
                "volumes": runtime["spec"]["volumes"],
                "securityContext": predictor.get("securityContext", {}),
                "serviceAccountName": predictor["serviceAccountName"],
            },
        }
        replicas = max(1, predictor["minReplicas"])
        spec = {"replicas": replicas, "selector": {"matchLabels": app}, "template": template}
        self.apply(APPS, "deployments", {"apiVersion": "apps/v1", "kind": "Deployment", "spec": spec}, name)

    def apply(self, group: str, plural: str, wanted: Object, name: str) -> None:
        """As a controller does."""
        made = {**wanted, "metadata": {**wanted.get("metadata", {}), "name": name}}
        self.api.patch(
            self.path(group, plural, name),
            params={"fieldManager": "kserve", "force": "true"},
            content=json.dumps(made),
            headers=APPLY,
        ).raise_for_status()


def _named(service: str, predictor: Object) -> str:
    return f"{service}-{predictor['name']}-predictor" if "name" in predictor else f"{service}-predictor"
