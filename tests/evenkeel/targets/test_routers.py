"""What routers write is what they read back, and nobody meets a version before its time."""

import json

import pytest

from evenkeel.cluster import Object
from evenkeel.errors import RolloutError
from evenkeel.targets.kubernetes.alb import AlbRouter
from evenkeel.targets.kubernetes.gateway import GatewayRouter
from evenkeel.targets.kubernetes.objects import workload
from evenkeel.targets.kubernetes.routing import Router, Routing
from tests.evenkeel.targets.released import NOWHERE, released, settings

ONE, TWO = released("1"), released("2")
ROUTINGS = [
    Routing(),
    Routing(candidate=ONE),
    Routing(candidate=ONE, weight=100),
    Routing(ONE),
    Routing(ONE, TWO),
    Routing(ONE, TWO, 10),
    Routing(ONE, TWO, 100),
]


@pytest.fixture(params=[GatewayRouter, AlbRouter])
def router(request: pytest.FixtureRequest) -> Router:
    made: Router = request.param(NOWHERE, settings(gateway_url="http://gateway.example"), workload)
    return made


@pytest.mark.parametrize("routing", ROUTINGS)
def test_what_is_written_is_read_back(router: Router, routing: Routing) -> None:
    assert router.read(router.render("people", routing)) == routing


def test_the_candidate_is_asked_by_its_header(router: Router) -> None:
    endpoint = router.endpoint(router.render("people", Routing(ONE, TWO)), TWO)
    assert endpoint.url == "http://gateway.example"
    assert endpoint.headers == {"Host": "people.evenkeel.localhost", "evenkeel-version": "2"}


def test_labels_tell_people(router: Router) -> None:
    labels = router.render("people", Routing(ONE, TWO, 10))["metadata"]["labels"]
    told = {key: value for key, value in labels.items() if key.startswith("evenkeel.dev/")}
    assert told == {"evenkeel.dev/current": "1", "evenkeel.dev/candidate": "2", "evenkeel.dev/traffic": "10"}


def test_an_edited_release_is_named(router: Router) -> None:
    found = router.render("people", Routing(ONE))
    found["metadata"]["annotations"]["evenkeel.dev/current-release"] = "{}"
    with pytest.raises(RolloutError, match=r"people: annotation evenkeel\.dev/current-release was edited"):
        router.read(found)


def gateway() -> GatewayRouter:
    return GatewayRouter(NOWHERE, settings(), workload)


def everybody(rules: list[Object]) -> list[Object]:
    return [rule for rule in rules if not rule["matches"][0].get("headers")]


def test_before_the_first_promotion_there_is_a_rule_for_the_header_alone() -> None:
    rules = gateway().render("people", Routing(candidate=ONE))["spec"]["rules"]
    assert [rule["matches"][0]["headers"][0]["value"] for rule in rules] == ["1"]
    assert "rules" not in gateway().render("people", Routing())["spec"]


def test_a_shadow_gets_copies_and_no_traffic() -> None:
    (rule,) = everybody(gateway().render("people", Routing(ONE, TWO, 0, shadow=True))["spec"]["rules"])
    assert {each["name"]: each["weight"] for each in rule["backendRefs"]} == {"people-v1": 100, "people-v2": 0}
    assert rule["filters"][0]["requestMirror"]["backendRef"]["name"] == "people-v2"


def status(generation: int, accepted: str = "True", name: str = "evenkeel") -> Object:
    conditions = [
        {
            "type": "Accepted",
            "status": accepted,
            "reason": "NotAllowed",
            "message": "m",
            "observedGeneration": generation,
        },
        {"type": "ResolvedRefs", "status": "True", "observedGeneration": generation},
    ]
    return {"parents": [{"parentRef": {"namespace": "evenkeel", "name": name}, "conditions": conditions}]}


@pytest.mark.parametrize(
    ("written", "state", "told"),
    [
        ({}, "unseen", "does Gateway evenkeel/evenkeel run?"),
        (status(3, name="another"), "unseen", "no controller has looked at the route yet"),
        (status(2), "stale", "not taken up the last change"),
        (status(3, accepted="False"), "refused", r"does not take the route \(NotAllowed\): m"),
        (status(3), "done", "^$"),
    ],
)
def test_only_our_gateway_and_only_this_generation_counts(written: Object, state: str, told: str) -> None:
    found = {"metadata": {"generation": 3}, "status": written}
    uptake = gateway().uptake(found)
    assert uptake.state == state
    with pytest.raises(AssertionError, match=told):
        raise AssertionError(uptake.message)


def test_a_gateway_without_a_namespace_is_refused() -> None:
    router = GatewayRouter(NOWHERE, settings(gateway="evenkeel"), workload)
    with pytest.raises(RolloutError, match="EVENKEEL_GATEWAY is 'evenkeel': give namespace/name"):
        router.render("people", Routing())


def test_the_load_balancer_asks_for_the_header_first_and_has_an_answer_for_nobody() -> None:
    router = AlbRouter(NOWHERE, settings(), workload)
    made = router.render("people", Routing(ONE, TWO, 10))
    names = [path["backend"]["service"]["name"] for path in made["spec"]["rules"][0]["http"]["paths"]]
    assert names == ["version-1", "version-2", "everybody"]
    annotations = made["metadata"]["annotations"]
    groups = json.loads(annotations["alb.ingress.kubernetes.io/actions.everybody"])["forwardConfig"]["targetGroups"]
    assert [(group["serviceName"], group["weight"]) for group in groups] == [("people-v1", 90), ("people-v2", 10)]
    assert made["spec"]["defaultBackend"]["service"]["name"] == "nobody"
    assert router.uptake(made).state == "unseen"
    with pytest.raises(RolloutError, match="Ingress people has no address yet"):
        router.endpoint(made, TWO)
    made["status"] = {"loadBalancer": {"ingress": [{"hostname": "lb.example"}]}}
    assert (router.uptake(made).state, router.endpoint(made, TWO).url) == ("done", "http://lb.example")


def test_weights_that_somebody_broke_are_named() -> None:
    router = AlbRouter(NOWHERE, settings(), workload)
    made = router.render("people", Routing(ONE, TWO, 10))
    made["metadata"]["annotations"]["alb.ingress.kubernetes.io/actions.everybody"] = "{}"
    with pytest.raises(RolloutError, match=r"Ingress people: annotation .*everybody was edited by hand"):
        router.read(made)
