"""What a request looks like in each peer's protocol, and where its answer holds the labels."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.serving.model import Rows


@dataclass(frozen=True)
class Protocol:
    """One way to ask."""

    body: Callable[[Rows], Any]
    labels: Callable[[Any], list[int]]


def records(rows: Rows) -> list[dict[str, Any]]:
    """Columns as rows."""
    return [dict(zip(rows, values, strict=True)) for values in zip(*rows.values(), strict=True)]


def _v2(rows: Rows) -> dict[str, Any]:
    return {"inputs": [_tensor(name, values) for name, values in rows.items()]}


def _v2_frame(rows: Rows) -> dict[str, Any]:
    """V2 as KServe and MLServer must be asked for them to make a data frame."""
    inputs = [
        {**_tensor(name, values), "parameters": {"content_type": "str"}}
        if isinstance(values[0], str)
        else _tensor(name, values)
        for name, values in rows.items()
    ]
    return {"parameters": {"content_type": "pd"}, "inputs": inputs}


def _tensor(name: str, values: list[Any]) -> dict[str, Any]:
    kind = "BYTES" if isinstance(values[0], str) else "FP64"
    return {"name": name, "shape": [len(values), 1], "datatype": kind, "data": values}


def _v2_labels(answer: Any) -> list[int]:
    outputs = {output["name"]: output["data"] for output in answer["outputs"]}
    return list(outputs.get("label") or next(iter(outputs.values())))


PROTOCOLS: Mapping[str, Protocol] = {
    "rows": Protocol(
        lambda rows: {"rows": records(rows)}, lambda answer: [row["label"] for row in answer["predictions"]]
    ),
    "v2": Protocol(_v2, _v2_labels),
    "v2-frame": Protocol(_v2_frame, _v2_labels),
    "mlflow": Protocol(lambda rows: {"dataframe_records": records(rows)}, lambda answer: list(answer["predictions"])),
    "list": Protocol(records, lambda answer: list(answer["predictions"])),
    "bento": Protocol(lambda rows: {"rows": records(rows)}, list),
}


def encode(protocol: str, rows: Rows) -> str:
    """A request's body: JSON on one line."""
    return json.dumps(PROTOCOLS[protocol].body(rows), separators=(",", ":"))
