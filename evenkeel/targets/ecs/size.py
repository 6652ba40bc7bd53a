"""What a server asks for, as the smallest Fargate task that holds it.

Sizes: docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html (Linux).
"""

import re
from typing import NamedTuple

from evenkeel.config.operation import Resources

_SIZES: dict[int, tuple[int, ...]] = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4096 + 1, 1024)),
    1024: tuple(range(2048, 8192 + 1, 1024)),
    2048: tuple(range(4096, 16384 + 1, 1024)),
    4096: tuple(range(8192, 30720 + 1, 1024)),
    8192: tuple(range(16384, 61440 + 1, 4096)),
    16384: tuple(range(32768, 122880 + 1, 8192)),
}
"""CPU units (1024 are one vCPU) -> MiB that go with them."""
_UNITS = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


class Size(NamedTuple):
    """Of a Fargate task."""

    cpu: int
    """CPU units."""
    memory: int
    """MiB."""


def asked_size(resources: Resources) -> Size:
    """What the project asks for, in Fargate's units. Raises ValueError naming what cannot be read."""
    cpu = re.fullmatch(r"([0-9]+)m", resources.cpu)
    cores = float(cpu[1]) / 1000 if cpu else _number(resources.cpu, "cpu")
    memory = re.fullmatch(r"([0-9.]+)(|k|M|G|Ki|Mi|Gi)", resources.memory)
    if memory is None:
        raise ValueError(f"serving.resources.memory is {resources.memory!r}: write it like 512Mi or 2Gi")
    mebibytes = _number(memory[1], "memory") * _UNITS[memory[2]] / 2**20
    return Size(round(cores * 1024), round(mebibytes))


def fargate_size(resources: Resources) -> Size:
    """The smallest task that holds what is asked for. Raises ValueError where none does."""
    asked = asked_size(resources)
    fitting = [
        Size(cpu, memory)
        for cpu, memories in _SIZES.items()
        for memory in memories
        if cpu >= asked.cpu and memory >= asked.memory
    ]
    if not fitting:
        raise ValueError(
            f"no Fargate task has {resources.cpu} CPU and {resources.memory} memory: at most 16 CPU and 120Gi"
        )
    return min(fitting)


def _number(text: str, field: str) -> float:
    try:
        return float(text)
    except ValueError as exc:
        raise ValueError(f"serving.resources.{field} is {text!r}: write it like 500m or 2, 512Mi or 2Gi") from exc
