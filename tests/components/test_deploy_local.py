import datetime as dt
from pathlib import Path

import pytest

from components.deploy_local.step import deploy_local
from evenkeel.bundle import Bundle
from evenkeel.errors import ApprovalError, GateError, TamperedBundleError
from evenkeel.promotion.approval import Approval, record
from evenkeel.release import Release
from evenkeel.settings import read_settings
from tests.evenkeel.toy_bundle import certify, toy_bundle, toy_project


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def passing(tmp_path: Path) -> Bundle:
    return certify(toy_bundle(tmp_path / "passing"))


def test_it_writes_the_release_record(home: Path, passing: Bundle) -> None:
    path = deploy_local(toy_project(), passing.folder, "1")
    assert path == str(home / "releases" / "visits" / "release.json")
    release = Release.model_validate_json(Path(path).read_text())
    assert (release.version, release.digest, release.reason) == ("1", passing.digest, "passed the gate")


def test_again_changes_nothing(passing: Bundle) -> None:
    path = Path(deploy_local(toy_project(), passing.folder, "1"))
    before = path.read_bytes()
    assert Path(deploy_local(toy_project(), passing.folder, "1")) == path
    assert path.read_bytes() == before


def test_a_tampered_bundle_is_refused(home: Path, passing: Bundle) -> None:
    (passing.folder / "model.onnx").write_text("poison")
    with pytest.raises(TamperedBundleError, match=r"model\.onnx was changed"):
        deploy_local(toy_project(), passing.folder, "1")
    assert not home.exists()


def test_a_refused_bundle_is_refused(home: Path, tmp_path: Path) -> None:
    refused = certify(toy_bundle(tmp_path / "refused"), reason="too slow")
    with pytest.raises(GateError, match="too slow"):
        deploy_local(toy_project(), refused.folder, "1")
    assert not home.exists()


def test_another_bundles_certificate_is_refused(home: Path, passing: Bundle, tmp_path: Path) -> None:
    other = toy_bundle(tmp_path / "other", payload="other")
    passing.require_certificate().write(other.folder)
    with pytest.raises(GateError, match="its certificate is for"):
        deploy_local(toy_project(), other.folder, "1")
    assert not home.exists()


def test_an_environment_that_asks_for_approval_waits_and_then_goes_on(
    home: Path, passing: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = toy_project(promotion={"production": {"approvals": 1}})
    assert deploy_local(project, passing.folder, "1"), "in no environment nothing is asked"
    monkeypatch.setenv("EVENKEEL_ENVIRONMENT", "production")
    monkeypatch.setenv("EVENKEEL_HOME", str(home / "production"))
    with pytest.raises(ApprovalError, match="waiting for approval: visits version 1"):
        deploy_local(project, passing.folder, "1")
    now = dt.datetime.now(dt.UTC)
    given = Approval(
        project="visits",
        version="1",
        digest=passing.digest,
        environment="production",
        who="ada",
        role="owner",
        reason="read the report",
        at=now,
        expires=now + dt.timedelta(hours=1),
    )
    record(read_settings(), given)
    release = Release.model_validate_json(Path(deploy_local(project, passing.folder, "1")).read_text())
    assert release.reason == "passed the gate; approved by ada (owner) for production: read the report"
