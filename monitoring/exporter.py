"""``python -m monitoring exporter``: the newest results of all projects as Prometheus metrics, and their reports.

Everything is read when Prometheus asks: the exporter has no state, so a restart loses nothing, and a value is as old
as its window, which is a metric too. Of a project only the released version is told (where nothing is released here,
the version checked last), so that the number of series does not grow with versions.
"""

import argparse
import logging
import signal
import socketserver
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, ProcessCollector, make_wsgi_app
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from evenkeel.bundle import PROJECT
from evenkeel.config.project import Project
from evenkeel.errors import StorageError
from evenkeel.release import Release
from evenkeel.settings import read_settings
from monitoring.catalogue import CATALOGUE
from monitoring.result import WindowResult
from monitoring.results import newest_result, report_path, watched_projects
from monitoring.samples import Sample, release_samples, result_samples

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

FEATURES = 100
"""Features of a model that have series of their own, unless told otherwise; counts are always of all."""

_log = logging.getLogger(__name__)


class Results(Collector):
    """The newest results and releases below two folders, read at each scrape."""

    def __init__(self, home: Path, releases: Path, *, features: int = FEATURES, url: str = "") -> None:
        self.home = home
        self.releases = releases
        self._features = features
        self._url = url.rstrip("/")

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not read files."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Every family that has a value now."""
        families: dict[str, GaugeMetricFamily] = {}
        for name, labels, value in self._samples():
            family = families.get(name)
            if family is None:
                entry = CATALOGUE[name]
                family = families[name] = GaugeMetricFamily(name, entry.description, labels=entry.labels)
            family.add_metric(labels, float(value))
        return families.values()

    def newest(self, project: str) -> WindowResult | None:
        """The newest result of what is released. Raises StorageError naming a file that cannot be read."""
        release = self._release(project)
        return newest_result(self.home, project, release.version if release else "*")

    def _samples(self) -> Iterator[Sample]:
        projects = self._projects()
        yield Sample("ml_monitoring_projects", (), len(projects))
        for project in projects:
            unreadable = 0
            for read in (self._released, self._checked):
                try:
                    yield from read(project)
                except StorageError as error:  # one broken file must not silence the other projects
                    unreadable += 1
                    _log.error("%s", error)
            yield Sample("ml_monitoring_unreadable_files", (project,), unreadable)

    def _projects(self) -> list[str]:
        released = (path.parent.name for path in self.releases.glob("*/release.json"))
        return sorted({*released, *watched_projects(self.home)})

    def _released(self, project: str) -> list[Sample]:
        release = self._release(project)
        return list(release_samples(release, self._project(release))) if release else []

    def _checked(self, project: str) -> list[Sample]:
        result = self.newest(project)
        if result is None:
            return []
        return list(result_samples(result, self._features, f"{self._url}/reports/{project}" if result.report else None))

    def _project(self, release: Release) -> Project | None:
        path = self.releases / release.project / release.bundle / PROJECT
        try:
            return Project.from_parameter(path.read_text(encoding="utf-8"))
        except FileNotFoundError:  # the bundle is elsewhere: s3://..., http(s)://...
            return None
        except (OSError, ValueError) as exc:
            raise StorageError(f"{path}: is not a project: {exc}; release the model again") from exc

    def _release(self, project: str) -> Release | None:
        path = self.releases / project / "release.json"
        try:
            return Release.model_validate_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as exc:
            raise StorageError(f"{path}: is not a release record: {exc}; release the model again") from exc


def create_app(results: Results) -> "WSGIApplication":
    """``/metrics``, ``/healthz`` and ``/reports/<project>``, the report of its newest window."""
    registry = CollectorRegistry()
    registry.register(results)
    ProcessCollector(registry=registry)
    metrics = make_wsgi_app(registry)

    def app(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            body: Iterable[bytes] = metrics(environ, start)
            return body
        if path.startswith("/reports/"):
            return _report(results, path.removeprefix("/reports/"), start)
        known = path == "/healthz"
        start("200 OK" if known else "404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"ok\n" if known else b"/metrics, /healthz and /reports/<project> are here\n"]

    return app


def _report(results: Results, project: str, start: "StartResponse") -> Iterable[bytes]:
    """The report of the newest window of a project that is known; nothing else on the disk can be asked for."""
    try:
        result = results.newest(project) if project in watched_projects(results.home) else None
    except StorageError as error:
        start("500 Internal Server Error", [("Content-Type", "text/plain; charset=utf-8")])
        return [f"{error}\n".encode()]
    report = result.report if result else None
    if report is not None and "://" in report:
        start("302 Found", [("Location", report)])
        return []
    # by its name alone: the check may have seen the same folder under another path
    path = report_path(results.home, result).with_name(Path(report).name) if result and report else None
    if path is None or not path.is_file():
        start("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"the newest window has no report: python -m monitoring report <project> writes one\n"]
    start("200 OK", [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(path.stat().st_size))])
    return [path.read_bytes()]


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    """A scrape does not wait for a person who reads a report."""

    daemon_threads = True


class _Handler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
        """Nothing: a line a scrape is noise."""


def main(arguments: list[str]) -> int:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m monitoring exporter", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 in a container")
    parser.add_argument("--port", type=int, default=9105, help="port to listen on; 0: any free one")
    parser.add_argument("--features", type=int, default=FEATURES, help="most features of a model with series of theirs")
    parser.add_argument("--url", help="how people reach this process, for the links in alerts")
    options = parser.parse_args(arguments)
    settings = read_settings()
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(message)s")
    with _Server((options.host, options.port), _Handler) as server:
        url = options.url or f"http://{options.host}:{server.server_port}"
        results = Results(settings.home, settings.releases, features=options.features, url=url)
        server.set_app(create_app(results))
        print(f"{url}/metrics", file=sys.stderr, flush=True)
        signal.signal(signal.SIGTERM, _stop)  # process 1 of a container would ignore it
        server.serve_forever()
    return 0


def _stop(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001  what signal calls it with
    raise SystemExit(0)
