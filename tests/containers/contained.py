"""Run a compiled pipeline with KFP's own DockerRunner, every box a container as Pod Security's restricted level has it.

``python contained.py COMPILED ARGUMENTS FOLDER ENVIRONMENT``, the two as JSON; the only thing of this machine that the
containers see is the folder, and they have no network. A process of its own, for kfp.local's state is the process's.
"""

import json
import os
import sys
from pathlib import Path

from kfp import local
from kfp.components import load_component_from_file


def contained(compiled: str, arguments: str, folder: str, environment: str) -> None:
    """Raises RuntimeError where a box failed."""
    Path(folder).chmod(0o777)  # the containers' user is another
    runner = local.DockerRunner(
        environment=json.loads(environment),
        network_mode="none",
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
    )
    local.init(runner=runner, pipeline_root=folder)
    load_component_from_file(compiled)(**json.loads(arguments))


if __name__ == "__main__":
    os.umask(0)
    contained(*sys.argv[1:])
