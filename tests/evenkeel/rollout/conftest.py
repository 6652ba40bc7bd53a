"""A stage for rollouts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.evenkeel.rollout.stage import Route, Stage
from tests.evenkeel.rollout.stage import route as open_route


@pytest.fixture(scope="session")
def one_route() -> Iterator[Route]:
    """One listening route for all tests."""
    with open_route() as server:
        yield server


@pytest.fixture
def stage(one_route: Route, tmp_path: Path) -> Stage:
    """A place where nothing is served yet, with a route on which nothing was asked."""
    one_route.scores.clear()
    one_route.first.clear()
    one_route.asked.clear()
    return Stage(one_route, tmp_path)
