"""Marketplaces in a test: a shop, a simulated Taobao, and an ERP that signs."""

from collections.abc import AsyncIterator

import httpx
import pytest

from app.core.db import Database
from app.core.runtime import Runtime
from tests.factories.marketplaces import Market, Taobao, open_taobao
from tests.factories.world import World
from tests.fixtures.application import SetClock


@pytest.fixture
def market(client: httpx.AsyncClient, world: World) -> Market:
    """The shop's staff, its ERP, and its households."""
    return Market(client, world)


@pytest.fixture
async def taobao(runtime: Runtime, database: Database, clock: SetClock) -> AsyncIterator[Taobao]:
    """A simulated Taobao that knows our application."""
    del runtime
    async with open_taobao(database, clock) as opened:
        yield opened
