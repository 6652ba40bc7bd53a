"""Keys: who has none is told so, and keys change without a restart."""

import hashlib
import os
from pathlib import Path

import pytest

from evenkeel.errors import SettingsError
from serving.app import create_app
from serving.auth import Keys
from serving.metrics import Metrics
from serving.model import Slot
from tests.serving.bundles import make_rows
from tests.serving.running import Asked

ROWS = {"rows": make_rows(1)}


def line(name: str, key: str) -> str:
    return f"{name}:{hashlib.sha256(key.encode()).hexdigest()}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text("# who may ask\n" + line("shop", "first") + line("app", "second"))
    return path


def test_only_known_keys_get_an_answer_and_probes_need_none(slot: Slot, metrics: Metrics, file: Path) -> None:
    asked = Asked(create_app(slot, metrics, keys=Keys(file)))
    for path in ("/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"):
        assert asked.get(path).status_code == 200
    for path in ("/metrics", "/model", "/docs", "/v2/models/people", "/nothing"):
        assert asked.get(path).status_code == 401
    wrong: list[dict[str, str]] = [
        {},
        {"authorization": "Bearer"},
        {"authorization": "Basic first"},
        {"x-api-key": "third"},
    ]
    for headers in wrong:
        answer = asked.post("/predict", ROWS, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
    for headers in ({"authorization": "Bearer first"}, {"authorization": "bearer second"}, {"x-api-key": "second"}):
        assert asked.post("/predict", ROWS, headers=headers).status_code == 200


def test_metrics_can_be_left_open(slot: Slot, metrics: Metrics, file: Path) -> None:
    asked = Asked(create_app(slot, metrics, keys=Keys(file), open_metrics=True))
    assert asked.get("/metrics").status_code == 200


def test_keys_change_without_a_restart_and_a_broken_file_changes_nothing(file: Path) -> None:
    keys = Keys(file, look_seconds=0)
    bearer = {b"authorization": b"Bearer third"}
    assert keys.who({b"authorization": b"Bearer first"}) == "shop"
    file.write_text(line("new", "third"))
    os.utime(file, ns=(1, 1))
    assert keys.who(bearer) == "new"
    file.write_text("nonsense")
    os.utime(file, ns=(2, 2))
    assert keys.who(bearer) == "new"
    file.unlink()
    assert keys.who(bearer) == "new"


@pytest.mark.parametrize("text", ["", "# nobody\n", "name\n", "name:abc\n", line("a", "b").upper()])
def test_a_file_that_holds_no_keys_is_an_error_at_start(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys"
    path.write_text(text)
    with pytest.raises(SettingsError, match="keys"):
        Keys(path)
    with pytest.raises(SettingsError, match="cannot be read"):
        Keys(tmp_path / "absent")
