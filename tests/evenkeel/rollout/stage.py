"""What a rollout needs around it: bundles with samples, a real route on this machine, a clock, a judge who is told."""

import datetime as dt
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from evenkeel.bundle import SAMPLES, Bundle, seal_bundle
from evenkeel.config import Project
from evenkeel.config.operation import Check, Serving, Step
from evenkeel.release import Release
from evenkeel.rollout.journal import Outcome, Verdict
from evenkeel.rollout.run import Stepped
from tests.evenkeel.rollout.fake_place import FakeDriver, Place
from tests.evenkeel.toy_bundle import certify, toy_bundle, toy_manifest, toy_project

STEPS = (
    {"traffic": 0, "bake_minutes": 1, "checks": ["disagreement"]},
    {"traffic": 10, "bake_minutes": 1, "checks": ["errors", "latency"]},
    {"traffic": 100, "bake_minutes": 0, "checks": ["errors"]},
)


def stepped_project(steps: Sequence[Mapping[str, Any]] = STEPS) -> Project:
    """The toy project, with steps of a rollout."""
    return toy_project(serving={"target": "kubernetes", "rollout": list(steps)})


def sampled(folder: Path, project: Project, score: float) -> Bundle:
    """A certified bundle whose samples say what it answers: another score is another digest."""
    toy_bundle(folder, project=project, payload=str(score))
    samples = [{"features": {"age": 30}, "answer": {"label": False, "probabilities": [1 - score, score]}}]
    (folder / SAMPLES).write_text(json.dumps(samples))
    return certify(seal_bundle(folder, toy_manifest(project)))


class Route(ThreadingHTTPServer):
    """A router and the servers behind it: ``X-Version`` chooses who answers, with the score that it was given."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Server)
        self.scores: dict[str, float] = {}
        self.first: list[tuple[int, Any]] = []
        """Answers that come before the right ones: (code, body)."""
        self.asked: list[Mapping[str, str]] = []
        """The headers of every request."""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, version: str) -> tuple[int, Any]:
        """What the next request gets."""
        if self.first:
            return self.first.pop(0)
        score = self.scores[version]
        prediction = {"label": False, "probabilities": {"false": 1 - score, "true": score}}
        return 200, {"version": version, "predictions": [prediction]}


class _Server(BaseHTTPRequestHandler):
    server: Route

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append(dict(self.headers.items()))
        code, body = self.server.answer(self.headers.get("X-Version", "1"))
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
        pass


@contextmanager
def route() -> Iterator[Route]:
    """A route that is there."""
    with Route() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Clock:
    """Time that passes only while somebody sleeps; ``meanwhile`` is what others do in that time."""

    time: dt.datetime = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
    meanwhile: Callable[[], None] = lambda: None

    def now(self) -> dt.datetime:
        """It is."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """It passes."""
        self.time += dt.timedelta(seconds=seconds)
        self.meanwhile()


@dataclass
class Told:
    """A judge who says what the test says; pass where it says nothing."""

    verdicts: dict[Check, Verdict] = field(default_factory=dict)

    def judge(self, release: Release, serving: Serving, step: Step, seconds: float) -> tuple[Outcome, ...]:
        """Each check of the step."""
        verdicts = {check: self.verdicts.get(check, "pass") for check in step.checks}
        return tuple(Outcome(check=check, verdict=is_, told=f"{check}: {is_}") for check, is_ in verdicts.items())


@dataclass
class Stage:
    """A place with its route, a clock, and where bundles are published."""

    route: Route
    folder: Path
    place: Place = field(default_factory=Place)
    clock: Clock = field(default_factory=Clock)
    judge: Told = field(default_factory=Told)
    project: Project = field(default_factory=stepped_project)
    said: list[str] = field(default_factory=list)
    made: dict[str, Bundle] = field(default_factory=dict)

    @property
    def bundles(self) -> str:
        """Where bundles are published."""
        return str(self.folder / "published")

    def bundle(self, version: str) -> Bundle:
        """The bundle of a version, which the route can answer as."""
        if version not in self.made:
            score = self.route.scores.setdefault(version, int(version) / 100)
            self.made[version] = sampled(self.folder / version, self.project, score)
        return self.made[version]

    def target(self, driver: FakeDriver | None = None, me: str = "me") -> Stepped:
        """A process that rolls out."""
        return Stepped(
            driver or FakeDriver(self.place, self.route.url),
            self.judge,
            self.bundles,
            now=self.clock.now,
            sleep=self.clock.sleep,
            tell=self.said.append,
            interval=10,
            me=me,
        )

    def apply(self, *versions: str) -> None:
        """Roll these out, one after the other."""
        for version in versions:
            self.target().apply(self.project, self.bundle(version), version)

    @property
    def served(self) -> str | None:
        """The version that is current."""
        found: str | None = self.place.kept.get("current")
        return found

    @property
    def record(self) -> Release:
        """What watchers are told is current."""
        return Release.model_validate_json((Path(self.bundles) / "visits" / "release.json").read_text())

    @property
    def kept(self) -> Path:
        """Where the whole history lies."""
        return Path(self.bundles) / "visits" / "kubernetes" / "models" / "history"

    def history(self) -> list[tuple[str, str]]:
        """What was decided."""
        return [(line.action, line.release.version) for line in self.target().history("visits")]

    def ends(self) -> tuple[Any, ...]:
        """What is left in the end, whenever it happened: what is compared after kills."""
        kept = self.place.kept
        rollout = self.target().rollout("visits")
        assert rollout is not None
        shape = {name: kept.get(name) for name in ("current", "candidate", "before")}
        return shape, kept["traffic"], sorted(kept["servers"]), rollout.phase, rollout.message, self.history()
