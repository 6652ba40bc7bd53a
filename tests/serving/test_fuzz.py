"""Whatever is sent: an answer, never a 5xx, never an exception."""

import json
import struct
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.problem import RefusedError
from serving.tensor import DATATYPES, Binary, read_tensor
from tests.serving.bundles import make_rows
from tests.serving.running import Asked
from tests.serving.test_protocols import NAMES, binary_request, tensors

FUZZ = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
ROW = make_rows(1)[0]


PATHS = ["/predict", "/v1/models/people:predict", "/v2/models/people/infer"]


@FUZZ
@given(body=st.binary(max_size=200), path=st.sampled_from(PATHS))
def test_bytes(asked: Asked, body: bytes, path: str) -> None:
    assert 400 <= asked.ask("POST", path, content=body).status_code < 500


@FUZZ
@given(value=JSON, key=st.sampled_from(["rows", "columns", "instances", "inputs"]))
def test_json_of_any_shape(asked: Asked, value: Any, key: str) -> None:
    for path in PATHS:
        assert 400 <= asked.post(path, {key: value}).status_code < 500


@FUZZ
@given(values=st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, SCALARS)))
def test_rows_of_any_values(asked: Asked, values: dict[str, Any]) -> None:
    assert asked.post("/predict", {"rows": [{**ROW, **values}]}).status_code in (200, 400, 422)


TENSOR = st.fixed_dictionaries(
    {
        "name": st.sampled_from(NAMES) | JSON,
        "shape": st.lists(st.integers(-1, 4), max_size=3) | JSON,
        "datatype": st.sampled_from([*DATATYPES, "FP99"]) | JSON,
    },
    optional={
        "data": st.lists(SCALARS, max_size=4) | JSON,
        "parameters": st.fixed_dictionaries({}, optional={"binary_data_size": st.integers(-1, 40) | JSON}) | JSON,
    },
)


@FUZZ
@given(inputs=st.lists(TENSOR, max_size=3), tail=st.binary(max_size=40), claimed=st.integers(-5, 400) | st.none())
def test_tensors_and_lengths_that_lie(asked: Asked, inputs: list[Any], tail: bytes, claimed: int | None) -> None:
    text = json.dumps({"inputs": inputs}).encode()
    length = len(text) if claimed is None else claimed
    headers = {"inference-header-content-length": str(length), "content-type": "application/octet-stream"}
    answer = asked.ask("POST", "/v2/models/people/infer", content=text + tail, headers=headers)
    assert 400 <= answer.status_code < 500


@FUZZ
@given(data=st.data())
def test_a_good_binary_request_with_one_size_changed_is_refused(asked: Asked, data: st.DataObject) -> None:
    row = {**ROW, "floor": 1, "since": "2020-01-01"}
    body, headers = binary_request(tensors([row]))
    at = data.draw(st.integers(int(headers["inference-header-content-length"]), len(body) - 1))
    cut = body[:at] + data.draw(st.binary(max_size=3)) + body[at + 4 :]
    answer = asked.ask("POST", "/v2/models/people/infer", content=cut, headers=headers)
    assert answer.status_code in (200, 400, 422)
    if len(cut) != len(body):
        assert answer.status_code == 400


@pytest.mark.parametrize("claimed", [0, 3, 5, 2**32 - 1])
def test_text_lengths_that_lie(asked: Asked, claimed: int) -> None:
    data = struct.pack("<I", claimed) + b"Rome"
    given_ = {"name": "town", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": len(data)}}
    with pytest.raises(RefusedError, match="town"):
        read_tensor(given_, Binary(memoryview(data)))
