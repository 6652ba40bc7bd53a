"""The benchmark's own machinery: what it asks, what it starts and leaves, what it makes of figures."""

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.serving.environment import UnavailableError, python_for
from benchmarks.serving.measure import LOADS, MODERATE
from benchmarks.serving.model import WORKLOADS
from benchmarks.serving.peers import PEERS, Peer
from benchmarks.serving.process import running
from benchmarks.serving.protocol import PROTOCOLS, encode
from benchmarks.serving.report import render, render_growth, render_memory

PLACES = {"bundle": "bundle", "model": "model.joblib"}
HERE = Path(sys.executable)

CHILD = "import subprocess, sys, time; print(subprocess.Popen(['sleep', '600']).pid, flush=True); time.sleep(600)"
MORTAL = "import sys; sys.exit('no such model')"
ANSWERS = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b'{{"predictions": [1]}}')
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def peer(code: str) -> Peer:
    return Peer(("{python}", "-c", code, "{port}"), "/predict", "list", "/")


@pytest.mark.parametrize("workload", WORKLOADS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_body_is_one_line_of_json_with_all_rows(protocol: str, workload: str) -> None:
    rows = WORKLOADS[workload].rows(3, 0)
    body = encode(protocol, rows)
    assert "\n" not in body
    json.loads(body)
    for value in (value for values in rows.values() for value in values):
        assert json.dumps(value) in body


@pytest.mark.parametrize("name", PEERS)
def test_every_peer_is_pinned_and_its_files_are_json(name: str) -> None:
    peer = PEERS[name]
    assert peer.protocol in PROTOCOLS
    assert all("==" in package for package in peer.packages)
    assert bool(peer.packages) == (peer.environment is not None)
    for content in peer.files.values():
        json.loads(content.format(model="model.joblib", port=1, port2=2, port3=3))


def test_a_server_is_asked_until_it_answers(tmp_path: Path) -> None:
    with running(peer(ANSWERS), HERE, tmp_path, PLACES) as server:
        server.wait("[]")
        status, content = server.ask("[]")
        assert (status, PROTOCOLS["list"].labels(json.loads(content))) == (200, [1])
        assert server.probe() == float("inf"), "it has no GET"
        assert server.megabytes() > 1


def test_a_server_that_dies_is_reported_with_its_last_words(tmp_path: Path) -> None:
    with (
        running(peer(MORTAL), HERE, tmp_path, PLACES) as server,
        pytest.raises(UnavailableError, match="no such model"),
    ):
        server.wait("[]")


def test_a_peer_that_cannot_be_installed_is_reported(tmp_path: Path) -> None:
    absent = replace(
        peer(MORTAL), environment="absent", packages=(f"evenkeel-absent @ {tmp_path.as_uri()}/absent.whl",)
    )
    with pytest.raises(UnavailableError, match="absent"):
        python_for(absent, tmp_path)


def test_children_are_gone_with_their_server(tmp_path: Path) -> None:
    with running(peer(CHILD), HERE, tmp_path, PLACES):
        log = tmp_path / "server.log"
        while not (said := log.read_text(encoding="utf-8").strip()):
            time.sleep(0.01)
        assert Path(f"/proc/{said}").exists()
    stat = Path(f"/proc/{said}/stat")
    assert not stat.exists() or ") Z " in stat.read_text(encoding="utf-8")


def test_ratios_are_paired_by_round() -> None:
    def one(rps: float) -> dict[str, object]:
        return {load.key: {"rps": rps, "p50_ms": 1.0, "p99_ms": 2.0, "bad": 0} for load in (*LOADS, MODERATE)}

    ours, theirs = [one(100), one(1_000), one(300)], [one(10), one(10), one(10)]
    life = {"cold_s": 1.0, "idle_mb": 1.0, "busy_mb": 1.0, "probe": {"p50_ms": 1.0, "max_ms": 1.0}}
    rounds = {"evenkeel": ours, "peer": theirs}
    missing = {"other": "cannot be installed"}
    text = render({"rounds": rounds, "life": {"evenkeel": life, "peer": life}, "missing": missing})
    assert "| `peer` | 30 | 30 | 30 | 30 | 30 |" in text
    assert "1 row, c=8, 40 requests/s" in text
    assert "`other`: not measured: cannot be installed" in text


def test_growth_and_memory_are_told_as_markdown() -> None:
    assert (
        render_growth({"rows": {"1": "0.2", "10": "0.3"}}) == "| rows | 1 | 10 |\n| --- | --- | --- |\n|  | 0.2 | 0.3 |"
    )
    told = render_memory({"samples": [(0.1, 120.0), (0.5, 130.0)], "requests": 1e4, "slope_mb_per_minute": -0.04})
    assert "10,000 requests: 120 to 130 MB, 130 MB at the end, slope -0.04 MB a minute" in told
