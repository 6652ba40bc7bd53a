"""A small pipeline with the shape of the real one: boxes in a row, a loop, a condition, a box that is never cached."""

from pathlib import Path
from typing import List  # noqa: UP035

from kfp import dsl
from kfp.compiler import Compiler
from kfp.dsl import Dataset, Input, Metrics, Output

from components.image import step


@step
def make(value: str, code_version: str, data: Output[Dataset]) -> str:
    """Write the value; ``fail:``, ``refuse:`` and ``die:`` do what they say."""
    import os
    import signal
    from pathlib import Path

    from evenkeel.errors import GateError

    print(f"making {value}")
    if value.startswith("fail:"):
        raise ValueError(value)
    if value.startswith("refuse:"):
        raise GateError(value)
    if value.startswith("env:"):
        print(f"{value[4:]} is {os.environ[value[4:]]}")
    if value.startswith("die:"):
        os.kill(os.getpid(), signal.SIGKILL)
    Path(data.path).write_text(value)
    return value


@step
def work(data: Input[Dataset], worker: int, hold: str, part: Output[Dataset]) -> None:
    """One worker: waits while the file ``hold`` exists, having said so in ``hold.<worker>``."""
    import os
    import time
    from pathlib import Path

    while hold and Path(hold).exists():
        Path(f"{hold}.{worker}").write_text(str(os.getpid()))
        time.sleep(0.02)
    Path(part.path).write_text(f"{Path(data.path).read_text()} {worker}")


@step
def gather(parts: Input[List[Dataset]], table: Output[Dataset], metrics: Output[Metrics]) -> None:  # noqa: UP006
    """Join the parts."""
    from pathlib import Path

    metrics.log_metric("parts", len(parts))
    Path(table.path).write_text("\n".join(Path(part.path).read_text() for part in parts))


@step
def deliver(table: Input[Dataset]) -> str:
    """Never cached."""
    from pathlib import Path

    return Path(table.path).read_text()


@dsl.pipeline(name="tiny")  # type: ignore[untyped-decorator]
def tiny(value: str, code_version: str, hold: str, target: str, workers: List[int]) -> None:  # noqa: UP006
    made = make(value=value, code_version=code_version)
    made.set_retry(3, backoff_duration="30s")
    with dsl.ParallelFor(workers) as worker:
        worked = work(data=made.outputs["data"], worker=worker, hold=hold)
    gathered = gather(parts=dsl.Collected(worked.outputs["part"]))
    with dsl.If(target == "local"):
        deliver(table=gathered.outputs["table"]).set_caching_options(False)


def compile_tiny(path: Path) -> Path:
    Compiler().compile(tiny, str(path))
    return path
