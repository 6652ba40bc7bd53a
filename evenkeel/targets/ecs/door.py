"""The one door for AWS but S3's files: every call by name, every error translated.

Credentials, region and endpoints come from where boto3 looks for them (AWS_PROFILE, a role, AWS_REGION,
AWS_ENDPOINT_URL_ECS...). This module alone is untyped: botocore makes its clients from data when they are asked for.
"""

from collections.abc import Iterator
from typing import Any

from evenkeel.errors import RolloutError

_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AccessDeniedFault"})
_UNKNOWN = frozenset({"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"})


class AwsError(RolloutError):
    """What AWS refused, with its code."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code
        """AWS's own: ``ServiceNotFoundException``; empty where AWS did not answer."""

    @property
    def denied(self) -> bool:
        """Whether a permission is missing."""
        return self.code in _DENIED


class Door:
    """Clients of one account and region, made when first used."""

    def __init__(self, s3_endpoint: str | None = None) -> None:
        self._session: Any = None
        self._clients: dict[str, Any] = {}
        self._s3_endpoint = s3_endpoint

    @property
    def region(self) -> str:
        """Where it leads. Raises AwsError where none is set."""
        region: str = self.client("ecs").meta.region_name
        return region

    def client(self, service: str) -> Any:
        """The client of a service (``ecs``). Raises AwsError without a region or with a broken configuration."""
        if service not in self._clients:
            import boto3
            from botocore.config import Config
            from botocore.exceptions import BotoCoreError

            config = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "max_attempts": 5})
            try:
                self._session = self._session or boto3.session.Session()
                endpoint = self._s3_endpoint if service == "s3" else None
                self._clients[service] = self._session.client(service, config=config, endpoint_url=endpoint)
            except BotoCoreError as exc:
                raise AwsError(f"AWS cannot be used: {exc}; set AWS_REGION and AWS_PROFILE, or a role", "") from exc
        return self._clients[service]

    def call(self, service: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """One call, ``call("ecs", "describe_services", ...)``. Raises AwsError naming the action and what to do."""
        from botocore.exceptions import BotoCoreError, ClientError

        client = self.client(service)
        try:
            answer: dict[str, Any] = getattr(client, operation)(**parameters)
        except (ClientError, BotoCoreError) as exc:
            raise _translated(exc, _action(client, service, operation)) from exc
        return answer

    def each(self, service: str, operation: str, member: str, /, **parameters: Any) -> Iterator[Any]:
        """All entries of a list that comes in pages. Raises AwsError."""
        from botocore.exceptions import BotoCoreError, ClientError

        client = self.client(service)
        try:
            for page in client.get_paginator(operation).paginate(**parameters):
                yield from page.get(member, [])
        except (ClientError, BotoCoreError) as exc:
            raise _translated(exc, _action(client, service, operation)) from exc


def _action(client: Any, service: str, operation: str) -> str:
    """The name of the permission: ``ecs:DescribeServices``."""
    prefix = {"elbv2": "elasticloadbalancing", "service-quotas": "servicequotas"}.get(service, service)
    return f"{prefix}:{client.meta.method_to_api_mapping.get(operation, operation)}"


def _translated(exc: Exception, action: str) -> AwsError:
    error = getattr(exc, "response", {}).get("Error", {})
    code, said = str(error.get("Code", "")), str(error.get("Message", "")) or str(exc)
    if code in _DENIED:
        told = f"{action} is not permitted: {said}; add it to the role's policy (docs/ecs.md, Permissions)"
    elif code in _UNKNOWN or type(exc).__name__ in {"NoCredentialsError", "ProfileNotFound"}:
        told = f"{action}: there are no valid AWS credentials ({said}); log in again, or set AWS_PROFILE or a role"
    elif not code:
        told = f"{action}: AWS does not answer or cannot be asked so: {said}; check the network and AWS_REGION"
    else:
        told = f"{action}: AWS says {code}: {said}; see docs/ecs.md, Troubleshooting"
    return AwsError(told, code)
