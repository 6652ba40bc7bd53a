"""REST, V1 and V2 answer the same, and exactly what the bundle's own predictor answers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from evenkeel.bundle import EVALUATION, Bundle
from evenkeel.predictor import Predictor
from evenkeel.table import label_text, read_table, to_columns
from serving.tensor import DATATYPES, to_binary
from tests.serving.bundles import make_rows
from tests.serving.running import Asked

ROWS = make_rows(20, seed=3)
NAMES = list(ROWS[0])
TYPES = {"age": "INT64", "income": "FP64", "height": "FP64", "weight": "FP64", "smoker": "BOOL", "floor": "INT64"}


def tensors(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "shape": [len(rows)],
            "datatype": TYPES.get(name, "BYTES"),
            "data": [row[name] for row in rows],
        }
        for name in NAMES
    ]


def infer(asked: Asked, content: dict[str, Any], **headers: str) -> Any:
    return asked.post("/v2/models/people/infer", content, headers=headers)


def binary_request(inputs: list[dict[str, Any]], **content: Any) -> tuple[bytes, dict[str, str]]:
    """The same request with its tensors behind the JSON."""
    import orjson

    tails = []
    heads = []
    for tensor in inputs:
        dtype = DATATYPES[tensor["datatype"]]
        data = tensor["data"]
        filled = [np.nan if value is None else value for value in data] if dtype == "<f8" else data
        tails.append(to_binary(np.array(filled, dtype) if dtype else data))
        head = {key: value for key, value in tensor.items() if key != "data"}
        heads.append({**head, "parameters": {"binary_data_size": len(tails[-1])}})
    text = orjson.dumps({"inputs": heads, **content})
    headers = {"content-type": "application/octet-stream", "inference-header-content-length": str(len(text))}
    return text + b"".join(tails), headers


@pytest.fixture(params=["bundle", "multiclass", "regression"])
def any_bundle(request: pytest.FixtureRequest) -> Bundle:
    bundle: Bundle = request.getfixturevalue(request.param)
    return bundle


def own_answers(bundle: Bundle, columns: dict[str, Any]) -> list[Any]:
    prediction = Predictor.load(bundle).predict(columns)
    if prediction.probabilities is not None and prediction.labels is not None:
        classes = bundle.manifest.classes
        texts = [label_text(value) for value in classes]
        return [
            (classes[label], dict(zip(texts, each, strict=True)))
            for label, each in zip(prediction.labels.tolist(), prediction.probabilities.tolist(), strict=True)
        ]
    assert prediction.lower is not None
    assert prediction.upper is not None
    ends = zip(prediction.lower.tolist(), prediction.upper.tolist(), strict=True)
    return [(value, list(interval)) for value, interval in zip(prediction.values.tolist(), ends, strict=True)]


def told(predictions: list[dict[str, Any]]) -> list[Any]:
    return [
        (each.get("label", each.get("value")), each.get("probabilities", each.get("interval"))) for each in predictions
    ]


def test_every_protocol_gives_the_bundles_own_answers_for_its_whole_evaluation_set(
    any_bundle: Bundle, asking: Callable[[Bundle], Asked]
) -> None:
    asked = asking(any_bundle)
    table = read_table(any_bundle.folder / EVALUATION)
    features = any_bundle.project().feature_columns
    expected = own_answers(any_bundle, to_columns(table, features))
    rows = [
        {**row, "since": row["since"] and row["since"].isoformat(), "floor": row["floor"] and int(row["floor"])}
        for row in table.select(NAMES).to_pylist()
    ]
    columns = {name: [row[name] for row in rows] for name in NAMES}
    assert told(asked.post("/predict", {"rows": rows}).json()["predictions"]) == expected
    assert told(asked.post("/predict", {"columns": columns}).json()["predictions"]) == expected
    assert told(asked.post("/v1/models/people:predict", {"instances": rows}).json()["predictions"]) == expected
    arrays = [[row[name] for name in NAMES] for row in rows]
    assert told(asked.post("/v1/models/people:predict", {"instances": arrays}).json()["predictions"]) == expected
    for row, answer in zip(rows[:20], expected[:20], strict=True):
        assert told(asked.post("/predict", {"rows": [row]}).json()["predictions"]) == [answer]
    outputs = {output["name"]: output["data"] for output in infer(asked, {"inputs": tensors(rows)}).json()["outputs"]}
    if any_bundle.manifest.classes:
        assert outputs["label"] == [label for label, _ in expected]
        assert outputs["probabilities"] == [value for _, each in expected for value in each.values()]
    else:
        assert outputs["value"] == [value for value, _ in expected]
        assert outputs["upper"] == [interval[1] for _, interval in expected]


def test_every_answer_names_itself_its_model_and_version(asked: Asked) -> None:
    answer = asked.post("/predict", {"rows": ROWS[:2]}, headers={"x-request-id": "mine-1"})
    content = answer.json()
    assert (content["model"], content["version"]) == ("people", "7")
    assert [each["id"] for each in content["predictions"]] == [f"{content['id']}-0", f"{content['id']}-1"]
    assert answer.headers["x-request-id"] == "mine-1"
    content = infer(asked, {"id": "call", "inputs": tensors(ROWS[:1])}).json()
    assert (content["model_name"], content["model_version"], content["id"]) == ("people", "7", "call")
    assert len(content["parameters"]["prediction_id"]) == 32


def test_trace_context_is_passed_on_and_nonsense_is_not(asked: Asked) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = asked.get("/model", headers={"traceparent": trace, "x-request-id": "a\tb"})
    assert answer.headers["traceparent"] == trace
    assert "x-request-id" not in answer.headers
    assert "traceparent" not in asked.get("/model", headers={"traceparent": "zz"}).headers


def test_warnings_stand_beside_the_answer(asked: Asked) -> None:
    content = asked.post("/predict", {"rows": [{**ROWS[0], "height": 900}]}).json()
    assert [(each["column"], each["rule"]) for each in content["warnings"]] == [("height", "max")]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"content": b"{"}, 400),
        ({"content": b""}, 400),
        ({"content": b'{"rows": [{"age": NaN}]}'}, 400),
        ({"content": b'{"rows": [{"age": 1e999}]}'}, 400),
        ({"content": b"\xff\xfe"}, 400),
        ({"content": b"[" * 100_000}, 400),
        ({"content": b"{}", "headers": {"content-type": "text/plain"}}, 415),
        ({"content": b"{}", "headers": {"content-encoding": "gzip"}}, 415),
        ({"json": []}, 400),
        ({"json": {"rows": [], "columns": {}}}, 400),
        ({"json": {"rows": []}}, 422),
        ({"json": {"columns": []}}, 400),
        ({"json": {"columns": {"age": 3}}}, 400),
        ({"json": {"columns": {}}}, 422),
        ({"json": {"rows": ROWS[:1]}, "params": {"explain": "perhaps"}}, 400),
        ({"content": b" " * (17 << 20)}, 413),
    ],
)
def test_what_is_no_request_gets_4xx_and_a_reason(asked: Asked, request_: dict[str, Any], status: int) -> None:
    answer = asked.ask("POST", "/predict", **request_)
    assert answer.status_code == status
    assert set(answer.json()["error"]) >= {"code", "message"}
    assert "Traceback" not in answer.text


def test_unknown_paths_methods_models_and_versions(asked: Asked) -> None:
    assert asked.get("/nothing").status_code == 404
    assert asked.get("/predict").status_code == 405
    assert asked.get("/predict").headers["allow"] == "POST"
    assert asked.get("/v2/models/nobody").status_code == 404
    assert asked.get("/v2/models/people/versions/6").status_code == 404
    assert asked.get("/v2/models/people/versions/7").status_code == 200
    assert asked.get("/v2/models/people/versions/7/ready").json() == {"name": "people", "ready": True}
    assert asked.post("/v2/models/people/versions/7/infer", {"inputs": tensors(ROWS)}).status_code == 200
    assert asked.post("/v1/models/nobody:predict", {"instances": ROWS}).status_code == 404
    assert asked.get("/v1/models").json() == {"models": ["people"]}
    assert asked.get("/v1/models/people").json() == {"name": "people", "ready": True}
    assert asked.get("/v2").json()["extensions"] == ["binary_tensor_data"]
    assert asked.get("/v2/health/live").status_code == 200


def test_v2_binary_tensors_give_the_answers_of_json(asked: Asked) -> None:
    rows = [{**row, "floor": 1, "since": "2020-01-01"} for row in ROWS]
    body, headers = binary_request(tensors(rows), parameters={"binary_data_output": True})
    answer = asked.ask("POST", "/v2/models/people/infer", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    expected = {output["name"]: output for output in infer(asked, {"inputs": tensors(rows)}).json()["outputs"]}
    import orjson

    split = int(answer.headers["inference-header-content-length"])
    tail = answer.content[split:]
    for output in orjson.loads(answer.content[:split])["outputs"]:
        size = output["parameters"]["binary_data_size"]
        data, tail = tail[:size], tail[size:]
        if output["datatype"] == "FP64":
            assert np.frombuffer(data, "<f8").tolist() == expected[output["name"]]["data"]
            assert output["shape"] == [20, 2]
        else:
            assert data == to_binary(expected["label"]["data"])
    assert not tail


def test_v2_gives_the_outputs_that_are_asked_for(asked: Asked) -> None:
    content = {"inputs": tensors(ROWS), "outputs": [{"name": "label"}]}
    assert [output["name"] for output in infer(asked, content).json()["outputs"]] == ["label"]
    assert infer(asked, {**content, "outputs": [{"name": "score"}]}).status_code == 400


def test_v2_takes_a_matrix_where_all_features_are_numbers(asked: Asked) -> None:
    matrix = {"name": "input-0", "shape": [1, 8], "datatype": "FP64", "data": [1.0] * 8}
    answer = infer(asked, {"inputs": [matrix]})
    assert answer.status_code == 422
    assert {problem["column"] for problem in answer.json()["error"]["problems"]} == {"smoker", "town", "floor", "since"}
    assert infer(asked, {"inputs": [{**matrix, "shape": [1, 7], "data": [1.0] * 7}]}).status_code == 400


BAD_TENSORS: list[dict[str, Any]] = [
    {"shape": [2]},
    {"shape": [1, 1, 1]},
    {"shape": [-1]},
    {"shape": "1"},
    {"shape": []},
    {"shape": [1, 2], "data": [1, 2]},
    {"datatype": "FP99"},
    {"datatype": "BF16"},
    {"datatype": "BYTES"},
    {"datatype": ["INT64"]},
    {"datatype": "INT8", "data": [300]},
    {"data": [1.5]},
    {"data": ["1"]},
    {"data": [[1, 2]]},
    {"data": None},
    {"name": None},
    {"parameters": []},
    {"parameters": {"binary_data_size": 8}},
    {"parameters": {"binary_data_size": -1}},
]


@pytest.mark.parametrize("change", BAD_TENSORS)
def test_v2_refuses_tensors_that_do_not_hold_what_they_say(asked: Asked, change: dict[str, Any]) -> None:
    inputs = [{**tensor, **(change if tensor["name"] == "age" else {})} for tensor in tensors(ROWS[:1])]
    answer = infer(asked, {"inputs": inputs})
    assert answer.status_code == 400, answer.text


def test_explanations_name_their_method_and_are_bounded(asked: Asked) -> None:
    content = asked.ask("POST", "/predict?explain=true", json={"rows": ROWS[:3]}).json()
    explanation = content["explanation"]
    assert explanation["method"] == "ablation"
    assert explanation["model_rows"] == 3 * len(NAMES)
    assert [set(row) for row in explanation["rows"]] == [set(NAMES)] * 3
    assert "town" not in explanation["typical"]
    changed = {**ROWS[0], "age": explanation["typical"]["age"]}
    after = asked.post("/predict", {"rows": [changed]}).json()["predictions"][0]
    before = content["predictions"][0]
    difference = before["probabilities"][before["label"]] - after["probabilities"][before["label"]]
    assert explanation["rows"][0]["age"] == pytest.approx(difference)
    assert asked.ask("POST", "/predict?explain=true", json={"rows": make_rows(21)}).status_code == 422


def test_the_card_and_the_api_pages_are_the_models_own(asked: Asked, bundle: Bundle) -> None:
    card = asked.get("/model").json()
    assert card["digest"] == bundle.digest
    assert card["certificate"]["passed"] is True
    document = asked.get("/openapi.json").json()
    example = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["example"]
    assert asked.post("/predict", example).status_code == 200
    infer_path = document["paths"]["/v2/models/people/infer"]["post"]
    example = infer_path["requestBody"]["content"]["application/json"]["example"]
    assert asked.post("/v2/models/people/infer", example).status_code == 200
    assert asked.get("/docs").status_code == 200
