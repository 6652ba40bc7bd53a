"""What was answered can be read back; what cannot be written is counted and never in the way."""

import contextlib
import datetime as dt
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import pyarrow.dataset as ds
import pytest

from evenkeel.bundle import Bundle
from evenkeel.ledger import FEATURE, read_labels, read_predictions
from serving.answer import Answer, new_id
from serving.app import create_app
from serving.http import Call
from serving.ledger import Ledger
from serving.metrics import Metrics
from serving.model import Slot, load_model
from tests.s3 import Bucket
from tests.serving.bundles import make_rows
from tests.serving.running import Asked, Running, wait_until

ROWS = make_rows(5, seed=11)


@pytest.fixture
def logged(slot: Slot, metrics: Metrics, ledger: Ledger) -> Asked:
    return Asked(create_app(slot, metrics, ledger=ledger))


def test_a_prediction_is_kept_as_it_was_validated_and_answered(logged: Asked, ledger: Ledger, tmp_path: Path) -> None:
    rows = [{**row, "person": f"p{index}"} for index, row in enumerate(ROWS)]
    content = logged.post("/predict", {"rows": rows}, headers={"x-request-id": "call-1"}).json()
    ledger.close(5)
    table = read_predictions(str(tmp_path / "ledger"), "people")
    assert table["id"].to_pylist() == [each["id"] for each in content["predictions"]]
    assert table["label"].to_pylist() == [each["label"] for each in content["predictions"]]
    assert table["probabilities"].to_pylist() == [
        list(each["probabilities"].values()) for each in content["predictions"]
    ]
    assert set(table["request_id"].to_pylist()) == {"call-1"}
    assert set(table["model_version"].to_pylist()) == {"7"}
    assert set(table["role"].to_pylist()) == {"live"}
    assert table[FEATURE + "age"].to_pylist() == [row["age"] for row in ROWS]
    assert table[FEATURE + "smoker"].to_pylist() == [row["smoker"] for row in ROWS]
    assert table[FEATURE + "floor"].to_pylist() == [None if row["floor"] is None else str(row["floor"]) for row in ROWS]
    assert all(latency > 0 for latency in table["latency_ms"].to_pylist())


def test_sensitive_columns_are_hashed_with_the_salt_or_left_out(logged: Asked, ledger: Ledger, tmp_path: Path) -> None:
    logged.post("/predict", {"rows": [{**row, "person": "p"} for row in ROWS]})
    ledger.close(5)
    table = read_predictions(str(tmp_path / "ledger"), "people")
    assert FEATURE + "income" not in table.column_names
    towns = table[FEATURE + "town"].to_pylist()
    assert not {"Rome", "Oslo", "Bern"} & set(towns)
    assert len(set(towns)) == len({row["town"] for row in ROWS})
    assert set(map(len, table["entity"].to_pylist())) == {32}
    text = b"".join(file.read_bytes() for file in (tmp_path / "ledger").rglob("*.parquet"))
    assert b"Rome" not in text


def test_partitions_are_hours_that_other_readers_understand(logged: Asked, ledger: Ledger, tmp_path: Path) -> None:
    logged.post("/predict", {"rows": ROWS})
    ledger.close(5)
    (file,) = (tmp_path / "ledger" / "predictions").rglob("*.parquet")
    now = dt.datetime.now(dt.UTC)
    assert file.parent.parts[-3:-1] == ("model=people", f"date={now:%Y-%m-%d}")
    table = ds.dataset(tmp_path / "ledger" / "predictions", partitioning="hive").to_table()
    assert set(table["model"].to_pylist()) == {"people"}
    later = read_predictions(str(tmp_path / "ledger"), "people", since=now + dt.timedelta(days=1))
    assert later.num_rows == 0


def test_regression_keeps_value_and_interval(regression: Bundle, metrics: Metrics, tmp_path: Path) -> None:
    slot = Slot()
    slot.model = load_model(regression.folder)
    ledger = Ledger(str(tmp_path), metrics)
    content = Asked(create_app(slot, metrics, ledger=ledger)).post("/predict", {"rows": ROWS}).json()
    ledger.close(5)
    table = read_predictions(str(tmp_path), "people")
    assert table["value"].to_pylist() == [each["value"] for each in content["predictions"]]
    assert table["upper"].to_pylist() == [each["interval"][1] for each in content["predictions"]]
    assert table["label"].null_count == 5


def test_labels_come_late_in_any_number_and_the_last_counts(logged: Asked, ledger: Ledger, tmp_path: Path) -> None:
    first, second, *_ = logged.post("/predict", {"rows": ROWS}).json()["predictions"]
    assert logged.post("/feedback", {"id": first["id"], "label": "yes"}).status_code == 202
    many = [{"id": first["id"], "label": "no"}, {"id": second["id"], "label": "yes"}]
    assert logged.post("/feedback", {"labels": many}).json() == {"accepted": 2}
    ledger.close(5)
    labels = {row["id"]: row["label"] for row in read_labels(str(tmp_path / "ledger"), "people").to_pylist()}
    assert labels == {first["id"]: "no", second["id"]: "yes"}


@pytest.mark.parametrize(
    "label",
    [
        {"id": "x", "label": "yes"},
        {"id": "0" * 32 + "-0", "label": "maybe"},
        {"id": "0" * 32 + "-0", "label": None},
        {"id": "0" * 32 + "-0", "label": True},
        {"id": "0" * 32 + "-0"},
        {"id": "0" * 32 + "-0", "label": "yes", "why": 1},
        {"labels": [3]},
        [],
    ],
)
def test_labels_that_cannot_be_true_are_refused(logged: Asked, label: object) -> None:
    answer = logged.post("/feedback", label)
    assert 400 <= answer.status_code < 500


def test_integer_classes_are_labels_as_they_are(multiclass: Bundle, metrics: Metrics, tmp_path: Path) -> None:
    slot = Slot()
    slot.model = load_model(multiclass.folder)
    ledger = Ledger(str(tmp_path), metrics)
    asked = Asked(create_app(slot, metrics, ledger=ledger))
    identity = asked.post("/predict", {"rows": ROWS}).json()["predictions"][0]["id"]
    assert asked.post("/feedback", {"id": identity, "label": "1"}).status_code == 422
    assert asked.post("/feedback", {"id": identity, "label": 1}).status_code == 202
    ledger.close(5)
    assert read_labels(str(tmp_path), "people")["label"].to_pylist() == ["1"]


def test_without_a_ledger_feedback_is_refused_plainly(asked: Asked) -> None:
    assert asked.post("/feedback", {"id": "0" * 32 + "-0", "label": "yes"}).status_code == 501


def test_many_threads_log_each_row_once(slot: Slot, metrics: Metrics, tmp_path: Path) -> None:
    ledger = Ledger(str(tmp_path), metrics, interval=0.02)
    asked = Asked(create_app(slot, metrics, ledger=ledger))
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda rows: asked.post("/predict", {"rows": rows}).json(), [ROWS, ROWS[:1]] * 50))
    ledger.close(5)
    told = [each["id"] for answer in answers for each in answer["predictions"]]
    table = read_predictions(str(tmp_path), "people")
    assert sorted(table["id"].to_pylist()) == sorted(told)
    ages = dict(zip(table["id"].to_pylist(), table[FEATURE + "age"].to_pylist(), strict=True))
    assert [ages[identity] for identity in told] == [row["age"] for row in [*ROWS, ROWS[0]]] * 50


def test_full_blocks_are_written_long_before_their_time(slot: Slot, metrics: Metrics, tmp_path: Path) -> None:
    ledger = Ledger(str(tmp_path), metrics, interval=3600)
    asked = Asked(create_app(slot, metrics, ledger=ledger))
    for _ in range(25):
        asked.post("/predict", {"rows": ROWS * 200})
    wait_until(lambda: (metrics.registry.get_sample_value("ml_prediction_log_rows_total") or 0) == 16_000, 20)
    ledger.close(5)
    assert read_predictions(str(tmp_path), "people").num_rows == 25_000


def test_what_does_not_fit_is_dropped_and_counted(slot: Slot, metrics: Metrics, tmp_path: Path) -> None:
    ledger = Ledger(str(tmp_path), metrics, queue_rows=7, interval=60)
    asked = Asked(create_app(slot, metrics, ledger=ledger))
    blocked = tmp_path / "predictions"
    blocked.write_text("a file where the folder should be")
    for _ in range(2):
        assert asked.post("/predict", {"rows": ROWS}).status_code == 200
    assert metrics.registry.get_sample_value("ml_prediction_log_dropped_total", {"reason": "queue_full"}) == 5
    ledger.close(5)
    assert metrics.registry.get_sample_value("ml_prediction_log_dropped_total", {"reason": "shutdown"}) == 5


def test_what_cannot_be_written_now_is_written_when_it_can(slot: Slot, metrics: Metrics, tmp_path: Path) -> None:
    blocked = tmp_path / "predictions"
    blocked.write_text("a file where the folder should be")
    ledger = Ledger(str(tmp_path), metrics, interval=0.05)
    asked = Asked(create_app(slot, metrics, ledger=ledger))
    assert asked.post("/predict", {"rows": ROWS}).status_code == 200
    failures = "ml_prediction_log_write_failures_total"
    wait_until(lambda: (metrics.registry.get_sample_value(failures) or 0) > 0, 10)
    assert asked.post("/predict", {"rows": ROWS}).status_code == 200
    blocked.unlink()
    wait_until(lambda: metrics.registry.get_sample_value("ml_prediction_log_rows_total") == 10, 10)
    ledger.close(5)
    assert read_predictions(str(tmp_path), "people").num_rows == 10


def test_rows_that_cannot_become_a_file_are_counted_and_do_not_end_the_ledger(
    bundle: Bundle, metrics: Metrics, tmp_path: Path
) -> None:
    model = load_model(bundle.folder)
    ledger = Ledger(str(tmp_path), metrics, interval=0.02)
    dropped = "ml_prediction_log_dropped_total"

    def log(person: str) -> None:
        entry = model.door.records([{**ROWS[0], "person": person}])
        ledger(Call("POST", "/predict", b"", {}), entry, Answer(new_id(), model, model.predict(entry), []))

    log("no text in UTF-8: \ud800")  # no request can bring one
    wait_until(lambda: metrics.registry.get_sample_value(dropped, {"reason": "failed"}) == 1, 10)
    log("p")
    ledger.close(5)
    assert read_predictions(str(tmp_path), "people").num_rows == 1
    assert metrics.registry.get_sample_value(dropped, {"reason": "shutdown"}) == 0


def test_a_ledger_on_s3_survives_its_store_going_away(slot: Slot, metrics: Metrics, bucket: Bucket) -> None:
    ledger = Ledger(f"{bucket.uri}/ledger", metrics, salt="pepper", interval=0.1)
    asked = Asked(create_app(slot, metrics, ledger=ledger))
    asked.post("/predict", {"rows": ROWS})
    wait_until(lambda: metrics.registry.get_sample_value("ml_prediction_log_rows_total") == 5, 20)
    store = boto3.client("s3", endpoint_url=bucket.endpoint, region_name="us-east-1")
    for item in store.list_objects_v2(Bucket=bucket.name)["Contents"]:
        store.delete_object(Bucket=bucket.name, Key=item["Key"])
    store.delete_bucket(Bucket=bucket.name)
    asked.post("/predict", {"rows": ROWS})
    wait_until(lambda: metrics.registry.get_sample_value("ml_prediction_log_write_failures_total") or 0, 30)
    assert asked.post("/predict", {"rows": ROWS}).status_code == 200
    store.create_bucket(Bucket=bucket.name)
    ledger.close(30)
    assert read_predictions(f"{bucket.uri}/ledger", "people").num_rows == 10
    assert not metrics.registry.get_sample_value("ml_prediction_log_dropped_total", {"reason": "shutdown"})


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    command = [str(mount), "-t", "tmpfs", "-o", "size=64k", "none", str(place)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_costs_no_answer_and_nothing_once_there_is_room(
    slot: Slot, metrics: Metrics, small_disk: Path
) -> None:
    ballast = small_disk / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb") as file:
        for _ in range(64):
            file.write(bytes(1024))
            file.flush()
    ledger = Ledger(str(small_disk / "ledger"), metrics, salt="pepper", interval=0.1)
    asked = Asked(create_app(slot, metrics, ledger=ledger))
    assert asked.post("/predict", {"rows": ROWS}).status_code == 200
    wait_until(lambda: metrics.registry.get_sample_value("ml_prediction_log_write_failures_total") or 0, 20)
    assert asked.post("/predict", {"rows": ROWS}).status_code == 200
    ballast.unlink()
    ledger.close(20)
    assert read_predictions(str(small_disk / "ledger"), "people").num_rows == 10
    assert not [path for path in small_disk.rglob("*") if path.is_file() and path.suffix != ".parquet"]


def test_hashing_without_a_salt_is_warned_of(serve: Callable[..., Running], bundle: Bundle, tmp_path: Path) -> None:
    server = serve("--bundle", str(bundle.folder), "--ledger", str(tmp_path / "ledger"), "--drain", "0")
    warnings = [line for line in server.lines() if line["level"] == "warning"]
    assert [line["columns"] for line in warnings] == [["person", "town"]]
    server = serve("--bundle", str(bundle.folder), "--ledger", "none", "--drain", "0")
    assert not [line for line in server.lines() if line["level"] == "warning"]
