"""KServe: our server as a ServingRuntime, an InferenceService for each version or one for all, by mode."""

from evenkeel.cluster import Cluster, open_cluster
from evenkeel.cluster.kinds import CALLS
from evenkeel.rollout.driver import Driver
from evenkeel.settings import Settings
from evenkeel.targets.kserve.canary import Canary
from evenkeel.targets.kserve.knative import Knative
from evenkeel.targets.kserve.managed import ManagedDriver
from evenkeel.targets.kserve.services import InferenceServices
from evenkeel.targets.kubernetes import make_router
from evenkeel.targets.kubernetes.driver import RoutedDriver


def open_driver(settings: Settings) -> Driver:
    """The driver, logged in. Raises RolloutError where there is no cluster to talk to."""
    return make_driver(open_cluster(settings.namespace, CALLS["kserve"], settings.kube_context), settings)


def make_driver(cluster: Cluster, settings: Settings) -> RoutedDriver | ManagedDriver:
    """The driver of EVENKEEL_KSERVE_MODE on a cluster that is open already."""
    if settings.kserve_mode == "knative":
        return ManagedDriver(cluster, settings, Knative(cluster, settings))
    if settings.kserve_mode == "canary":
        return ManagedDriver(cluster, settings, Canary(cluster, settings))
    servers = InferenceServices(cluster, settings)
    return RoutedDriver(cluster, settings, servers, make_router(cluster, settings, servers.service))
