"""Weights & Biases as a mirror, where EVENKEEL_WANDB_PROJECT is set: parameters, metrics, the verdict, a link.

MLflow stays the record: it is written first, and nothing that fails here takes anything from it.
"""

import logging
from typing import TYPE_CHECKING

from evenkeel.settings import Settings
from evenkeel.tracking.place import is_server, public, tracking_uri
from evenkeel.tracking.version import Version

if TYPE_CHECKING:
    from evenkeel.tracking.candidate import Candidate

_log = logging.getLogger("evenkeel.tracking")

_PATIENCE = 15
"""Seconds after which a W&B that does not answer is given up."""


def mirror(settings: Settings, candidate: "Candidate", version: Version) -> None:
    """Log a registered candidate to W&B too; a warning where that fails. Does nothing unless it is configured.

    The same judgement again is the same run. Key, server and mode are W&B's own: WANDB_API_KEY, WANDB_BASE_URL,
    WANDB_MODE=offline.
    """
    if settings.wandb_project is None:
        return
    try:
        _log_run(settings.wandb_project, settings, candidate, version)
    except Exception as exc:  # a mirror: whatever W&B raises, the run goes on
        message = "%s version %s is in MLflow, but was not mirrored to Weights & Biases: %s: %s; see docs/engines.md"
        _log.warning(message, candidate.name, version.version, type(exc).__name__, public(str(exc)))


def _log_run(project: str, settings: Settings, candidate: "Candidate", version: Version) -> None:
    import wandb

    quiet = wandb.Settings(
        console="off",
        silent=True,
        disable_code=True,
        disable_git=True,
        x_disable_stats=True,
        x_disable_machine_info=True,
        x_save_requirements=False,
        init_timeout=_PATIENCE,
        finish_timeout=_PATIENCE,
        finish_timeout_raises=True,
    )
    try:
        run = wandb.init(
            project=project,
            id=f"{candidate.bundle.digest[:16]}-{candidate.certificate.digest[:16]}",
            resume="allow",
            name=f"{candidate.name}-{version.version}",
            group=candidate.name,
            notes=candidate.note,
            config={**candidate.params, "tags": dict(candidate.tags)},
            dir=settings.home,
            settings=quiet,
        )
        run.summary.update({**candidate.metrics, "passed": candidate.certificate.passed, **_link(settings, version)})
        run.finish()
    finally:
        wandb.teardown()  # its service, which else outlives us in a worker and holds on to a run that failed


def _link(settings: Settings, version: Version) -> dict[str, str]:
    """Where the record is."""
    uri = tracking_uri(settings)
    page = {"mlflow.page": f"{uri}/#/models/{version.name}/versions/{version.version}"} if is_server(uri) else {}
    return {"mlflow.model": f"models:/{version.name}/{version.version}", "mlflow.run": version.run, **page}
