"""Plain Kubernetes: a Deployment per version, and a route that splits the traffic between two of them."""

from evenkeel.cluster import Cluster, open_cluster
from evenkeel.cluster.kinds import CALLS
from evenkeel.rollout.driver import Driver
from evenkeel.settings import Settings
from evenkeel.targets.kubernetes.alb import AlbRouter
from evenkeel.targets.kubernetes.driver import RoutedDriver
from evenkeel.targets.kubernetes.gateway import GatewayRouter
from evenkeel.targets.kubernetes.routing import Namer, Router
from evenkeel.targets.kubernetes.servers import Deployments


def open_driver(settings: Settings) -> Driver:
    """The driver, logged in. Raises RolloutError where there is no cluster to talk to."""
    return make_driver(open_cluster(settings.namespace, CALLS["kubernetes"], settings.kube_context), settings)


def make_driver(cluster: Cluster, settings: Settings) -> RoutedDriver:
    """The driver on a cluster that is open already."""
    servers = Deployments(cluster, settings)
    return RoutedDriver(cluster, settings, servers, make_router(cluster, settings, servers.service))


def make_router(cluster: Cluster, settings: Settings, service: Namer) -> Router:
    """The router that EVENKEEL_ROUTER names."""
    if settings.router == "alb":
        return AlbRouter(cluster, settings, service)
    return GatewayRouter(cluster, settings, service)
