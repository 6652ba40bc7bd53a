"""The life of a project on plain Kubernetes: a real API server, the role of manifests/, real servers, real weights."""

from collections.abc import Callable
from typing import Any

import pytest

from evenkeel.errors import ConflictError, RolloutError
from evenkeel.rollout.journal import Journal
from evenkeel.rollout.publish import publish
from tests.cluster.field import Field
from tests.cluster.killed import followed_kills
from tests.cluster.kubelet import APPS, GATEWAYS, MERGE
from tests.cluster.rollouts import bucket, machines, make_field, s3_endpoint

__all__ = ["bucket", "machines", "make_field", "s3_endpoint"]
HOST = "people.evenkeel.localhost"
OWNED = "deployments,services,horizontalpodautoscalers,poddisruptionbudgets,httproutes,ingresses,configmaps"
PULLING = {"state": {"waiting": {"reason": "InvalidImageName", "message": "couldn't parse image name"}}}


@pytest.fixture
def field(make_field: Callable[[str], Field]) -> Field:
    return make_field("kubernetes")


def route(field: Field) -> dict[str, Any]:
    found: dict[str, Any] = field.kubelet.api.get(field.kubelet.path(GATEWAYS, "httproutes", "people")).json()
    return found


def replicas(field: Field) -> dict[str, int]:
    return {each["metadata"]["name"]: each["spec"]["replicas"] for each in field.kubelet.every(APPS, "deployments")}


def annotate(field: Field, order: str) -> None:
    field.server.kubectl(
        "annotate", "--overwrite", "httproute", "people", f"evenkeel.dev/order={order}", "-n", field.kubelet.namespace
    )


def test_the_first_version_meets_nobody_before_it_is_promoted(field: Field) -> None:
    seen: list[int] = []

    def look() -> None:
        field.kubelet.settle()
        seen.extend(field.gateway.ask(HOST, 1))

    field.clock.meanwhile = look
    field.roll_out("1")
    assert field.served() == ("1", None, 0)
    assert field.process().status("people").ready
    assert seen[0] == 404
    assert field.gateway.ask(HOST, 1) != {404: 1}
    table = field.server.kubectl(
        "get", "httproute", "-n", field.kubelet.namespace, "-L", "evenkeel.dev/current,evenkeel.dev/phase"
    )
    assert table.splitlines()[1].split()[-2:] == ["1", "promoted"]


def test_the_second_version_gets_traffic_in_steps_that_are_real(field: Field) -> None:
    field.roll_out("1")
    counted: dict[str, int] = {}

    def look() -> None:
        field.kubelet.settle()
        traffic = route(field)["metadata"]["labels"].get("evenkeel.dev/traffic")
        if traffic in ("shadow", "10") and traffic not in counted:
            before = field.gateway.answered["people-v2"]
            field.gateway.ask(HOST, 100)
            counted[traffic] = field.gateway.answered["people-v2"] - before

    field.clock.meanwhile = look
    field.roll_out("2")
    assert counted == {"shadow": 0, "10": 10}
    assert field.gateway.mirrored == {"people-v2": 100}
    assert field.served() == ("2", None, 0)
    before = field.gateway.answered["people-v2"]
    field.gateway.ask(HOST, 10)
    assert field.gateway.answered["people-v2"] == before + 10


def test_what_was_served_before_rests_and_what_was_before_that_goes(field: Field) -> None:
    field.steps = ()
    field.roll_out("1", "2", "3")
    assert replicas(field) == {"people-v2": 0, "people-v3": 1}
    assert not {name for name in field.names(OWNED) if "people-v1" in name}
    field.process().rollback("people", "worse than told")
    assert field.served() == ("2", None, 0)
    assert replicas(field) == {"people-v2": 1, "people-v3": 0}
    assert [line.action for line in field.process().history("people")] == ["promoted"] * 3 + ["rolled back"]


def test_the_same_version_again_changes_nothing_whatever_the_autoscaler_did(field: Field) -> None:
    field.roll_out("1")
    scale = field.kubelet.path(APPS, "deployments", "people-v1", "scale")
    field.kubelet.api.patch(scale, json={"spec": {"replicas": 3}}, headers=MERGE).raise_for_status()
    field.kubelet.settle()
    field.roll_out("1")
    assert "nothing to do" in field.said[-1]
    field.changes["serving_image"] = "registry.example/evenkeel-serving@sha256:" + "b" * 64
    _, changes = field.process().plan(field.project, field.bundle("1"), "1")
    (change,) = changes
    assert (change.thing, change.action) == ("Deployment people-v1", "change")
    assert [path for path, _, _ in change.fields] == [
        "spec.template.metadata.annotations.evenkeel.dev/applied",
        "spec.template.spec.containers[0].image",
    ]


def test_a_new_image_is_waited_for_though_the_old_servers_answer(field: Field) -> None:
    field.roll_out("1")
    field.changes["serving_image"] = "registry.example/evenkeel-serving@sha256:" + "b" * 64
    driver, release = field.driver(), field.process().status("people").current
    assert release is not None
    driver.apply(field.project, release)
    status = driver.status("people")
    assert (status.ready, status.message) == (
        False,
        "Deployment people-v1: its controller has not seen the last change yet",
    )
    field.kubelet.settle()
    assert driver.status("people").ready


def test_a_version_that_cannot_start_is_dropped_with_the_reason(field: Field) -> None:
    field.roll_out("1")
    field.kubelet.sick["people-v2"] = PULLING
    with pytest.raises(RolloutError, match=r"version 2 was dropped: image .* cannot be pulled.*version 1 is served"):
        field.roll_out("2")
    assert field.served() == ("1", None, 0)
    assert not {name for name in field.names(OWNED) if "people-v2" in name}


def test_a_first_version_that_cannot_start_leaves_nothing_running(field: Field) -> None:
    field.kubelet.sick["people-v1"] = PULLING
    with pytest.raises(RolloutError, match=r"version 1 was dropped.*nothing is served"):
        field.roll_out("1")
    assert field.served() == (None, None, 0)
    assert {name for name in field.names(OWNED) if "people" in name} == {"httproute.gateway.networking.k8s.io/people"}


def test_weights_that_somebody_puts_back_are_noticed(field: Field) -> None:
    field.roll_out("1")
    path = field.kubelet.path(GATEWAYS, "httproutes", "people")

    def put_back() -> None:
        found = route(field)
        for backend in found["spec"]["rules"][-1]["backendRefs"]:
            backend["weight"] = 100 if backend["name"] == "people-v1" else 0
        field.kubelet.api.patch(path, json={"spec": found["spec"]}, headers=MERGE).raise_for_status()
        field.kubelet.settle()

    field.clock.meanwhile = put_back
    with pytest.raises(RolloutError, match="asked for 10 % of the traffic, the place says 0 %"):
        field.roll_out("2")
    assert field.served() == ("1", None, 0)


def test_a_gateway_that_takes_nothing_up_is_not_believed_and_not_robbed_of_servers(field: Field) -> None:
    field.roll_out("1")

    def fall_asleep() -> None:
        field.kubelet.blind = "evenkeel.dev/traffic" in route(field)["metadata"]["labels"] and any(
            "10 %" in line for line in field.said
        )
        field.kubelet.settle()

    field.clock.meanwhile = fall_asleep
    with pytest.raises(RolloutError, match=r"asked for 10 %.*does not say yet: the gateway has not taken up"):
        field.process(patience=60).apply(field.project, field.bundle("2"), "2")
    assert "deployment.apps/people-v2" in field.names(OWNED)
    field.kubelet.blind = False
    field.kubelet.settle()
    field.clock.meanwhile = field.kubelet.settle
    with pytest.raises(RolloutError, match="version 2 was dropped"):
        field.process("another").resume(field.project)
    assert field.served() == ("1", None, 0)


@pytest.mark.parametrize(("order", "ends"), [("promote", "2"), ("rollback", "1")])
def test_kubectl_annotate_gives_orders(field: Field, order: str, ends: str) -> None:
    field.roll_out("1")
    field.judge.verdicts["errors"] = "unknown"

    def give() -> None:
        field.kubelet.settle()
        if (
            any("holds at 0 %" in line for line in field.said)
            and route(field)["metadata"]["labels"].get("evenkeel.dev/phase") == "stepping"
        ):
            annotate(field, order)

    field.clock.meanwhile = give
    if order == "rollback":
        with pytest.raises(RolloutError, match="rolled back by hand; version 1 is served"):
            field.roll_out("2")
    else:
        field.roll_out("2")
    assert field.served() == (ends, None, 0)
    assert "evenkeel.dev/order" not in route(field)["metadata"]["annotations"]


def test_an_order_that_nobody_understands_holds(field: Field) -> None:
    field.driver().write("people", Journal(order="promote"))
    annotate(field, "promte")
    assert field.driver().read("people").order == "hold"


def test_of_two_who_begin_at_once_one_is_refused(field: Field) -> None:
    one, other = field.driver(), field.driver()
    journals = one.read("people"), other.read("people")
    one.write("people", journals[0].model_copy(update={"order": "hold"}))
    with pytest.raises(ConflictError, match="somebody else wrote its journal"):
        other.write("people", journals[1])


def test_what_controllers_write_is_no_conflict_and_an_order_is(field: Field) -> None:
    driver = field.driver()
    journal = driver.write("people", Journal(order="hold"))
    field.kubelet.settle()
    journal = driver.write("people", journal.model_copy(update={"order": "promote"}))
    annotate(field, "rollback")
    with pytest.raises(ConflictError, match="somebody else wrote its journal"):
        driver.write("people", journal)


def test_deletion_leaves_nothing_of_ours_and_all_of_others(field: Field) -> None:
    field.steps = ()
    foreign = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "people-v0", "namespace": field.kubelet.namespace, "labels": {"app": "people"}},
        "spec": {"ports": [{"port": 80}]},
    }
    field.server.apply(foreign)
    field.roll_out("1", "2")
    field.process().delete("people")
    assert {name for name in field.names(OWNED) if "people" in name} == {"service/people-v0"}
    field.process().delete("people")
    assert field.served() == (None, None, 0)


def test_a_route_of_somebody_else_is_left_alone(field: Field) -> None:
    theirs = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "people", "namespace": field.kubelet.namespace},
        "spec": {"hostnames": ["theirs.example"]},
    }
    field.server.apply(theirs)
    with pytest.raises(RolloutError, match="was not made by evenkeel"):
        field.process().delete("people")
    codes = {problem.code for problem in field.driver().preflight(field.project, field.bundle("1"), "1")}
    assert codes == {"E-K8S-TAKEN", "W-K8S-LEDGER"}


def test_whoever_is_killed_after_any_write_is_followed_by_another(field: Field) -> None:
    running = [replicas(field)["people-v2"] for _ in followed_kills(field)]
    assert len(running) > 10
    assert set(running) == {1}


def test_the_load_balancers_ingress_is_one_that_the_server_takes(field: Field) -> None:
    field.changes["router"] = "alb"
    driver = field.driver()
    assert not [each for each in driver.preflight(field.project, field.bundle("1"), "1") if each.blocking]
    driver.write("people", Journal(order="hold"))
    release = publish(field.bundle("1"), "1", "to see", field.bundles, field.clock.time)
    driver.apply(field.project, release)
    driver.set_traffic("people", 100)
    assert driver.status("people").traffic is None
    path = field.kubelet.path("/apis/networking.k8s.io/v1", "ingresses", "people", "status")
    address = {"status": {"loadBalancer": {"ingress": [{"hostname": "lb.example"}]}}}
    field.kubelet.api.patch(path, json=address, headers=MERGE).raise_for_status()
    assert driver.status("people").traffic == 100
    driver.promote("people")
    assert driver.status("people").current == release
    assert driver.read("people").order == "hold"
    driver.delete("people")
    assert not {name for name in field.names(OWNED) if "people" in name}
