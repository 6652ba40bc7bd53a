"""``/docs``: the OpenAPI document as a page, made here: no script and nothing from another place."""

import json
from typing import Any

from markupsafe import Markup

from evenkeel.page import Text, heading, paragraph, render_page, table

_STYLE = Markup(
    "<style>details{border-bottom:1px solid var(--line);padding:.5rem 0}summary{cursor:pointer}"
    "summary code{font-weight:600}summary span{color:var(--soft)}</style>"
)


def render_reference(document: dict[str, Any]) -> str:
    """Operations with examples and answers, then the columns of a row."""
    info = document["info"]
    operations = [
        _operation(path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    row = document["components"]["schemas"].get("Row")
    columns = [heading("A row"), _columns(row)] if row else []
    whole = paragraph(Markup('The whole description for tools: <a href="/openapi.json">/openapi.json</a>'))
    blocks = [_STYLE, whole, *columns, heading("Operations"), *operations]
    return render_page(f"{info['title']} API", f"Version {info['version']}. {info['description']}", blocks)


def _operation(path: str, method: str, operation: dict[str, Any]) -> Markup:
    parts = []
    if "requestBody" in operation:
        example = operation["requestBody"]["content"]["application/json"]["example"]
        parts.append(Markup("<pre>{}</pre>").format(json.dumps(example, indent=1, ensure_ascii=False)))
    answers = [(status, told["description"]) for status, told in sorted(operation["responses"].items())]
    parts.append(table(["Status", "When"], answers))
    summary = Markup("<code>{} {}</code> <span>{}</span>").format(method.upper(), path, operation["summary"])
    return Markup("<details><summary>{}</summary>{}</details>").format(summary, Markup("").join(parts))


def _columns(row: dict[str, Any]) -> Markup:
    needed = set(row["required"])
    rows = [
        (Markup("<code>{}</code>").format(name), _type(schema), _allowed(schema), "yes" if name in needed else "")
        for name, schema in row["properties"].items()
    ]
    return table(["Column", "Type", "Allowed", "Needed"], rows)


def _type(schema: dict[str, Any]) -> str:
    kind = schema.get("type", "one of")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _allowed(schema: dict[str, Any]) -> Text:
    words = {"minimum": "from", "maximum": "to", "maxLength": "characters, at most", "pattern": "matches", "format": ""}
    told = [f"{word} {schema[name]}".strip() for name, word in words.items() if name in schema]
    if "enum" in schema:
        told.append(", ".join(json.dumps(value, ensure_ascii=False) for value in schema["enum"]))
    if "description" in schema:
        told.append(schema["description"])
    return "; ".join(told)
