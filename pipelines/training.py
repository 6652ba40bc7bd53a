"""The training pipeline: the order of the boxes, and what each is given. One file for every project."""

from typing import List  # noqa: UP035  Kubeflow reads the annotation

from kfp import dsl

from components.deploy_ecs.component import deploy_ecs
from components.deploy_kserve.component import deploy_kserve
from components.deploy_kubernetes.component import deploy_kubernetes
from components.deploy_local.component import deploy_local
from components.evaluate.component import evaluate
from components.pull.component import pull
from components.register.component import register
from components.search.component import search
from components.split.component import split
from components.train.component import train
from components.validate.component import validate
from pipelines.compile import PIPELINE
from pipelines.tasks import RUN, box


@dsl.pipeline(  # type: ignore[untyped-decorator]
    name=PIPELINE, description="From a data version to a gated, registered, deployed model.", pipeline_config=RUN
)
def training(
    project: str,
    recipe: str,
    data_version: str,
    code_version: str,
    commit: str,
    pipeline: str,
    champion_version: str,
    champion_digest: str,
    target: str,
    workers: List[int],  # noqa: UP006
) -> None:
    """Wire the boxes.

    ``project`` is ``Project.to_parameter()``, and ``recipe`` what of it data and search depend on, so that a new gate
    or limit finds them in the cache. ``workers`` numbers the searches that run side by side; ``target`` is checked by
    whoever submits, because a condition is text that gets evaluated. ``code_version`` and ``champion_digest`` are for
    the cache, which sees neither the code of the boxes nor the registry; ``champion_version`` '' lets evaluate ask who
    is champion when it runs.
    """
    pulled = box(pull(project=recipe, data_version=data_version, code_version=code_version))
    validated = box(validate(project=recipe, data=pulled.outputs["data"]))
    parts = box(split(project=recipe, table=validated.outputs["table"]))
    with dsl.ParallelFor(workers) as worker:
        searched = box(search(project=recipe, train=parts.outputs["train"], worker=worker))
    trained = box(
        train(
            project=project,
            data_version=pulled.outputs["Output"],
            code_version=code_version,
            train=parts.outputs["train"],
            evaluation=parts.outputs["evaluation"],
            trials=dsl.Collected(searched.outputs["trials"]),
        )
    )
    evaluated = box(
        evaluate(
            project=project,
            champion_version=champion_version,
            champion_digest=champion_digest,
            model=trained.outputs["model"],
        )
    )
    registered = box(
        register(
            project=project,
            champion_version=champion_version,
            commit=commit,
            pipeline=pipeline,
            run=dsl.PIPELINE_JOB_ID_PLACEHOLDER,  # another in each run: this box is never cached
            certified=evaluated.outputs["certified"],
            validation_report=validated.outputs["report"],
            validation_page=validated.outputs["page"],
            split_report=parts.outputs["report"],
            evaluation_report=evaluated.outputs["report"],
            evaluation_page=evaluated.outputs["page"],
        )
    )
    release = {
        "project": project,
        "certified": evaluated.outputs["certified"],
        "version": registered.outputs["Output"],
    }
    # one by one: a condition's name and box must be known when this is compiled
    with dsl.If(target == "local", "target-local"):
        box(deploy_local(**release))
    with dsl.If(target == "kubernetes", "target-kubernetes"):
        box(deploy_kubernetes(**release))
    with dsl.If(target == "kserve", "target-kserve"):
        box(deploy_kserve(**release))
    with dsl.If(target == "ecs", "target-ecs"):
        box(deploy_ecs(**release))
