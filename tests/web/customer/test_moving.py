"""Moving, renewing, and a deliverer's record to confirm: the household's forms."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from playwright.async_api import expect
from sqlalchemy import select

from app.core.db import Database
from app.core.ids import public_pair
from app.core.runtime import Runtime
from app.orders.models import Order, OrderChange
from app.orders.states import ChangeStatus
from tests.factories.delivery import RunningLine, add_line
from tests.factories.links import tokens_of
from tests.factories.world import TODAY, World, once
from tests.fixtures.application import app_over
from tests.fixtures.site import check_axe
from tests.web.customer.conftest import Home, arrive

ORIGIN = "https://milk.test"
ADDRESS = {
    "city_code": "310000",
    "district": "徐汇区",
    "compound": "梅陇一村",
    "house_no": "90号",
    "door": "502室",
    "recipient": "王女士",
    "phone": "13900000001",
}


@pytest.fixture
async def milk(database: Database, world: World) -> RunningLine:
    """Thirty bottles, one a day from tomorrow on."""
    async with database.transaction() as session:
        return await add_line(session, world.household, world.milk_id, bottles=30)


@pytest.fixture
async def pages(runtime: Runtime, world: World) -> AsyncIterator[httpx.AsyncClient]:
    """The household's pages without a browser."""
    transport = httpx.ASGITransport(app=app_over(runtime), raise_app_exceptions=False)
    headers = world.household.headers | {"Accept": "text/html", "Origin": ORIGIN}
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers) as opened:
        yield opened


def hidden(page: str, name: str) -> str:
    """What a hidden field of a page holds."""
    found = re.search(rf'name="{name}" value="([^"]+)"', page)
    assert found is not None, name
    return found.group(1)


async def submit(
    pages: httpx.AsyncClient, milk: RunningLine, kind: str, **said: str
) -> httpx.Response:
    """Preview a form and confirm what it showed."""
    at = f"/my/orders/{milk.public_order_id}"
    shown = await pages.post(f"{at}/preview/{kind}", data=said)
    assert shown.status_code == 200, shown.text
    form = {name: hidden(shown.text, name) for name in ("once", "token")}
    return await pages.post(f"{at}/changes", data=form)


async def add_address(client: httpx.AsyncClient, world: World, **said: str) -> str:
    made = await client.post(
        "/me/addresses", json=ADDRESS | said, headers=world.household.headers | once()
    )
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def test_the_move_is_submitted_and_shown(
    client: httpx.AsyncClient, pages: httpx.AsyncClient, world: World, milk: RunningLine
) -> None:
    at = f"/my/orders/{milk.public_order_id}"
    empty = await pages.get(f"{at}/change/move")
    assert "请先" in empty.text, "there is no other address yet"
    assert "添加新地址" in empty.text
    covered = await add_address(client, world)
    form = await pages.get(f"{at}/change/move")
    assert covered in form.text
    assert "90号" in form.text
    assert public_pair("adr", milk.customer_id, milk.address_id) not in form.text
    done = await submit(pages, milk, "move", address_id=covered, from_date="2026-03-20")
    assert done.status_code == 303, done.text
    receipt = await pages.get(done.headers["location"])
    assert "已生效" in receipt.text
    assert "90号" in receipt.text
    assert "撤销这次变更" in receipt.text
    order = await pages.get(at)
    assert "3月20日 周五 起送到" in order.text


async def test_a_move_under_review_is_taken_back(
    client: httpx.AsyncClient,
    pages: httpx.AsyncClient,
    world: World,
    milk: RunningLine,
    database: Database,
) -> None:
    unclear = await add_address(client, world, compound="", street="漕溪北路", house_no="")
    at = f"/my/orders/{milk.public_order_id}"
    shown = await pages.post(f"{at}/preview/move", data={"address_id": unclear})
    assert "需要人工核对" in shown.text
    done = await submit(pages, milk, "move", address_id=unclear)
    receipt = await pages.get(done.headers["location"])
    assert "正在核对新地址" in receipt.text
    again = await pages.post(f"{at}/preview/move", data={"address_id": unclear})
    assert again.status_code == 409
    assert "正在审核" in again.text
    undone = await pages.post(
        f"{done.headers['location']}/undo", data={"once": hidden(receipt.text, "once")}
    )
    assert undone.status_code == 303, undone.text
    async with database.transaction() as session:
        (change,) = await session.scalars(select(OrderChange))
        assert change.status is ChangeStatus.UNDONE


async def test_the_renewal_is_agreed_to_and_leads_to_its_payment(
    pages: httpx.AsyncClient, milk: RunningLine, database: Database
) -> None:
    at = f"/my/orders/{milk.public_order_id}"
    form = await pages.get(f"{at}/change/renew")
    assert "我已阅读并同意订奶协议" in form.text
    shown = await pages.post(f"{at}/preview/renew", data={"agreement_version": "2026-01"})
    assert "确认续订，去付款 ¥105.00" in shown.text
    without = await submit(pages, milk, "renew")
    assert without.status_code == 409, "the agreement is not accepted"
    async with database.transaction() as session:
        assert len(list(await session.scalars(select(Order)))) == 1
    done = await submit(pages, milk, "renew", agreement_version="2026-01")
    assert done.status_code == 303, done.text
    async with database.transaction() as session:
        renewal = (
            await session.scalars(select(Order).where(Order.renews_order_id == milk.order_id))
        ).one()
    assert done.headers["location"].endswith(
        public_pair("ord", renewal.customer_id, renewal.order_id)
    )
    page = await pages.get(done.headers["location"])
    assert "等待付款" in page.text
    again = await pages.post(f"{at}/preview/renew", data={"agreement_version": "2026-01"})
    assert (again.status_code, "请勿重复续订" in again.text) == (409, True)


async def record(client: httpx.AsyncClient, world: World, milk: RunningLine, day: int) -> str:
    made = await client.post(
        "/recorded-changes",
        json={
            "line_id": milk.public_id,
            "change": {"kind": "skip", "date": TODAY.replace(day=day).isoformat()},
        },
        headers=world.deliverer_staff[0].headers | once(),
    )
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def test_what_the_deliverer_wrote_down_is_confirmed_on_the_page(
    client: httpx.AsyncClient,
    pages: httpx.AsyncClient,
    world: World,
    milk: RunningLine,
    database: Database,
) -> None:
    change_id = await record(client, world, milk, 18)
    at = f"/my/orders/{milk.public_order_id}"
    order = await pages.get(at)
    assert "送奶员记录的变更，等您确认" in order.text
    asked = await pages.get(f"{at}/changes/{change_id}")
    assert "是的，就这样改" in asked.text
    stale = await pages.post(f"{at}/changes/{change_id}/confirm", data={"seen": "0" * 64})
    assert stale.status_code == 303, "shown again"
    done = await pages.post(
        f"{at}/changes/{change_id}/confirm", data={"seen": hidden(asked.text, "seen")}
    )
    assert done.status_code == 303, done.text
    receipt = await pages.get(f"{at}/changes/{change_id}")
    assert "已生效" in receipt.text
    assert "送奶员" in receipt.text
    other = await record(client, world, milk, 19)
    await pages.post(f"{at}/changes/{other}/decline")
    async with database.transaction() as session:
        found = await session.scalars(select(OrderChange.status).order_by(OrderChange.change_id))
        assert list(found) == [ChangeStatus.APPLIED, ChangeStatus.DECLINED]


async def test_in_the_browser_by_the_link_of_the_sms(home: Home) -> None:
    await record(home.api, home.site.world, home.milk, 18)
    async with home.site.database.transaction() as session:
        (token,) = await tokens_of(session, home.milk.customer_id, "change_recorded")
    page = await home.page(f"/my/orders/{home.milk.public_order_id}")
    await expect(page.locator("main")).to_contain_text("等您确认")
    await page.goto(f"/l/{token}")
    await expect(page.get_by_role("heading", level=1)).to_have_text("您要跳过一天吗？")
    await check_axe(page)
    await page.get_by_role("button", name="是的，就这样改").click()
    await expect(page.locator("main")).to_contain_text("您已确认，变更已生效")
    await arrive(page, "**/l/*")
