"""The doctor asks a real API server what a rollout would be allowed, and names exactly what is missing."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from evenkeel.cluster.kinds import CALLS
from evenkeel.doctor.__main__ import main
from evenkeel.doctor.cluster import cluster
from evenkeel.doctor.finding import Finding
from tests.cluster.apiserver import wait_until, write_kubeconfig
from tests.cluster.field import Field
from tests.cluster.rollouts import bucket, machines, make_field, s3_endpoint

__all__ = ["bucket", "machines", "make_field", "s3_endpoint"]

TARGETS = sorted(CALLS)


@pytest.fixture
def house(make_field: Callable[[str], Field]) -> Callable[[str], Field]:
    """A namespace with the committed account and role of a target, which the settings name."""

    def make(target: str) -> Field:
        field = make_field(target)
        field.changes["target"] = target
        return field

    return make


def examined(field: Field, monkeypatch: pytest.MonkeyPatch, kubeconfig: Path | str | None = None) -> list[Finding]:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig or field.kubeconfig))
    return list(cluster(field.settings))


def failures(findings: list[Finding]) -> dict[str, Finding]:
    failed = [finding for finding in findings if finding.verdict == "fail"]
    assert all(finding.fix for finding in failed)
    return {finding.thing: finding for finding in failed}


def settled(field: Field, monkeypatch: pytest.MonkeyPatch) -> dict[str, Finding]:
    """What fails, once the server goes by the changed role: it learns of it a moment later."""
    found: dict[str, Finding] = {}

    def told() -> bool:
        found.update(failures(examined(field, monkeypatch)))
        return bool(found)

    wait_until("the changed role counts", told)
    return found


@pytest.mark.parametrize("target", TARGETS)
def test_the_committed_role_is_enough(
    house: Callable[[str], Field], monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    field = house(target)
    server, permissions = examined(field, monkeypatch)
    count = sum(map(len, CALLS[target].values()))
    account = f"system:serviceaccount:{field.kubelet.namespace}:deploy-{target}"
    assert (server.thing, server.verdict) == ("kubernetes", "ok")
    assert f"{field.server.url} v1." in server.told
    assert permissions == Finding(
        f"{target} permissions", "ok", f"{account} may make all {count} calls of a rollout", permissions.fix
    )


def test_a_verb_less_is_named_and_nothing_else(house: Callable[[str], Field], monkeypatch: pytest.MonkeyPatch) -> None:
    field = house("kubernetes")
    namespace = field.kubelet.namespace
    role = json.loads(field.server.kubectl("get", "role", "deploy-kubernetes", "-n", namespace, "-o", "json"))
    (number,) = [at for at, rule in enumerate(role["rules"]) if "httproutes" in rule["resources"]]
    verbs = [verb for verb in role["rules"][number]["verbs"] if verb != "patch"]
    patch = json.dumps([{"op": "replace", "path": f"/rules/{number}/verbs", "value": verbs}])
    field.server.kubectl("patch", "role", "deploy-kubernetes", "-n", namespace, "--type=json", "-p", patch)
    found = settled(field, monkeypatch)
    told = f"may not patch httproutes in namespace {namespace}"
    assert found.keys() == {"kubernetes permissions"}
    assert found["kubernetes permissions"].told.partition(" ")[2] == told
    assert "manifests/base/deploy-kubernetes.yaml" in found["kubernetes permissions"].fix


def test_the_gateway_is_asked_for_by_name_where_it_is(
    house: Callable[[str], Field], monkeypatch: pytest.MonkeyPatch
) -> None:
    field = house("kserve")
    place = f"{field.kubelet.namespace}-gateway"
    field.server.kubectl("delete", "rolebinding", "deploy-kserve", "-n", place)
    found = settled(field, monkeypatch)
    assert found.keys() == {"kserve permissions"}
    assert found["kserve permissions"].told.endswith(f" may not get gateways in namespace {place}")


def test_an_account_without_any_role_is_told_so_briefly(
    house: Callable[[str], Field], monkeypatch: pytest.MonkeyPatch
) -> None:
    field = house("kubernetes")
    token = field.server.token_for(field.kubelet.namespace, "evenkeel-server")
    found = failures(examined(field, monkeypatch, field.server.kubeconfig_for(token)))
    assert found.keys() == {"kubernetes permissions"}
    assert "may make none of the 33 calls" in found["kubernetes permissions"].told


def test_what_is_not_installed_is_named_with_what_it_comes_with(
    house: Callable[[str], Field], monkeypatch: pytest.MonkeyPatch
) -> None:
    field = house("kserve")
    field.changes["kserve_mode"] = "knative"  # which the test's server does not have
    found = failures(examined(field, monkeypatch))
    assert found.keys() == {"kserve kinds"}
    assert "Revision" in found["kserve kinds"].told
    assert found["kserve kinds"].fix.startswith("install Knative Serving; ")


def test_a_namespace_that_is_not_there_is_named_to_who_may_look(
    house: Callable[[str], Field], monkeypatch: pytest.MonkeyPatch
) -> None:
    field = house("kubernetes")
    field.changes["namespace"] = "nowhere"
    found = failures(examined(field, monkeypatch, field.server.kubeconfig))
    assert found.keys() == {"namespace"}
    assert found["namespace"].told == "nowhere is not there"
    assert failures(examined(field, monkeypatch)).keys() == {"kubernetes permissions"}


def test_a_gateway_that_is_not_there_is_named(house: Callable[[str], Field], monkeypatch: pytest.MonkeyPatch) -> None:
    field = house("kubernetes")
    place = f"{field.kubelet.namespace}-gateway"
    field.server.kubectl("delete", "gateways.gateway.networking.k8s.io", "evenkeel", "-n", place)
    assert failures(examined(field, monkeypatch))["gateway"].told == f"Gateway {place}/evenkeel is not there"
    field.changes["router"] = "alb"
    assert not failures(examined(field, monkeypatch))


def test_a_stranger_is_told_that_the_login_is_not_known(
    house: Callable[[str], Field], monkeypatch: pytest.MonkeyPatch
) -> None:
    field = house("kubernetes")
    (found,) = failures(examined(field, monkeypatch, field.server.kubeconfig_for("no-token-of-this-server"))).values()
    assert "does not know this login" in found.told
    assert "no-token-of-this-server" not in found.told


def test_who_sends_no_login_is_told_so(house: Callable[[str], Field], monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the helper that a kubeconfig names for it is not there."""
    field = house("kubernetes")
    content = json.loads(Path(field.kubeconfig).read_text())
    content["users"][0]["user"] = {}
    (field.folder / "nobody").write_text(json.dumps(content))
    (found,) = failures(examined(field, monkeypatch, field.folder / "nobody")).values()
    assert "does not know this login" in found.told
    assert "system:anonymous" in found.told


def test_nobody_at_home_is_one_finding_and_exit_code_1(
    house: Callable[[str], Field],
    monkeypatch: pytest.MonkeyPatch,
    repository: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    field = house("kubernetes")
    broken = write_kubeconfig(field.folder, "https://127.0.0.1:9", field.server.certificate, "t0ken")
    (found,) = examined(field, monkeypatch, broken)
    assert (found.thing, found.verdict) == ("kubernetes", "fail")
    assert "https://127.0.0.1:9 cannot be reached" in found.told
    monkeypatch.setenv("EVENKEEL_TARGET", "kubernetes")
    monkeypatch.setenv("EVENKEEL_HOME", str(field.folder / "home"))
    monkeypatch.setenv("EVENKEEL_WORKSPACE", str(repository))
    monkeypatch.chdir(field.folder)
    assert main([]) == 1
    assert "FAIL  kubernetes" in capsys.readouterr().out
