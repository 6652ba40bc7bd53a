"""What is applied for one version: safe pods, immutable addresses, and a readiness that old servers cannot fake."""

from typing import Any

import pytest

from evenkeel.config.operation import Resources, Serving
from evenkeel.errors import RolloutError
from evenkeel.rollout.publish import record_uri
from evenkeel.targets.kserve.canary import Canary
from evenkeel.targets.kserve.knative import Knative
from evenkeel.targets.kserve.managed import Share
from evenkeel.targets.kserve.predictor import render_predictor
from evenkeel.targets.kubernetes.objects import APPLIED, render
from evenkeel.targets.kubernetes.routing import Routing
from evenkeel.targets.kubernetes.servers import unfinished
from tests.evenkeel.targets.released import NOWHERE, released, settings
from tests.evenkeel.toy_bundle import toy_project

ONE, TWO = released("1"), released("2")


def rendered(**changes: Any) -> dict[str, Any]:
    given = settings(**changes)
    made = render(toy_project("people"), ONE, record_uri(ONE, given.bundles or ""), given, 1)
    return {each["kind"]: each for each in made}


def container(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = rendered(**changes)["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    return found


def test_the_server_follows_the_record_that_never_changes() -> None:
    arguments = container()["args"]
    assert arguments[:2] == ["--follow", f"s3://bucket/models/people/releases/1-{'1' * 12}.json"]


def test_no_secret_is_in_the_manifest() -> None:
    secret = "do-not-tell"
    assert secret not in str(rendered(serving_key=secret, ledger_salt=secret, webhook_token=secret, kfp_token=secret))
    assert {"secretRef": {"name": "evenkeel-server", "optional": True}} in container()["envFrom"]


def test_a_ledger_of_this_machine_does_not_travel() -> None:
    names = {each["name"] for each in container(ledger="/home/me/ledger")["env"]}
    assert "EVENKEEL_LEDGER" not in names
    given = {each["name"]: each["value"] for each in container(ledger="s3://bucket/ledger")["env"]}
    assert given["EVENKEEL_LEDGER"] == "s3://bucket/ledger"


def test_another_pod_is_another_mark_and_another_number_of_pods_is_not() -> None:
    def mark(**changes: Any) -> str:
        found: str = rendered(**changes)["Deployment"]["spec"]["template"]["metadata"]["annotations"][APPLIED]
        return found

    assert mark() == mark()
    assert mark() != mark(serving_image="registry.example/serving@sha256:01")


def deployment(**status: int) -> dict[str, Any]:
    made: dict[str, Any] = rendered()["Deployment"]
    made["metadata"]["generation"] = 4
    made["spec"]["replicas"] = 2
    full = {"observedGeneration": 4, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
    return {**made, "status": {**full, **status}}


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ({"observedGeneration": 3}, "has not seen the last change"),
        ({"replicas": 3}, "of 2 servers 2 are new, 2 answer, 1 are old"),
        ({"updatedReplicas": 1}, "of 2 servers 1 are new"),
        ({"availableReplicas": 1}, "2 are new, 1 answer"),
    ],
)
def test_old_servers_do_not_make_a_deployment_ready(status: dict[str, int], told: str) -> None:
    assert told in unfinished(deployment(**status), ONE)


def test_a_deployment_is_ready_of_its_own_bundle_only() -> None:
    assert unfinished(deployment(), ONE) == ""
    assert "not yet what was applied" in unfinished(deployment(), TWO)
    assert "not yet what was applied" in unfinished(deployment(), ONE, applied="something else")


def test_kserve_gets_an_immutable_address_and_no_file() -> None:
    predictor = render_predictor(Serving(), ONE, settings())
    assert predictor["model"]["storageUri"] == ONE.bundle
    with pytest.raises(RolloutError, match="which KServe cannot fetch: set EVENKEEL_BUNDLES"):
        render_predictor(Serving(), ONE.model_copy(update={"bundle": "/shared/people"}), settings())


def test_servers_compare_themselves_with_what_is_current_where_a_step_asks() -> None:
    def shadow(serving: Serving) -> list[str]:
        env = render_predictor(serving, ONE, settings())["model"]["env"]
        return [each["value"] for each in env if each["name"] == "EVENKEEL_SHADOW"]

    assert shadow(Serving()) == []
    asked = Serving.model_validate({"rollout": [{"traffic": 0, "checks": ["disagreement"]}]})
    (uri,) = shadow(asked)
    assert uri.endswith(f"/{ONE.project}/release.json")


def test_a_canary_does_not_scale_and_is_no_larger_than_the_stable_one() -> None:
    mode = Canary(NOWHERE, settings())
    two, three = (Serving(resources=Resources(min_replicas=least)) for least in (2, 3))
    made = {"1": mode.make(two, ONE), "2": mode.make(three, TWO)}
    service = mode.render(Share("people", Routing(ONE, TWO, 10), made))[0]
    (entry,) = service["spec"]["canary"]
    assert entry["trafficPercent"] == 10
    assert entry["predictor"]["minReplicas"] == 2
    assert not {"maxReplicas", "autoScaling"} & entry["predictor"].keys()
    assert entry["predictor"]["model"]["name"] == "kserve-container"


def test_knative_may_go_to_zero_and_gets_no_field_that_it_refuses() -> None:
    mode = Knative(NOWHERE, settings())
    made = mode.make(Serving(resources=Resources(min_replicas=0)), ONE)
    assert made["minReplicas"] == 0
    assert not {"securityContext", "topologySpreadConstraints", "terminationGracePeriodSeconds"} & made.keys()
    (service,) = mode.render(Share("people", Routing(candidate=ONE), {"1": made}))
    assert service["spec"]["predictor"]["canaryTrafficPercent"] == 100
    assert service["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] == "Knative"
