"""A closed ticket's SMS opens a page that asks for one tap."""

from playwright.async_api import expect
from sqlalchemy import select

from app.aftersales.models import SatisfactionAnswer
from tests.factories.aftersales import Desk
from tests.factories.links import tokens_of
from tests.fixtures.site import PHONE, Site, check_axe, shot


async def test_a_closed_ticket_is_rated_by_its_link(site: Site, desk: Desk) -> None:
    ticket = await desk.file()
    await desk.resolve(ticket["id"])
    await desk.visit(ticket["id"], 4)
    async with site.database.transaction() as session:
        customer_id = site.world.household.customer_id
        token = (await tokens_of(session, customer_id, "ticket_closed"))[-1]
    page = await site.page(f"/l/{token}", size=PHONE)
    await expect(page.get_by_text(ticket["ticket_no"])).to_be_visible()
    await check_axe(page)
    await shot(page, "link-rating")
    await page.get_by_text("非常满意", exact=True).click()
    await page.get_by_role("button", name="提交").dblclick()
    await expect(page.get_by_text("您已评分，谢谢。")).to_be_visible()
    await check_axe(page)
    async with site.database.transaction() as session:
        kinds = select(SatisfactionAnswer.kind, SatisfactionAnswer.score)
        found = [tuple(row) for row in await session.execute(kinds)]
    assert sorted(found) == [("rating", 5), ("return_visit", 4)]
