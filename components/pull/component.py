"""The pull box."""

from kfp.dsl import Dataset, Output

from components.image import step


@step
def pull(project: str, data_version: str, code_version: str, data: Output[Dataset]) -> str:  # noqa: ARG001
    """Fetch one data version and check its hash. ``code_version`` renews the cache of this box and all after it."""
    from pathlib import Path

    from components.pull import step
    from evenkeel.config import Project

    version = step.pull(Project.from_parameter(project), data_version, Path(data.path))
    data.metadata["data_version"] = version
    return version
