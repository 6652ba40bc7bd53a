"""Where things are: ``EVENKEEL_*``. What varies per model is in its project, never here."""

from pathlib import Path

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from evenkeel.errors import SettingsError


class Settings(BaseSettings):
    """Read from the environment (and ``.env``) inside the function that needs it, never at import."""

    model_config = SettingsConfigDict(
        env_prefix="EVENKEEL_", env_file=".env", extra="ignore", frozen=True, use_attribute_docstrings=True
    )

    home: Path = Path(".evenkeel")
    """All local state: MLflow database, runs, cache, DVC remote, releases, ledger."""
    workspace: Path = Path()
    """The checkout that projects' data paths are relative to."""
    tracking_uri: str | None = None
    """MLflow; absent: MLFLOW_TRACKING_URI, else SQLite below ``home``."""
    data_remote: str | None = None
    """DVC remote to pull data versions from by id alone (path or s3://...); absent: below ``home``."""
    data_git: str | None = None
    """Git repository (URL or path) whose DVC pointers say which data is current; absent: the workspace's."""
    data_rev: str | None = None
    """Its branch, tag or commit; absent: the default branch."""
    s3_endpoint: str | None = None
    """S3-compatible endpoint; absent: AWS_ENDPOINT_URL_S3, else AWS."""
    kfp_host: str | None = None
    """Kubeflow Pipelines API."""
    kfp_namespace: str | None = None
    """Profile namespace of a multi-user Kubeflow; absent: single user."""
    kfp_token: SecretStr | None = None
    """Bearer token for the API; absent: what the kfp client finds (service account, kubeconfig)."""
    ledger_salt: SecretStr | None = None
    """Key of the hashes that stand for sensitive columns in the ledger; the same for all servers of a model."""
    webhook_token: SecretStr | None = None
    """Bearer token of the retraining webhook; Alertmanager sends it. Absent: only this machine may ask."""
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

    @property
    def ledger(self) -> Path:
        """Where the local server writes predictions and labels."""
        return self.home / "ledger"


def read_settings() -> Settings:
    """The settings of this process. Raises SettingsError naming each variable that is wrong."""
    try:
        return Settings()
    except ValidationError as exc:
        problems = "; ".join(f"EVENKEEL_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in exc.errors())
        raise SettingsError(f"settings: {problems}; see docs/settings.md") from exc
    except UnicodeDecodeError as exc:
        raise SettingsError(".env: is not UTF-8 text; write it anew, one EVENKEEL_NAME=value a line") from exc
