"""What a box is on a cluster beyond its resources: environment, identity, security context.

Kubeflow's platform configuration: a local run ignores it, and finds the same names in the shell. Everything it refers
to is optional, so that one compiled pipeline runs wherever ConfigMap and Secret ``evenkeel-pipeline`` are, or are not.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kfp.dsl import PipelineTask

ENVIRONMENT = "evenkeel-pipeline"
"""ConfigMap and Secret in the namespace of the runs: the boxes' environment."""
DEPLOYER = "evenkeel-deployer"
"""ConfigMap with the kubeconfig that reads a deployer's token; manifests/components/kubeflow."""
TOKEN = "/var/run/secrets/evenkeel"  # noqa: S105  where it is mounted
KUBECONFIG = "/etc/evenkeel"
SIGNING = "evenkeel-signing"
"""Secret with the key that the gate signs with, signing.pem."""
SIGNING_KEY = "/etc/evenkeel-signing"
VERIFY = "evenkeel-keys"
"""ConfigMap with the public keys, *.pem, of which one must have signed what is deployed."""
VERIFY_KEYS = "/etc/evenkeel-keys"
UID = 10001
"""The images' user."""
HOUR = 3600

PLACES = (
    "EVENKEEL_TRACKING_URI",
    "EVENKEEL_DATA_REMOTE",
    "EVENKEEL_DATA_GIT",
    "EVENKEEL_DATA_REV",
    "EVENKEEL_LEDGER",
    "EVENKEEL_RELEASED",
    "EVENKEEL_RESULTS",
    "AWS_ENDPOINT_URL_S3",
    "AWS_REGION",
)
"""What any box may need to know."""
ROLLOUT = (
    "EVENKEEL_ENVIRONMENT",
    "EVENKEEL_APPROVALS",
    "EVENKEEL_BUNDLES",
    "EVENKEEL_SERVING_IMAGE",
    "EVENKEEL_PROMETHEUS",
    "EVENKEEL_NAMESPACE",
    "EVENKEEL_ROUTER",
    "EVENKEEL_GATEWAY",
    "EVENKEEL_GATEWAY_URL",
    "EVENKEEL_DOMAIN",
    "EVENKEEL_KSERVE_MODE",
    "EVENKEEL_KSERVE_AUTOSCALER",
    "EVENKEEL_VERIFY_KEYS",
)
"""What a box that deploys also does."""
OWN: Mapping[str, Sequence[str]] = {
    "evaluate": ["EVENKEEL_SIGNING_KEY"],
    "register": ["EVENKEEL_WANDB_PROJECT", "WANDB_BASE_URL"],
    "deploy-ecs": ["EVENKEEL_ECS_STACK"],
}
"""Box -> what it alone does."""
KEYS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "MLFLOW_TRACKING_USERNAME",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
)
"""Of the Secret; with IRSA or Pod Identity there need be none."""
ROLLOUT_KEYS = ("EVENKEEL_SERVING_KEY",)
"""What a box that deploys also has of it."""
OWN_KEYS: Mapping[str, Sequence[str]] = {"register": ["WANDB_API_KEY"]}
"""Box -> what it alone has of it."""
DEPLOYERS: Mapping[str, str] = {"deploy-kubernetes": "deploy-kubernetes", "deploy-kserve": "deploy-kserve"}
"""Box -> Secret with the token of the service account that it is."""


def in_cluster(task: "PipelineTask", *, hours: float) -> "PipelineTask":
    """The task with all of that. ``hours``: after which Kubernetes ends it."""
    from kfp import kubernetes

    box = task.component_spec.name
    kubernetes.use_config_map_as_env(task, ENVIRONMENT, {name: name for name in places(box)}, optional=True)
    kubernetes.use_secret_as_env(task, ENVIRONMENT, {name: name for name in keys(box)}, optional=True)
    # what else Pod Security's restricted level asks for, Kubeflow sets by itself from 2.16 on
    kubernetes.set_security_context(task, run_as_user=UID, run_as_group=UID, run_as_non_root=True)
    kubernetes.set_timeout(task, int(hours * HOUR))
    if box == "evaluate":
        kubernetes.use_secret_as_volume(task, SIGNING, SIGNING_KEY, optional=True)
    if _deploys(box):
        kubernetes.use_config_map_as_volume(task, VERIFY, VERIFY_KEYS, optional=True)
    if box in DEPLOYERS:
        _be(task, DEPLOYERS[box])
    return task


def places(box: str) -> tuple[str, ...]:
    """The variables that a box has of the ConfigMap."""
    return (*PLACES, *(ROLLOUT if _deploys(box) else ()), *OWN.get(box, ()))


def keys(box: str) -> tuple[str, ...]:
    """Those that it has of the Secret."""
    return (*KEYS, *(ROLLOUT_KEYS if _deploys(box) else ()), *OWN_KEYS.get(box, ()))


def _deploys(box: str) -> bool:
    return box.startswith("deploy-")


def _be(task: "PipelineTask", account: str) -> None:
    """Kubeflow knows one service account a run; this box alone is another, by that one's token."""
    from kfp import kubernetes

    kubernetes.use_secret_as_volume(task, account, TOKEN, optional=True)
    kubernetes.use_config_map_as_volume(task, DEPLOYER, KUBECONFIG, optional=True)
    kubernetes.use_config_map_as_env(task, DEPLOYER, {"KUBECONFIG": "KUBECONFIG"}, optional=True)
