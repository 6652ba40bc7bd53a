"""Nested settings to YAML that people like to read: comments above, one line per column, nothing left to chance."""

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Place = tuple[str, ...]

_WIDTH = 120
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./+-]*( [A-Za-z0-9_./+-]+)*")
_RESERVED = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
"""Words that some YAML reader takes for something else than text: quoted, though ours would not mind."""


def to_yaml(content: Mapping[str, Any], comments: Mapping[Place, str], inline: frozenset[Place]) -> str:
    """``content`` as YAML. ``comments`` stand above the key at their place; what is below ``inline`` takes one line.

    Reads back through ``load_project`` to equal values.
    """
    return "\n".join(_mapping(content, (), comments, inline)) + "\n"


def _mapping(
    content: Mapping[str, Any], at: Place, comments: Mapping[Place, str], inline: frozenset[Place]
) -> Iterator[str]:
    indent = "  " * len(at)
    for key, value in content.items():
        here = (*at, key)
        for line in comments.get(here, "").splitlines():
            start = f"{indent}# "
            yield from textwrap.wrap(_printable(line), _WIDTH, initial_indent=start, subsequent_indent=f"{start}  ")
        if isinstance(value, Mapping) and value and at not in inline:
            yield f"{indent}{scalar(key)}:"
            yield from _mapping(value, here, comments, inline)
        else:
            yield from _wrapped(f"{indent}{scalar(key)}: ", _flow(value), indent + "    ")


def _wrapped(start: str, tokens: Sequence[str], indent: str) -> Iterator[str]:
    line = start
    for token in tokens:
        if len(line) + len(token) > _WIDTH and line.strip() and line != start:
            yield line.rstrip()
            line = indent
        line += token
    yield line.rstrip()


def _flow(value: Any) -> list[str]:
    """One-line YAML, in pieces between which a line may break."""
    if isinstance(value, Mapping):
        items = [[f"{scalar(key)}: ", *_flow(item)] for key, item in value.items()]
        return _bracketed("{", items, "}")
    if isinstance(value, list | tuple):
        return _bracketed("[", [_flow(item) for item in value], "]")
    return [scalar(value)]


def _bracketed(opening: str, items: list[list[str]], closing: str) -> list[str]:
    """The items between brackets, each glued to its bracket or comma, so that no line starts with one."""
    tokens: list[str] = []
    for index, item in enumerate(items):
        tokens += [*item[:-1], item[-1] + (", " if index < len(items) - 1 else closing)]
    if not tokens:
        return [opening + closing]
    return [opening + tokens[0], *tokens[1:]]


def scalar(value: str | int | float | bool | None) -> str:
    """One value: text is quoted wherever a reader could take it for a number, a date, a boolean or syntax."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and value.lower() not in _RESERVED
        return value if plain else _escaped(json.dumps(value, ensure_ascii=False))
    if isinstance(value, float):
        # YAML 1.1 takes 1e-05 for text: a number needs a point.
        digits, _, exponent = repr(value).partition("e")
        return f"{digits if '.' in digits else digits + '.0'}e{exponent}" if exponent else digits
    return str(value)


def _escaped(quoted: str) -> str:
    return "".join(char if char.isprintable() else _escape(ord(char)) for char in quoted)


def _escape(code: int) -> str:
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)
