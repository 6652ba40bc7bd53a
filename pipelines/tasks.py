"""What each box asks of a cluster: the one place for resources, retries and caching."""

from collections.abc import Mapping
from dataclasses import dataclass

from kfp.dsl import PipelineTask


@dataclass(frozen=True)
class Needs:
    """Kubernetes quantities and policies of one box."""

    cpu: str = "500m"
    memory: str = "1Gi"
    retries: int = 0
    """Only where another attempt can help: boxes that talk to a remote. Bad data stays bad."""
    cached: bool = True


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
    "monitor": Needs(memory="2Gi", cached=False),
}


def box(task: PipelineTask) -> PipelineTask:
    """The task with what its box needs. Every box of the pipeline goes through here."""
    needs = NEEDS[task.component_spec.name]
    task.set_cpu_request(needs.cpu).set_memory_request(needs.memory).set_memory_limit(needs.memory)
    task.set_caching_options(needs.cached)
    if needs.retries:
        task.set_retry(needs.retries, backoff_duration="2s", backoff_factor=2.0)
    return task
