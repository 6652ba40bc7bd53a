"""What each box asks of a cluster: the one place for resources, retries, timeouts and caching.

A project overrides it in ``stages``, which is written into what is submitted (pipelines/package.py), never in here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from kfp.dsl import PipelineConfig, PipelineTask

from pipelines.cluster import in_cluster

RUN = PipelineConfig(ttl_seconds_after_finished=7 * 24 * 3600)
"""A week after its end a run's pods and workflow go; Kubeflow's own record of it and its artifacts stay."""


@dataclass(frozen=True)
class Needs:
    """Kubernetes quantities and policies of one box."""

    cpu: str = "500m"
    memory: str = "1Gi"
    retries: int = 0
    """Only where another attempt can help: boxes that talk to a remote. Bad data stays bad."""
    cached: bool = True
    hours: float = 6
    """After which Kubernetes ends it."""


NEEDS: Mapping[str, Needs] = {
    "pull": Needs(retries=2),
    "validate": Needs(memory="2Gi"),
    "split": Needs(memory="2Gi"),
    "search": Needs(cpu="1", memory="2Gi"),
    "train": Needs(cpu="1", memory="2Gi"),
    "evaluate": Needs(cpu="1", memory="2Gi"),
    # what changes the world outside asks each time: another run, a rollback or a reset may have changed it since
    "register": Needs(cached=False),
    "deploy-local": Needs(cached=False),
    # a rollout takes as long as its steps; one that is killed is gone on with where it was
    "deploy-kubernetes": Needs(retries=2, cached=False, hours=24),
    "deploy-kserve": Needs(retries=2, cached=False, hours=24),
    "deploy-ecs": Needs(retries=2, cached=False, hours=24),
    "monitor": Needs(memory="2Gi", cached=False),
}


def box(task: PipelineTask) -> PipelineTask:
    """The task with what its box needs. Every box of the pipeline goes through here."""
    needs = NEEDS[task.component_spec.name]
    task.set_cpu_request(needs.cpu).set_memory_request(needs.memory).set_memory_limit(needs.memory)
    task.set_caching_options(needs.cached)
    if needs.retries:
        task.set_retry(needs.retries, backoff_duration="2s", backoff_factor=2.0)
    return in_cluster(task, hours=needs.hours)
