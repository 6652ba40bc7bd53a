"""Approvals by HTTP: the token says who, the registry says which bundle, and what waited goes on."""

import datetime as dt
import hashlib
import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import yaml

from evenkeel.bundle import Bundle
from evenkeel.config.operation import Promotion
from evenkeel.errors import SettingsError
from evenkeel.promotion.approval import approvals
from evenkeel.promotion.environment import read_environment
from evenkeel.settings import Settings
from evenkeel.targets.local import LocalTarget
from monitoring.governor.approve import approve, identify, read_approvers
from monitoring.governor.place import open_state
from monitoring.governor.state import flight
from monitoring.governor.webhook import Webhook
from tests.evenkeel.toy_bundle import certify, crowned, migrated_home, toy_bundle, toy_candidate, toy_project

ADA, INTERN = "token-of-ada", "token-of-an-intern"
BODY = {"project": "visits", "version": "1", "environment": "production", "reason": "read the report"}


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@pytest.fixture
def settings(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A registry with version 1, which production takes after one owner's approval."""
    workspace = tmp_path / "checkout"
    for name in ("conf", "environments"):
        (workspace / name).mkdir(parents=True)
    rules = {"production": Promotion(approvals=1, roles=("owner",))}
    project = toy_project().model_copy(update={"promotion": rules})
    conf = yaml.safe_dump(project.model_dump(mode="json", exclude_defaults=True))
    (workspace / "conf" / "visits.yaml").write_text(conf)
    home = migrated_home(tmp_path_factory, tmp_path / "home")
    production = f"EVENKEEL_HOME={tmp_path / 'production'}\nEVENKEEL_TRACKING_URI=sqlite:///{home / 'mlflow.db'}\n"
    (workspace / "environments" / "production.env").write_text(production)
    (tmp_path / "approvers").write_text(f"# who may\n\nada:owner:{hashed(ADA)}\nbob:intern:{hashed(INTERN)}\n")
    return Settings(home=home, workspace=workspace, approvers=tmp_path / "approvers", _env_file=None)


@pytest.fixture
def bundle(settings: Settings, tmp_path: Path) -> Bundle:
    made = certify(toy_bundle(tmp_path / "bundle"))
    crowned(settings, made)
    return made


def asked(settings: Settings, token: str = ADA, **changes: Any) -> tuple[HTTPStatus, dict[str, Any]]:
    body = json.dumps({key: value for key, value in {**BODY, **changes}.items() if value is not None}).encode()
    return approve(body, f"Bearer {token}", settings, dt.datetime.now(dt.UTC))


@contextmanager
def held(settings: Settings) -> Iterator[None]:
    """Somebody else is promoting: nothing is started meanwhile."""
    with flight(settings.home / "monitoring" / "visits" / "promotion" / "production.lock"):
        yield


def test_over_http_it_is_kept_and_what_waited_goes_on(settings: Settings, bundle: Bundle) -> None:
    with Webhook(("127.0.0.1", 0), settings, open_state(settings), token="another") as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
        connection.request("POST", "/approvals", json.dumps(BODY), {"Authorization": f"Bearer {ADA}"})
        answer = connection.getresponse()
        told = json.loads(answer.read())
        connection.close()
        server.shutdown()
        thread.join()
    assert answer.status == HTTPStatus.CREATED
    assert told["approval"]["digest"] == bundle.digest
    assert told["promotion"].startswith("started: version 1 to production; log: ")
    log = Path(told["promotion"].partition("log: ")[2])
    promoted = served(settings, until=time.monotonic() + 60)
    assert promoted == bundle.digest, log.read_text()


def served(settings: Settings, until: float) -> str | None:
    """The digest that production serves, once the promotion that holds its flight has ended."""
    lock = settings.home / "monitoring" / "visits" / "promotion" / "production.lock"
    while time.monotonic() < until:
        with flight(lock) as free:
            if free is not None:
                break
        time.sleep(0.05)
    there = read_environment("production", settings.workspace)
    current = LocalTarget(there.releases).status("visits").current
    return current.digest if current else None


def test_who_and_role_are_the_tokens(settings: Settings, bundle: Bundle) -> None:
    with held(settings):
        status, told = asked(settings)
    assert status == HTTPStatus.CREATED
    (kept,) = approvals(settings, "visits")
    assert (kept.who, kept.role, kept.by, kept.digest) == ("ada", "owner", "http", bundle.digest)
    assert told["approval"] == kept.model_dump(mode="json")
    for name in ("who", "role", "digest"):
        status, told = asked(settings, **{name: "eve"})
        assert (status, told["error"]) == (422, f"{name}: Extra inputs are not permitted")


def test_the_same_again_is_the_same_approval(settings: Settings, bundle: Bundle) -> None:
    with held(settings):
        first, again = asked(settings), asked(settings)
    assert (first[0], again[0]) == (HTTPStatus.CREATED, HTTPStatus.OK)
    assert first[1]["approval"] == again[1]["approval"]
    assert len(approvals(settings, "visits")) == 1


def test_two_promotions_never_run_side_by_side(settings: Settings, bundle: Bundle) -> None:
    with held(settings):
        _, told = asked(settings)
    assert told["promotion"].startswith("not started: another promotion to production is under way")


def test_one_of_two_approvals_waits_for_the_other(settings: Settings, bundle: Bundle) -> None:
    conf = settings.workspace / "conf" / "visits.yaml"
    conf.write_text(conf.read_text().replace("approvals: 1", "approvals: 2"))
    status, told = asked(settings)
    assert status == HTTPStatus.CREATED
    assert told["promotion"].startswith("not started: waiting for approval: visits version 1")


@pytest.mark.parametrize("authorization", ["", "Bearer ", "Bearer wrong", f"Basic {ADA}", f"Bearer {hashed(ADA)}"])
def test_without_a_token_that_counts_nothing_is_read(settings: Settings, authorization: str) -> None:
    status, _ = approve(b"not even JSON", authorization, settings, dt.datetime.now(dt.UTC))
    assert status == HTTPStatus.UNAUTHORIZED


def test_without_approvers_nobody_may(settings: Settings, bundle: Bundle) -> None:
    assert asked(settings.model_copy(update={"approvers": None}))[0] == HTTPStatus.UNAUTHORIZED


def test_a_token_that_is_taken_out_counts_no_more(settings: Settings, bundle: Bundle) -> None:
    assert settings.approvers is not None
    settings.approvers.write_text("")
    assert asked(settings)[0] == HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"project": "wine"}, "project: there is no conf/wine.yaml"),
        ({"version": "7"}, "version: the registry has no version 7 of visits"),
        ({"environment": "moon"}, "environment: there is no 'moon'; there are: production"),
    ],
)
def test_what_is_not_there_is_named(settings: Settings, bundle: Bundle, changes: dict[str, str], said: str) -> None:
    assert asked(settings, **changes) == (HTTPStatus.NOT_FOUND, {"error": said})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"reason": ""}, "reason: String should have at least 1 character"),
        ({"reason": None}, "reason: Field required"),
        ({"project": "../conf"}, "project: String should match pattern"),
    ],
)
def test_a_body_that_is_none_is_named(settings: Settings, changes: dict[str, str], said: str) -> None:
    status, told = asked(settings, **changes)
    assert status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert told["error"].startswith(said)


def test_a_role_that_does_not_count_is_told(settings: Settings, bundle: Bundle) -> None:
    status, told = asked(settings, INTERN)
    assert status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "takes the approval of owner" in told["error"]
    assert approvals(settings, "visits") == []


def test_what_the_gate_refused_cannot_be_approved(settings: Settings, tmp_path: Path) -> None:
    from evenkeel.tracking import log_candidate

    log_candidate(settings, toy_candidate(certify(toy_bundle(tmp_path / "bad"), reason="too bad")))
    status, told = asked(settings)
    assert status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "the gate refused it: too bad" in told["error"]


def test_a_registry_that_is_away_is_tried_again_later(settings: Settings, bundle: Bundle) -> None:
    away = settings.model_copy(update={"tracking_uri": "sqlite:////proc/nowhere/mlflow.db"})
    assert asked(away)[0] == HTTPStatus.SERVICE_UNAVAILABLE


def test_a_line_that_is_none_is_named_and_not_repeated(tmp_path: Path) -> None:
    file = tmp_path / "approvers"
    file.write_text(f"ada:owner:{hashed(ADA)}\nbob:owner:the-token-itself\n")
    with pytest.raises(SettingsError, match=r"approvers:2: write who:role:sha256") as refused:
        read_approvers(file)
    assert "the-token-itself" not in str(refused.value)


def test_one_person_may_have_a_token_for_each_role(tmp_path: Path) -> None:
    file = tmp_path / "approvers"
    file.write_text(f"ada:owner:{hashed('one')}\nada:risk:{hashed('other')}\n")
    found = [identify(read_approvers(file), f"Bearer {token}") for token in ("one", "other")]
    assert [each.role for each in found if each] == ["owner", "risk"]
