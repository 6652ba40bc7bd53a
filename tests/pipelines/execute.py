"""Run a compiled pipeline through the local runner, in a process that tests can interrupt, kill and run twice.

``python execute.py COMPILED ARGUMENTS FOLDER [CACHE]``; the exit code is 0, 1 or 130, the last line of stdout the
outputs as JSON.
"""

import contextlib
import json
import sys
from pathlib import Path

from pipelines.display import Display
from pipelines.local import StageError, run_pipeline
from pipelines.warm import WarmServers


def execute(compiled: str, arguments: str, folder: str, cache: str | None = None) -> int:
    display = Display(lambda stage: "", stream=sys.stdout)
    place = Path(cache) if cache else None
    with contextlib.closing(WarmServers()) as warm:
        try:
            outputs = run_pipeline(Path(compiled), json.loads(arguments), Path(folder), place, display, warm)
        except StageError as error:
            print(error, file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 130
    print(json.dumps({task: values.get("Output") for task, values in outputs.items()}))
    return 0


if __name__ == "__main__":
    raise SystemExit(execute(*sys.argv[1:]))
