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
from concurrent.futures import ThreadPoolExecutor
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
from evenkeel.storage import exists, read_bytes
from monitoring.catalogue import CATALOGUE
from monitoring.releases import bundle_uri, read_release, released_projects
from monitoring.result import WindowResult
from monitoring.results import Root, newest_result, report_uri, watched_projects
from monitoring.samples import Sample, release_samples, result_samples

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

FEATURES = 100
"""Features of a model that have series of their own, unless told otherwise; counts are always of all."""

_READERS = 8
"""Projects read at once, which matters where they are on S3."""

_log = logging.getLogger(__name__)


class Results(Collector):
    """The newest results and releases below two places, read at each scrape."""

    def __init__(self, results: Root, releases: Root, *, features: int = FEATURES, url: str = "") -> None:
        self.results = results
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
        release = read_release(self.releases, project)
        return newest_result(self.results, project, release.version if release else None)

    def _samples(self) -> Iterator[Sample]:
        projects = sorted({*released_projects(self.releases), *watched_projects(self.results)})
        yield Sample("ml_monitoring_projects", (), len(projects))
        with ThreadPoolExecutor(_READERS) as pool:
            for samples in pool.map(self._of_project, projects):
                yield from samples

    def _of_project(self, project: str) -> list[Sample]:
        samples: list[Sample] = []
        unreadable = 0
        for read in (self._released, self._checked):
            try:
                samples += read(project)
            except StorageError as error:  # one broken file must not silence the other projects
                unreadable += 1
                _log.error("%s", error)
        return [*samples, Sample("ml_monitoring_unreadable_files", (project,), unreadable)]

    def _released(self, project: str) -> list[Sample]:
        release = read_release(self.releases, project)
        return list(release_samples(release, self._project(release))) if release else []

    def _checked(self, project: str) -> list[Sample]:
        result = self.newest(project)
        if result is None:
            return []
        return list(result_samples(result, self._features, f"{self._url}/reports/{project}" if result.report else None))

    def _project(self, release: Release) -> Project | None:
        uri = f"{bundle_uri(self.releases, release)}/{PROJECT}"
        elsewhere = "://" in release.bundle and not uri.startswith(f"{self.releases}/")  # may need other credentials
        if elsewhere or not exists(uri):
            return None
        try:
            return Project.from_parameter(read_bytes(uri).decode())
        except ValueError as exc:
            raise StorageError(f"{uri}: is not a project: {exc}; release the model again") from exc


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
        result = results.newest(project) if project in watched_projects(results.results) else None
        if result and result.report and result.report.startswith(("http://", "https://")):
            start("302 Found", [("Location", result.report)])
            return []
        # by its name alone: the check may have seen the same folder under another path
        name = result.report.rpartition("/")[2] if result and result.report else None
        uri = f"{report_uri(results.results, result).rpartition('/')[0]}/{name}" if result and name else None
        page = read_bytes(uri) if uri and exists(uri) else None
    except StorageError as error:
        start("500 Internal Server Error", [("Content-Type", "text/plain; charset=utf-8")])
        return [f"{error}\n".encode()]
    if page is None:
        start("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"the newest window has no report: python -m monitoring report <project> writes one\n"]
    start("200 OK", [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(page)))])
    return [page]


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
        results = Results(settings.results, settings.released, features=options.features, url=url)
        server.set_app(create_app(results))
        print(f"{url}/metrics", file=sys.stderr, flush=True)
        signal.signal(signal.SIGTERM, _stop)  # process 1 of a container would ignore it
        server.serve_forever()
    return 0


def _stop(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001  what signal calls it with
    raise SystemExit(0)
