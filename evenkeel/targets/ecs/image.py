"""Whether the image of the servers is named so that it cannot change, and is there."""

import re
from collections.abc import Iterator

from evenkeel.rollout.driver import Problem
from evenkeel.targets.ecs.door import AwsError, Door

_BY_DIGEST = re.compile(r"(?P<repository>[^@]+)@(?P<digest>sha256:[0-9a-f]{64})")
_ECR = re.compile(r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?/(?P<name>[^:]+)")


def check_image(door: Door, image: str) -> Iterator[Problem]:
    """Problems of EVENKEEL_SERVING_IMAGE. An image that is not in this region's ECR cannot be looked up."""
    named = _BY_DIGEST.fullmatch(image)
    if named is None:
        fix = "set EVENKEEL_SERVING_IMAGE to repository@sha256:... (docs/ecs.md, The image)"
        yield Problem("E-ECS-IMAGE", f"image {image} is not named by its digest, so a restart might change it", fix)
        return
    place = _ECR.fullmatch(named["repository"])
    if place is None or place["region"] != door.region:
        message = f"image {image} is not in this region's ECR and was not looked up"
        yield Problem("E-ECS-IMAGE", message, "copy it there: tasks start faster, too", blocking=False)
        return
    yield from _looked_up(door, place["account"], place["name"], named["digest"])


def _looked_up(door: Door, account: str, name: str, digest: str) -> Iterator[Problem]:
    try:
        door.call("ecr", "describe_images", registryId=account, repositoryName=name, imageIds=[{"imageDigest": digest}])
    except AwsError as exc:
        if exc.code not in ("ImageNotFoundException", "RepositoryNotFoundException"):
            raise
        what = "repository" if exc.code.startswith("Repository") else f"image {digest[:19]} in repository"
        yield Problem("E-ECS-IMAGE", f"there is no {what} {name}", "push it, and take the digest from ECR")
