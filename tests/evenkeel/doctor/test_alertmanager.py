"""The doctor follows Prometheus to the Alertmanager that it sends to; both are real."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import yaml

from evenkeel.doctor import endpoints
from evenkeel.doctor.alertmanager import alertmanagers
from evenkeel.doctor.finding import Finding
from evenkeel.settings import Settings
from tests.monitoring.stack import alertmanager, needs, prometheus, until

pytestmark = needs("prometheus", "prometheus-alertmanager")

REPOSITORY = Path(__file__).parents[3]
OURS: dict[str, Any] = yaml.safe_load(
    (REPOSITORY / "monitoring" / "alertmanager" / "alertmanager.yml").read_text(encoding="utf-8")
)
PEOPLE = {"name": "people", "webhook_configs": [{"url": "http://chat.example/hook"}]}
HEARD = {**OURS, "receivers": [PEOPLE, *OURS["receivers"][1:]]}
UNGOVERNED = {"route": {"receiver": "people"}, "receivers": [PEOPLE]}


class Stack(NamedTuple):
    """A Prometheus, and the Alertmanager that it sends to."""

    settings: Settings
    alertmanager: str
    file: Path

    def configure(self, config: dict[str, Any]) -> None:
        """Of Alertmanager, from now on."""
        self.file.write_text(yaml.safe_dump(config), encoding="utf-8")
        httpx.post(f"{self.alertmanager}/-/reload").raise_for_status()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One for all: Prometheus takes five seconds to take up whom it sends to."""
    folder = tmp_path_factory.mktemp("stack")
    with alertmanager(folder, HEARD) as port, prometheus(folder, {}, port) as server:
        until(
            lambda: httpx.get(f"{server.url}/api/v1/alertmanagers").json()["data"]["activeAlertmanagers"],
            "Prometheus knows its Alertmanager",
        )
        settings = Settings(workspace=REPOSITORY, prometheus=server.url)
        yield Stack(settings, f"http://127.0.0.1:{port}", folder / "alertmanager.yml")


@pytest.mark.parametrize(
    ("config", "verdict", "told"),
    [
        (HEARD, "ok", "people and governor are told"),
        (OURS, "warn", "receiver people has no channel: nobody hears what is sent there"),
        (UNGOVERNED, "warn", "there is no receiver governor"),
    ],
    ids=["heard", "as committed", "ungoverned"],
)
def test_receivers_are_compared_with_ours(stack: Stack, config: dict[str, Any], verdict: str, told: str) -> None:
    stack.configure(config)
    found = {finding.thing: finding for finding in endpoints.prometheus(stack.settings)}
    assert (found["receivers"].verdict, found["receivers"].told) == (verdict, told)
    assert {found[thing].verdict for thing in ("prometheus", "rules", "alertmanager")} == {"ok"}
    assert found["alertmanager"].told.startswith(f"{stack.alertmanager} 0.")


def test_a_prometheus_that_tells_nobody_is_a_failure(tmp_path: Path) -> None:
    with prometheus(tmp_path, {}) as server:
        findings: list[Finding] = list(alertmanagers(Settings(workspace=REPOSITORY), server.url))
    assert [(each.verdict, each.told) for each in findings] == [("fail", "Prometheus knows none: alarms go nowhere")]
    assert "alerting.alertmanagers" in findings[0].fix
