"""A door that notes which permissions its calls need."""

from typing import Any

from evenkeel.targets.ecs.door import Door

_PREFIXES = {
    "Application Auto Scaling": "application-autoscaling",
    "CloudWatch Logs": "logs",
    "Elastic Load Balancing v2": "elasticloadbalancing",
    "Secrets Manager": "secretsmanager",
    "Service Quotas": "servicequotas",
}


class WatchedDoor(Door):
    """A door that notes the permissions that are needed."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._asked: set[str] = set()

    def watch(self, asked: set[str]) -> None:
        """Note them here from now on."""
        self._asked = asked

    def client(self, service: str) -> Any:
        """The client, watched from its first use on."""
        known = service in self._clients
        client = super().client(service)
        if not known:
            client.meta.events.register("before-call.*.*", self._note)
        return client

    def _note(self, model: Any, **_: Any) -> None:
        service = str(model.service_model.service_id)
        self._asked.add(f"{_PREFIXES.get(service, service.lower())}:{model.name}")
