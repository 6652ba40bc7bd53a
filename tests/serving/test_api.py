"""The API as its own document describes it, asked by schemathesis: no 5xx, no status or body it does not describe."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from evenkeel.bundle import Bundle
from tests.serving.running import Running

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
FUZZ = settings(max_examples=20, database=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_the_server_does_what_its_document_says(
    serve: Callable[..., Running], bundle: Bundle, tmp_path: Path, mode: GenerationMode
) -> None:
    server = serve("--bundle", str(bundle.folder), "--ledger", str(tmp_path / "ledger"), "--drain", "0")
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    asked = 0
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        if mode is GenerationMode.NEGATIVE and operation.method == "get":
            continue  # nothing in it can be wrong

        @FUZZ
        @given(case=operation.as_strategy(generation_mode=mode))
        def probe(case: Any) -> None:
            nonlocal asked
            asked += 1
            case.call_and_validate(base_url=server.url, checks=CHECKS)

        probe()
    assert asked > 60
    assert server.process.poll() is None
