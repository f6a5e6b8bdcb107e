"""A household in a browser, over the same database and clock as everybody else's pages."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import httpx
import pytest
from playwright.async_api import Page

from app.core.jobs import JobContext
from app.orders.models import Order
from tests.factories.delivery import RunningLine, add_line
from tests.factories.world import TODAY, Household
from tests.fixtures.application import app_over
from tests.fixtures.jobs import drain
from tests.fixtures.site import PHONE, Site

TOMORROW = TODAY + timedelta(days=1)


async def arrive(page: Page, address: str) -> None:
    """Wait until the page at an address works; what it still loads does not matter."""
    await page.wait_for_url(address, wait_until="commit")
    await page.wait_for_selector("html[data-ready]", state="attached")


@dataclass
class Home:
    """A household with thirty bottles of milk, one a day from tomorrow on."""

    site: Site
    household: Household
    milk: RunningLine
    api: httpx.AsyncClient

    async def page(self, path: str, *, size: tuple[int, int] = PHONE) -> Page:
        """A page of the household, logged in, on a phone."""
        context = await self.site.context(size=size)
        await self.site.use_token(context, self.household.token)
        return await self.site.page(path, context=context)

    async def work(self) -> list[str]:
        """Run what waits."""
        return await drain(JobContext(self.site.database, self.site.clock))

    async def order(self) -> Order:
        """The order as it is stored."""
        async with self.site.database.transaction() as session:
            return await session.get_one(Order, (self.milk.customer_id, self.milk.order_id))


@pytest.fixture
async def home(site: Site) -> AsyncIterator[Home]:
    """The household, its milk, and the API beside the pages."""
    async with site.database.transaction() as session:
        milk = await add_line(session, site.world.household, site.world.milk_id, bottles=30)
    transport = httpx.ASGITransport(app=app_over(site.runtime), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        yield Home(site, site.world.household, milk, client)
