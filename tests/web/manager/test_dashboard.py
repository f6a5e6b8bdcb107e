"""The manager watches the morning."""

from datetime import timedelta

from playwright.async_api import expect

from app.core.clock import local_instant
from app.delivery.models import StopState
from app.delivery.repository.mornings import rebuild_mornings
from app.identity.models import Role
from tests.factories.history import SEVEN, History
from tests.factories.world import TODAY
from tests.fixtures.site import Site, check_axe, shot


async def write_morning(site: Site) -> None:
    """Block 0: 10 due, 6 on time, 1 late, 1 bulk, 1 failed, 1 open. Block 1: 4 open, 1 withdrawn."""
    async with site.database.transaction() as session:
        history = History(session, site.world)
        for number in range(6):
            await history.stop(TODAY, seconds_from_seven=-3600 - 600 * number)
        await history.stop(TODAY, seconds_from_seven=0)
        await history.stop(TODAY, bulk_marked=True)
        await history.stop(TODAY, state=StopState.FAILED)
        await history.stop(TODAY, state=StopState.PLANNED)
        for _ in range(4):
            await history.stop(TODAY, state=StopState.PLANNED, block=1)
        await history.stop(TODAY, state=StopState.WITHDRAWN, block=1)
        await rebuild_mornings(session, [(block, TODAY) for block in site.world.blocks])


async def test_the_morning_and_the_eight(site: Site) -> None:
    await write_morning(site)
    site.clock.set(local_instant(TODAY, SEVEN) + timedelta(hours=1))
    page = await site.page("/manager", Role.MANAGER)
    await expect(page.locator("#live")).to_have_text("实时")
    await expect(page.locator("#kpi-on_time_rate .kpi-value")).to_contain_text("42.85")
    await check_axe(page)
    await shot(page, "manager")
