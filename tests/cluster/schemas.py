"""Strict validation of rendered objects by the API server itself: a server-side dry run that stores nothing.

Stronger than a schema checker: besides unknown, missing and mistyped fields it runs the kinds' own validation
(selectors that miss their template, ports out of range), the CRDs' CEL rules, and admission. What it cannot see are
the rules of controllers that do not run here, such as KServe's webhooks.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from tests.cluster.apiserver import STRICT_APPLY, ApiServer, stream_of

# kubectl begins a line so where it turns to another object; the lines between go on about the same one.
BEGINNING = re.compile(r"^(?=Error|error:|Warning:|resource mapping not found)", re.MULTILINE)


def validate(server: ApiServer, objects: Iterable[Mapping[str, Any]]) -> list[str]:
    """Everything the API server has against these objects, a text each; empty where it would take them all in silence.

    Warnings count: deprecated versions and fields, and whatever Pod Security's restricted level would refuse. The
    namespaces that the objects name are made, because a dry run is refused in one that is not there.
    """
    documents = list(objects)
    make_namespaces(server, {document["metadata"]["namespace"] for document in documents if in_namespace(document)})
    answer = server.try_kubectl(*STRICT_APPLY, "--dry-run=server", stdin=stream_of(documents))
    problems = [text.strip() for text in BEGINNING.split(answer.stderr) if text.strip()]
    if answer.returncode and not problems:
        raise RuntimeError(f"kubectl ended with {answer.returncode} and no word why")
    return problems


def in_namespace(document: Mapping[str, Any]) -> bool:
    return "namespace" in document["metadata"]


def make_namespaces(server: ApiServer, names: set[str]) -> None:
    present = set(server.kubectl("get", "namespaces", "--output=name").replace("namespace/", "").split())
    for name in sorted(names - present):
        server.make_namespace(name)
