"""The OpenAPI document of one model: its schema and examples are made from its contract."""

from typing import Any

from evenkeel.config import Column, ColumnType
from serving.inputs import example_keys, input_columns
from serving.model import Model
from serving.v2 import metadata

_JSON_TYPES = {
    ColumnType.INTEGER: "integer",
    ColumnType.NUMBER: "number",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.TEXT: "string",
    ColumnType.STRING: "string",
    ColumnType.DATETIME: "string",
}
_ERRORS = {
    "400": "Malformed: not JSON, or not the shape this endpoint takes",
    "401": "No key, or one that is not known",
    "405": "Another method",
    "408": "The body came too slowly",
    "413": "Too large a body, or too many rows",
    "415": "Another content type",
    "422": "Rows that break the contract; every problem is listed, up to a limit",
    "429": "Too many requests at once; see Retry-After",
    "503": "No model yet, too much to do, or no answer from the feature store; see Retry-After",
}


def document(model: Model | None, *, keys: bool) -> dict[str, Any]:
    """The whole document; without a model only what holds for all."""
    paths = {**_operations(), **(_model_operations(model) if model else {})}
    schemas = {"Error": _error_schema(), **(_model_schemas(model) if model else {})}
    content: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": model.name if model else "Evenkeel",
            "version": model.version if model else "none",
            "description": model.project.description if model else "No model is loaded yet.",
        },
        "paths": paths,
        "components": {"schemas": schemas},
    }
    if keys:
        content["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        content["security"] = [{"key": []}]
    return content


def column_schema(column: Column) -> dict[str, Any]:
    """A contract column as JSON Schema."""
    schema: dict[str, Any] = {"description": column.description} if column.description else {}
    if column.categories is not None:
        schema["enum"] = [*column.categories, None] if column.nullable else list(column.categories)
        return schema
    kind = _JSON_TYPES[column.type]
    schema["type"] = [kind, "null"] if column.nullable else kind
    bounds = {"minimum": column.min, "maximum": column.max}
    schema |= {word: bound for word, bound in bounds.items() if bound is not None}
    if column.max_length is not None:
        schema["maxLength"] = column.max_length
    if column.regex is not None:
        schema["pattern"] = f"^(?:{column.regex})$"
    if column.type is ColumnType.DATETIME and column.format is None:
        schema["format"] = "date-time"
    return schema


def example_row(model: Model) -> dict[str, Any]:
    """A row that keeps the contract."""
    return {name: _example(column) for name, column in input_columns(model).items()} | example_keys(model)


def _example(column: Column) -> Any:
    if column.categories is not None:
        return column.categories[0]
    match column.type:
        case ColumnType.INTEGER | ColumnType.NUMBER:
            low = column.min if column.min is not None else min(0.0, column.max if column.max is not None else 0.0)
            high = column.max if column.max is not None else max(low, 1.0)
            middle = (low + high) / 2
            return int(middle) if column.type is ColumnType.INTEGER else middle
        case ColumnType.BOOLEAN:
            return True
        case ColumnType.DATETIME:
            return "2026-01-31T12:00:00"
        case _:
            return None if column.regex is not None and column.nullable else "text"[: column.max_length]


def _operations() -> dict[str, Any]:
    """What holds for every model."""
    plain = {
        "/healthz": ("Whether the process answers", "200"),
        "/readyz": ("Whether it wants traffic", "200 503"),
        "/v2": ("Open Inference Protocol: server metadata", "200"),
        "/v2/health/live": ("Open Inference Protocol: liveness", "200"),
        "/v2/health/ready": ("Open Inference Protocol: readiness", "200 503"),
        "/v1/models": ("KServe V1: models", "200 503"),
        "/model": ("Which model answers: digests, data version, certificate", "200 503"),
    }
    return {path: {"get": _operation(summary, codes)} for path, (summary, codes) in plain.items()}


def _model_operations(model: Model) -> dict[str, Any]:
    v1, v2 = f"/v1/models/{model.name}", f"/v2/models/{model.name}"
    row = example_row(model)
    tensors = [
        {"name": tensor["name"], "shape": [1], "datatype": tensor["datatype"], "data": [row[tensor["name"]]]}
        for tensor in metadata(model)["inputs"]
    ]
    explain = {"name": "explain", "in": "query", "schema": {"type": "boolean"}, "required": False}
    first = {"id": f"{'0' * 32}-0", "label": model.classes[0] if model.classes else 1.5}
    return {
        "/predict": {
            "post": _posting("Predict", "Predict", {"rows": [row]}, "Answer") | {"parameters": [explain]},
        },
        f"{v1}:predict": {"post": _posting("KServe V1: predict", "V1Request", {"instances": [row]}, None)},
        v1: {"get": _operation("KServe V1: readiness of the model", "200 503")},
        v2: {"get": _operation("Open Inference Protocol: model metadata", "200 503")},
        f"{v2}/ready": {"get": _operation("Open Inference Protocol: readiness of the model", "200 503")},
        f"{v2}/infer": {"post": _posting("Open Inference Protocol: infer", "V2Request", {"inputs": tensors}, None)},
        "/feedback": {"post": _posting("Tell what turned out to be true", "Feedback", first, None, "202", "501")},
    }


def _operation(summary: str, codes: str) -> dict[str, Any]:
    told = {code: {"description": "Yes" if code == "200" else "Not now"} for code in codes.split()}
    return {"summary": summary, "responses": told | _failures("401", "405")}


def _posting(
    summary: str, request: str, example: dict[str, Any], answer: str | None, success: str = "200", *more: str
) -> dict[str, Any]:
    content: dict[str, Any] = (
        {"application/json": {"schema": {"$ref": f"#/components/schemas/{answer}"}}} if answer else {}
    )
    taken = {"schema": {"$ref": f"#/components/schemas/{request}"}, "example": example}
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": {"application/json": taken}},
        "responses": {success: {"description": "Answered", "content": content}} | _failures(*_ERRORS, *more),
    }


def _failures(*codes: str) -> dict[str, Any]:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {code: {"description": _ERRORS.get(code, "Not kept here"), "content": error} for code in codes}


def _model_schemas(model: Model) -> dict[str, Any]:
    inputs = input_columns(model)
    row = {
        "type": "object",
        "properties": {name: column_schema(column) for name, column in inputs.items()},
        "required": [name for name, column in inputs.items() if not column.nullable],
    }
    rows = {"type": "array", "items": {"$ref": "#/components/schemas/Row"}, "minItems": 1}
    columns = {
        "type": "object",
        "properties": {name: {"type": "array", "items": column_schema(column)} for name, column in inputs.items()},
        "required": list(inputs),
    }
    target = column_schema(model.project.contract.columns[model.project.target.column])
    label = {
        "type": "object",
        "properties": {"id": {"type": "string", "pattern": "^[0-9a-f]{32}-[0-9]{1,7}$"}, "label": target},
        "required": ["id", "label"],
        "additionalProperties": False,
    }
    return {
        "Row": row,
        "Predict": {"oneOf": [_only("rows", rows), _only("columns", columns)]},
        "V1Request": _only("instances", rows),
        "V2Request": _tensors(),
        "Feedback": {"oneOf": [label, _only("labels", {"type": "array", "items": label, "minItems": 1})]},
        "Answer": _answer_schema(model),
    }


def _answer_schema(model: Model) -> dict[str, Any]:
    one: dict[str, Any] = {"id": {"type": "string"}}
    if model.classes:
        one["label"] = {"enum": list(model.classes)}
        one["probabilities"] = {"type": "object", "additionalProperties": {"type": "number"}}
    else:
        one["value"] = {"type": "number"}
        if model.manifest.interval:
            one["interval"] = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
    answer = {"type": "object", "properties": one, "required": list(one)}
    text = {"type": "string"}
    return {
        "type": "object",
        "properties": {"id": text, "model": text, "version": text, "predictions": {"type": "array", "items": answer}},
        "required": ["id", "model", "version", "predictions"],
    }


def _tensors() -> dict[str, Any]:
    tensor = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1, "maxItems": 2},
            "datatype": {"type": "string"},
            "data": {"type": "array"},
        },
        "required": ["name", "shape", "datatype", "data"],
    }
    return {
        "type": "object",
        "properties": {"id": {"type": "string"}, "inputs": {"type": "array", "items": tensor, "minItems": 1}},
        "required": ["inputs"],
    }


def _only(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {name: schema}, "required": [name], "additionalProperties": False}


def _error_schema() -> dict[str, Any]:
    problem = {
        "type": "object",
        "properties": {
            "row": {"type": "integer"},
            "column": {"type": "string"},
            "rule": {"type": "string"},
            "message": {"type": "string"},
            "value": {},
            "allowed": {},
            "nearest": {"type": "string"},
        },
        "required": ["rule", "message"],
    }
    error = {
        "type": "object",
        "properties": {
            "code": {"type": "string"},
            "message": {"type": "string"},
            "problems": {"type": "array", "items": problem},
            "more_problems": {"type": "integer"},
        },
        "required": ["code", "message"],
    }
    return {"type": "object", "properties": {"error": error}, "required": ["error"]}
