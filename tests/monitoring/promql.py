"""Names of metrics in PromQL, as far as our own rules and dashboards write it."""

import re
from collections.abc import Iterable

from monitoring.catalogue import series_names

NOT_OURS = frozenset({"ALERTS"})
"""What Prometheus itself makes."""

_STRINGS = re.compile(r'"(?:\\.|[^"\\])*"')
_NAME = re.compile(r"\b(?:ml_[a-z0-9_]+|ALERTS)\b")
_RECORDED = re.compile(r"\b[a-z]+:[a-z0-9_]+:[a-z0-9_]+")
_BY_NAME = re.compile(r'__name__=~"([^"]+)"')


def named(expression: str) -> set[str]:
    """Metrics and recorded rules that an expression reads."""
    chosen = {name for names in _BY_NAME.findall(expression) for name in names.split("|")}
    bare = _STRINGS.sub('""', expression)
    recorded = set(_RECORDED.findall(bare))
    return chosen | recorded | set(_NAME.findall(_RECORDED.sub("", bare)))


def unknown(expression: str, recorded: Iterable[str]) -> set[str]:
    """Those that neither a process exports nor a rule records."""
    return named(expression) - series_names() - set(recorded) - NOT_OURS
