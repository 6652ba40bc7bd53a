"""The pull box."""

from kfp.dsl import Dataset, Output

from components.image import step


@step
def pull(project: str, data_version: str, code_version: str, data: Output[Dataset]) -> str:
    """Fetch one data version and check its hash. ``code_version`` must run here, and renews all caches."""
    from pathlib import Path

    from components.pull import step
    from evenkeel.code import require_running
    from evenkeel.config import Project

    require_running(code_version)
    version = step.pull(Project.from_parameter(project), data_version, Path(data.path))
    data.metadata["data_version"] = version
    return version
