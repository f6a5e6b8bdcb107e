"""The service desk in a browser."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.factories.aftersales import Desk
from tests.fixtures.application import app_over
from tests.fixtures.site import Site


@pytest.fixture
async def desk(site: Site) -> AsyncIterator[Desk]:
    """The desk over the API, in the same database as the pages."""
    transport = httpx.ASGITransport(app=app_over(site.runtime), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        yield Desk(client, site.world)
