"""The floor: an ASGI app that decodes, runs our ONNX session, encodes, and no more. ``bare.py BUNDLE PORT``.

No check, no metric, no ledger, no id, one path. Garbage collector and event loop are set as ours are.
"""

import gc
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import orjson
import uvicorn

bundle = Path(sys.argv[1])
encoder = json.loads((bundle / "encoder.json").read_text())
options = ort.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
run = ort.InferenceSession(bundle / "model.onnx", options, providers=["CPUExecutionProvider"]).run
numbers = [number["column"] for number in encoder["numbers"]]
cells: dict[tuple[str, str], int] = {}
for category in encoder["categories"]:
    for value in category["values"]:
        cells[category["column"], value] = len(numbers) + len(cells)
categories = [category["column"] for category in encoder["categories"]]
width = len(numbers) + len(cells)
head = [(b"content-type", b"application/json")]


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer anything with predictions for the body's rows."""
    body = b""
    more = scope["method"] == "POST"
    while more:
        message = await receive()
        body += message["body"]
        more = message.get("more_body", False)
    rows = orjson.loads(body)["rows"] if body else []
    matrix = np.zeros((len(rows), width))
    matrix[:, : len(numbers)] = [[row[name] for name in numbers] for row in rows] or np.zeros((0, len(numbers)))
    for i, row in enumerate(rows):
        matrix[i, [cells[name, row[name]] for name in categories]] = 1.0
    shares = run(None, {"x": matrix})[0].tolist() if rows else []
    answer = {"predictions": [{"label": int(share[1] >= 0.5), "probabilities": share} for share in shares]}
    content = orjson.dumps(answer)
    length = (b"content-length", str(len(content)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [*head, length]})
    await send({"type": "http.response.body", "body": content})


if __name__ == "__main__":
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    uvicorn.run(
        app, port=int(sys.argv[2]), loop="asyncio", http="httptools", lifespan="off", access_log=False, log_config=None
    )
