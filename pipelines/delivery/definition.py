"""What is done when: flows of jobs of steps. Each step is a make target, so that it runs on a laptop as well."""

from dataclasses import dataclass
from typing import Literal

PYTHONS = ("3.11", "3.12", "3.13")
WAITING = 4
"""Exit code of a run that waits for somebody's approval, as ``pipelines`` has it."""
TOLD = "the model is registered, not served: approve it as the log says, then start the same again"
"""What is said of such a run."""

Right = Literal["cloud", "registry"]
"""cloud: a short-lived identity at the cloud (OIDC), never a key that stays; registry: pushing images."""


@dataclass(frozen=True)
class Step:
    """One command. ``$NAME`` in it are variables of its job."""

    name: str
    run: str
    result: str | None = None
    """Name of the value that its last line says; later jobs get it as a variable in capitals."""
    may_wait: bool = False
    """Whether to wait for somebody's approval is an end that is told, not a failure."""


@dataclass(frozen=True)
class Job:
    """Steps on one machine."""

    name: str
    steps: tuple[Step, ...]
    variables: tuple[str, ...] = ()
    """Those of the flow's inputs that its steps use."""
    only_with: str | None = None
    """Variable without which there is nothing to do: no registry, nothing to publish."""
    secrets: tuple[str, ...] = ()
    """Of its environment; without one they may be empty."""
    rights: tuple[Right, ...] = ()
    environment: str | None = None
    """Whose reviewers and secrets apply."""
    needs: str | None = None
    """Job that must have passed, and whose results it gets."""
    history: bool = False
    """Whether all of git's history is wanted, as to compare with another branch."""
    keeps: tuple[str, ...] = ()
    """Folders and files that are kept with the run, also where it failed."""
    pythons: tuple[str, ...] = ("3.11",)
    minutes: int = 60


@dataclass(frozen=True)
class Flow:
    """What happens on an occasion."""

    name: str
    jobs: tuple[Job, ...]
    on_push: bool = False
    """Of the main branch."""
    on_pull_request: bool = False
    inputs: tuple[str, ...] = ()
    """Started by hand, or through the API, with these."""
    cron: str | None = None
    alone: str | None = None
    """Variable by whose value runs exclude each other, and none is cancelled."""


FLOWS = (
    Flow(
        "ci",
        (Job("check", (Step("Everything", "make check"),), pythons=PYTHONS, minutes=90),),
        on_push=True,
        on_pull_request=True,
    ),
    Flow(
        "model-pr",
        (
            Job(
                "compare",
                (
                    Step(
                        "Judge every model that the branch changes against the one it would replace",
                        # PROJECT is what only judges where code changes, not what is asked for
                        'make compare BASE="$BASE" PROJECT= DEFAULT="$PROJECT"',
                    ),
                ),
                variables=("BASE", "PROJECT"),
                history=True,
                keeps=(".evenkeel/comparison",),
            ),
        ),
        on_pull_request=True,
    ),
    Flow(
        "publish",
        (
            Job(
                "images",
                (Step("Build once, for both architectures, and sign", 'make publish REGISTRY="$REGISTRY"'),),
                variables=("REGISTRY",),
                only_with="REGISTRY",
                rights=("registry", "cloud"),
                keeps=("build/images.json",),
            ),
        ),
        on_push=True,
    ),
    Flow(
        "deploy",
        (
            Job(
                "staging",
                (
                    Step("Roll out", 'make promote PROJECT="$PROJECT" VERSION="$VERSION" TO=staging', "digest"),
                    Step("Look at what is served", 'make status PROJECT="$PROJECT" FROM=staging'),
                ),
                variables=("PROJECT", "VERSION"),
                rights=("cloud",),
                environment="staging",
                secrets=("MLFLOW_TRACKING_TOKEN", "EVENKEEL_SERVING_KEY"),
            ),
            Job(
                "production",
                (
                    Step(
                        "Roll out the same digest",
                        'make promote PROJECT="$PROJECT" VERSION="$VERSION" TO=production DIGEST="$DIGEST"',
                    ),
                    Step("Look at what is served", 'make status PROJECT="$PROJECT" FROM=production'),
                ),
                variables=("PROJECT", "VERSION"),
                rights=("cloud",),
                environment="production",
                secrets=("MLFLOW_TRACKING_TOKEN", "EVENKEEL_SERVING_KEY"),
                needs="staging",
                minutes=240,
            ),
        ),
        inputs=("PROJECT", "VERSION"),
        alone="PROJECT",
    ),
    Flow(
        "retrain",
        (
            Job(
                "train",
                (
                    Step(
                        "Data to a gated, registered model",
                        'make pipeline-run PROJECT="$PROJECT" TARGET=kfp',
                        may_wait=True,
                    ),
                ),
                variables=("PROJECT",),
                only_with="PROJECT",
                rights=("cloud",),
                environment="staging",
                secrets=("EVENKEEL_KFP_TOKEN", "MLFLOW_TRACKING_TOKEN"),
                minutes=240,
            ),
        ),
        inputs=("PROJECT",),
        cron="0 3 * * 1",
        alone="PROJECT",
    ),
)
"""Every flow there is. The comment on a pull request is GitHub's own affair: see ``github.COMMENT``."""
