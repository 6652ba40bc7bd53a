"""A stack and a release made by hand."""

import datetime as dt

from evenkeel.release import Release
from evenkeel.targets.ecs.stack import Stack


def make_release(version: str = "7") -> Release:
    """Of project visits."""
    return Release(
        project="visits",
        version=version,
        digest="d" * 64,
        certificate="c" * 64,
        bundle="s3://models/bundles/visits/bundles/" + "d" * 64,
        data_version="1234.dir",
        released_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    )


def make_stack(**outputs: str) -> Stack:
    """Its outputs, changed by name."""
    given = {
        "Project": "visits",
        "Cluster": "evenkeel-visits",
        "Subnets": "subnet-1,subnet-2",
        "SecurityGroups": "sg-1",
        "AssignPublicIp": "ENABLED",
        "TargetGroup": "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/a/1",
        "AlternateTargetGroup": "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/b/2",
        "ListenerRule": "arn:aws:elasticloadbalancing:eu-west-1:1:listener-rule/app/visits/1/2/3",
        "TestListenerRule": "arn:aws:elasticloadbalancing:eu-west-1:1:listener-rule/app/visits/1/2/4",
        "Url": "http://models",
        "TestUrl": "http://models:8443",
        "ExecutionRole": "arn:aws:iam::1:role/execution",
        "TaskRole": "arn:aws:iam::1:role/task",
        "InfrastructureRole": "arn:aws:iam::1:role/infrastructure",
        "LogGroup": "/evenkeel/visits",
        "Alarms": "errors,slowness",
    }
    return Stack.model_validate({**given, **outputs})
