"""The target Amazon ECS: models as services on Fargate, deployed by ECS's own strategies."""

from evenkeel.rollout.driver import Driver
from evenkeel.settings import Settings
from evenkeel.targets.ecs.door import Door
from evenkeel.targets.ecs.driver import EcsDriver


def open_driver(settings: Settings) -> Driver:
    """The driver for the account and region that boto3 finds. Asks nobody yet."""
    return EcsDriver(settings, Door(settings.s3_endpoint))
