"""Everything that would make a rollout fail, found before anything is written, each with its code and its fix."""

import datetime as dt
import re
from collections.abc import Callable, Iterator, Sequence

from evenkeel.bundle import Bundle
from evenkeel.cluster import Cluster, Object
from evenkeel.cluster.refusal import ForbiddenError, UnreachableError
from evenkeel.config.project import Project
from evenkeel.errors import RolloutError
from evenkeel.release import Release
from evenkeel.rollout.driver import Problem
from evenkeel.settings import Settings
from evenkeel.targets.kubernetes.gateway import split_gateway
from evenkeel.targets.kubernetes.objects import ACCOUNT, workload
from evenkeel.targets.kubernetes.routing import is_ours

_LABEL = re.compile(r"[a-z]([a-z0-9-]{0,46}[a-z0-9])?")
"""A name that, as KServe's label ``isvc.<name>-predictor``, has 63 characters at most."""

Check = Callable[[], Iterator[Problem]]


def find_problems(
    cluster: Cluster,
    settings: Settings,
    project: Project,
    release: Release,
    more: Sequence[Check],
    wanted: Callable[[], Sequence[Object]],
) -> list[Problem]:
    """All of them at once; what may not be checked is a warning that names what is missing.

    ``more`` is what this kind of driver needs, ``wanted`` all that would be applied.
    """
    checks: list[Check] = [
        lambda: _of_settings(settings, project),
        lambda: _of_steps(settings, project),
        lambda: _of_names(release),
        lambda: _of_account(cluster),
        *more,
        lambda: _of_dry_run(cluster, wanted()),
    ]
    found: list[Problem] = []
    for check in checks:
        try:
            found += check()
        except UnreachableError as error:
            return [*found, Problem("E-K8S-UNREACHABLE", str(error), "nothing else was checked")]
        except ForbiddenError as error:
            found.append(Problem("W-K8S-FORBIDDEN", f"could not check: {error}", "or check by hand", blocking=False))
        except RolloutError as error:
            found.append(Problem("E-K8S-API", str(error), "see docs/rollouts.md"))
    return found


def _of_settings(settings: Settings, project: Project) -> Iterator[Problem]:
    root = settings.bundles or ""
    if not root.startswith("s3://"):
        told = f"EVENKEEL_BUNDLES is {root or 'not set'}, which no pod can read"
        yield Problem("E-K8S-BUNDLES", told, "set it to s3://bucket/prefix")
    if "@sha256:" not in settings.serving_image:
        told = f"EVENKEEL_SERVING_IMAGE is {settings.serving_image}: a tag may mean another image tomorrow"
        yield Problem("W-K8S-IMAGE", told, "name it by digest", blocking=False)
    if not settings.ledger.startswith("s3://"):
        told = f"EVENKEEL_LEDGER is {settings.ledger}, which no pod keeps; ConfigMap {ACCOUNT} must say where to write"
        yield Problem("W-K8S-LEDGER", told, "or set it to s3://bucket/prefix", blocking=False)
    resources = project.serving.resources
    if resources.min_replicas > resources.max_replicas:
        told = f"serving.resources: min_replicas {resources.min_replicas} is more than max_replicas"
        yield Problem("E-K8S-REPLICAS", f"{told} {resources.max_replicas}", "change one of the two in the project")


def _of_steps(settings: Settings, project: Project) -> Iterator[Problem]:
    checks = {check for step in project.serving.rollout for check in step.checks}
    if checks and settings.prometheus is None:
        told = f"the steps check {', '.join(sorted(checks))}, but EVENKEEL_PROMETHEUS is not set, so they would hold"
        yield Problem("E-K8S-PROMETHEUS", told, "set it, or roll out in steps without checks")


def _of_names(release: Release) -> Iterator[Problem]:
    name = workload(release)
    if not _LABEL.fullmatch(name):
        told = f"{name} cannot name a Service: at most 48 lower-case letters, digits and dashes"
        yield Problem("E-K8S-NAME", told, "give the project a shorter name")


def _of_account(cluster: Cluster) -> Iterator[Problem]:
    if cluster.get("ServiceAccount", ACCOUNT) is None:
        told = f"service account {ACCOUNT} is not in namespace {cluster.namespace}"
        yield Problem("E-K8S-ACCOUNT", told, "apply manifests/, or set EVENKEEL_NAMESPACE")


def find_route_problems(cluster: Cluster, settings: Settings, kind: str) -> Iterator[Problem]:
    """The Gateway that routes attach to; an Ingress needs none."""
    if kind != "HTTPRoute":
        return
    if not cluster.serves("HTTPRoute"):
        told = "this cluster does not have the Gateway API"
        yield Problem("E-K8S-GATEWAY-API", told, "install it and a gateway, or set EVENKEEL_ROUTER=alb on EKS")
        return
    namespace, name = split_gateway(settings)
    gateway = cluster.get("Gateway", name, namespace)
    if gateway is None:
        told = f"Gateway {namespace}/{name} is not there"
        yield Problem("E-K8S-GATEWAY", told, "apply manifests/, or set EVENKEEL_GATEWAY=namespace/name")
        return
    conditions = {each["type"]: each for each in gateway.get("status", {}).get("conditions", [])}
    programmed = conditions.get("Programmed", {})
    if programmed.get("status") != "True":
        told = f"Gateway {namespace}/{name} is not programmed: {programmed.get('message', 'no controller says so')}"
        yield Problem("E-K8S-GATEWAY-DOWN", told, f"kubectl describe gateway {name} --namespace {namespace}")
    if settings.gateway_url is None and not gateway.get("status", {}).get("addresses"):
        told = f"Gateway {namespace}/{name} has no address, so the smoke test could not ask through it"
        yield Problem("E-K8S-GATEWAY-URL", told, "set EVENKEEL_GATEWAY_URL, as kubectl port-forward gives one")


def find_taken(cluster: Cluster, kind: str, name: str) -> Iterator[Problem]:
    """An object of that name that is somebody else's."""
    found = cluster.get(kind, name)
    if found is not None and not is_ours(found):
        told = f"{kind} {name} is in namespace {cluster.namespace} already, and not of evenkeel"
        yield Problem("E-K8S-TAKEN", told, "rename or remove it, or set EVENKEEL_NAMESPACE")


def _of_dry_run(cluster: Cluster, wanted: Sequence[Object]) -> Iterator[Problem]:
    """Quotas, policies, webhooks and missing roles speak up in a dry run."""
    for each in wanted:
        try:
            cluster.apply(each, dry_run=True)
        except (UnreachableError, ForbiddenError):
            raise
        except RolloutError as error:
            yield Problem("E-K8S-REFUSED", str(error), "nothing was written, this was a dry run")


def imagine(settings: Settings, project: Project, bundle: Bundle, version: str) -> Release:
    """The release as it would be published."""
    return Release(
        project=project.name,
        version=version,
        digest=bundle.digest,
        certificate=bundle.certificate.digest if bundle.certificate else "0" * 64,
        bundle=f"{settings.bundles}/{project.name}/bundles/{bundle.digest}",
        data_version=bundle.manifest.data_version,
        released_at=dt.datetime.now(dt.UTC),
    )
