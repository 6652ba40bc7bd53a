"""What differs between two task definitions once what AWS adds by itself is gone."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

_SERVERS = frozenset(
    {
        "taskDefinitionArn",
        "revision",
        "status",
        "requiresAttributes",
        "compatibilities",
        "registeredAt",
        "registeredBy",
        "deregisteredAt",
        "tags",
    }
)
"""Keys of DescribeTaskDefinition that nobody can register."""
"""What names an entry of a list."""
_SETS = frozenset({"subnets", "securityGroups", "requiresCompatibilities", "drop"})
"""Lists whose order says nothing."""
_SHORT = 100

Field = tuple[str, str, str]


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Field, ...]:
    """(path, before, after) of every field that differs; empty where both say the same."""
    old, new = dict(_leaves("", before)), dict(_leaves("", after))
    paths = sorted(old.keys() | new.keys())
    return tuple(
        (path, _short(old.get(path, "")), _short(new.get(path, ""))) for path in paths if old.get(path) != new.get(path)
    )


def _leaves(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every scalar by its path, without what is as good as absent."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key not in _SERVERS and not _is_default(key, inner):
                yield from _leaves(f"{path}.{key}" if path else key, inner)
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        for inner in value:
            yield from _entry(path, inner)
    elif isinstance(value, list):
        texts = sorted(map(str, value)) if path.rpartition(".")[2] in _SETS else map(str, value)
        yield from ((f"{path}[{index}]", text) for index, text in enumerate(texts))
    else:
        yield path, str(value)


def _entry(path: str, entry: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """One entry of a list, by what names it: AWS gives lists back in an order of its own."""
    name = next(
        (str(entry[key]) for key in ("name", "sourceVolume", "containerName", "containerPort") if key in entry), ""
    )
    rest = {key: value for key, value in entry.items() if key != "name"}
    if rest.keys() <= {"value", "valueFrom"}:
        yield f"{path}[{name}]", str(next(iter(rest.values()), ""))
    else:
        yield from _leaves(f"{path}[{name}]", rest)


def _is_default(key: str, value: Any) -> bool:
    """What AWS puts where nothing was given, and drops where it was."""
    return key == "hostPort" or value in ([], {}, None) or (key, value) in (("cpu", 0), ("protocol", "tcp"))


def _short(text: str) -> str:
    """The text, or its beginning and a mark of all of it."""
    if len(text) <= _SHORT:
        return text
    return f"{text[:_SHORT]}... (sha256 {hashlib.sha256(text.encode()).hexdigest()[:12]})"
