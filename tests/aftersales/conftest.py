"""The service desk of the tests' city."""

import httpx
import pytest

from tests.factories.aftersales import Desk
from tests.factories.world import World


@pytest.fixture
def desk(client: httpx.AsyncClient, world: World) -> Desk:
    """The desk, over the API."""
    return Desk(client, world)
