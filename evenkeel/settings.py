"""Where things are: ``EVENKEEL_*``. What varies per model is in its project, never here."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from evenkeel.errors import SettingsError

_Kind = TypeVar("_Kind", bound=BaseSettings)


def _below_home(name: str) -> Callable[[dict[str, Any]], str]:
    return lambda given: str(given["home"] / name)


class _S3Settings(BaseSettings):
    """What storage asks for again at each object: reading this alone takes a tenth of the time of reading all."""

    model_config = SettingsConfigDict(env_prefix="EVENKEEL_", env_file=".env", extra="ignore", frozen=True)

    s3_endpoint: str | None = None
    """S3-compatible endpoint; absent: AWS_ENDPOINT_URL_S3, else AWS."""


class Settings(_S3Settings):
    """Read from the environment (and ``.env``) inside the function that needs it, never at import."""

    home: Path = Path(".evenkeel")
    """All local state: MLflow database, runs, cache, DVC remote, releases, ledger."""
    environment: str | None = None
    """Which environment this is (dev, staging, production...): the project's ``promotion`` says what it asks for."""
    target: str | None = None
    """Where this environment serves models: local, kubernetes, kserve, ecs; absent: what the project says."""
    approvals: str = Field(default_factory=_below_home("approvals"))
    """The log of approvals (path or s3://...), the same for all environments; absent: below ``home``."""
    approvers: Path | None = None
    """File of who may approve by HTTP, a line each: who:role:sha256 of the token. Absent: nobody."""
    workspace: Path = Path()
    """The checkout that projects' data paths are relative to."""
    tracking_uri: str | None = None
    """MLflow; absent: MLFLOW_TRACKING_URI, else SQLite below ``home``."""
    wandb_project: str | None = None
    """Weights & Biases project that registered runs are mirrored to; absent: none."""
    feast_url: str | None = None
    """Feast feature server that model servers look features up at, where a project takes them from Feast."""
    data_remote: str | None = None
    """DVC remote to pull data versions from by id alone (path or s3://...); absent: below ``home``."""
    data_git: str | None = None
    """Git repository (URL or path) whose DVC pointers say which data is current; absent: the workspace's."""
    data_rev: str | None = None
    """Its branch, tag or commit; absent: the default branch."""
    ledger: str = Field(default_factory=_below_home("ledger"))
    """Where servers write predictions and labels, and watchers read them (path or s3://...); absent: below ``home``."""
    released: str = Field(default_factory=_below_home("releases"))
    """Releases that watchers read, as a target publishes them (path or s3://...); absent: the local target's."""
    results: str = Field(default_factory=_below_home("monitoring"))
    """What checks of windows found, and their reports (path or s3://...); absent: below ``home``."""
    kfp_host: str | None = None
    """Kubeflow Pipelines API."""
    kfp_namespace: str | None = None
    """Profile namespace of a multi-user Kubeflow; absent: single user."""
    kfp_token: SecretStr | None = None
    """Bearer token for the API; absent: what the kfp client finds (service account, kubeconfig)."""
    kfp_service_account: str | None = None
    """Kubernetes service account that a run's pods are; absent: Kubeflow's own default."""
    ledger_salt: SecretStr | None = None
    """Key of the hashes that stand for sensitive columns in the ledger; the same for all servers of a model."""
    webhook_token: SecretStr | None = None
    """Bearer token of the retraining webhook; Alertmanager sends it. Absent: only this machine may ask."""
    bundle_digest: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """The only bundle that a server takes; rollouts set it, so that a record changed afterwards is not believed."""
    shadow: str | None = None
    """What a server compares itself with, as its option --shadow; rollouts set it where a step checks disagreement."""
    bundles: str | None = None
    """Where bundles are published for servers elsewhere: s3://bucket/prefix, or a folder that they share."""
    serving_image: str = "evenkeel-serving:latest"
    """Image of the model servers; by digest on clusters and ECS."""
    serving_key: SecretStr | None = None
    """Key that the servers know, for the smoke test of a rollout, where they ask for one."""
    ecs_stack: str | None = None
    """CloudFormation stack of the target ecs; ``{project}`` in it stands for the project's name."""
    signing_key: Path | None = None
    """Ed25519 private key (a PEM file) with which the gate signs what passed."""
    verify_keys: Path | None = None
    """Public keys (a PEM file, or a folder of them); where set, only what one of them signed is deployed and served."""
    prometheus: str | None = None
    """Prometheus that scrapes the servers and the exporter; the steps of a rollout ask it."""
    grafana: str | None = None
    """Grafana with the dashboards; the doctor looks whether they are there."""
    grafana_token: SecretStr | None = None
    """Its service account token."""
    namespace: str = "evenkeel-models"
    """Kubernetes namespace of the model servers."""
    kube_context: str | None = None
    """Context of the kubeconfig; absent: in a pod its service account, else the current context."""
    router: Literal["gateway", "alb"] = "gateway"
    """What splits the traffic on Kubernetes: a Gateway API HTTPRoute, or an Ingress of AWS's controller."""
    gateway: str = "evenkeel/evenkeel"
    """Gateway that the routes attach to: namespace/name."""
    gateway_url: str | None = None
    """Where the gateway answers whoever drives a rollout; absent: the address in its status."""
    domain: str = "evenkeel.localhost"
    """A project answers as <project>.<domain>."""
    kserve_mode: Literal["standard", "canary", "knative"] = "standard"
    """How KServe splits traffic: our route over two InferenceServices, its spec.canary, or Knative's revisions."""
    kserve_autoscaler: Literal["hpa", "keda", "none"] = "hpa"
    """What scales InferenceServices outside of Knative."""
    image: str = "evenkeel-components:latest"
    """Image of the pipeline's boxes, set at submit; by digest on clusters."""
    monitoring_image: str = "evenkeel-monitoring:latest"
    """Image of the box that checks windows."""

    @property
    def local_remote(self) -> Path:
        """The DVC remote on this machine; ``.dvc/config`` names the same folder."""
        return self.home / "dvc-remote"

    @property
    def remote(self) -> str:
        """The DVC remote that data versions are pulled from by id."""
        return self.data_remote or str(self.local_remote)

    @property
    def releases(self) -> Path:
        """Where the local target keeps its releases."""
        return self.home / "releases"


def read_settings() -> Settings:
    """The settings of this process. Raises SettingsError naming each variable that is wrong."""
    return _read(Settings)


def read_s3_endpoint() -> str | None:
    """The setting ``s3_endpoint`` of this process. Raises SettingsError."""
    return _read(_S3Settings).s3_endpoint


def _read(kind: type[_Kind]) -> _Kind:
    try:
        return kind()
    except ValidationError as exc:
        problems = "; ".join(f"EVENKEEL_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in exc.errors())
        raise SettingsError(f"settings: {problems}; see docs/settings.md") from exc
    except UnicodeDecodeError as exc:
        raise SettingsError(".env: is not UTF-8 text; write it anew, one EVENKEEL_NAME=value a line") from exc
