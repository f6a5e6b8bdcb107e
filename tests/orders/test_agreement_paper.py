"""The agreement of an order to be taken home: who, what, for how much, and how it was accepted."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.service import post
from app.billing.service.ledger import DEPOSIT
from app.core.config import DEMO_OPERATOR, InstallationSettings
from app.core.db import Database
from app.core.ids import public_pair, public_single
from app.core.printing import font as printing
from app.core.runtime import Runtime
from app.customers.service import change_profile
from app.identity.models import AccessLogEntry, Role
from app.orders.models import Order, OrderAgreement
from app.orders.service import agreements
from tests.catalog.test_promotions import GIFTS
from tests.factories import orders
from tests.factories.links import tokens_of
from tests.factories.world import MORNING, TODAY, World, once
from tests.fixtures.application import SetClock
from tests.fixtures.documents import text_of
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.payments import Payments
from tests.orders.conftest import Deliver
from tests.orders.test_changes_with_money import pay as pay_change
from tests.orders.test_door_orders import door_order, send
from tests.orders.test_promotions import promoted_order

OPERATOR = "某某乳业有限公司"
pytestmark = pytest.mark.usefixtures("font")


@pytest.fixture(autouse=True)
def named(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """The installation names its operator."""
    monkeypatch.setattr(runtime.installation, "operator_name", OPERATOR)


async def take(
    client: httpx.AsyncClient, order_id: str, headers: dict[str, str], *, status: int = 200
) -> httpx.Response:
    answer = await client.get(f"/orders/{order_id}/agreement.pdf", headers=headers)
    assert answer.status_code == status, answer.text
    return answer


async def count_looks(session: AsyncSession) -> int:
    return await session.scalar(select(func.count()).select_from(AccessLogEntry)) or 0


async def test_a_household_takes_home_what_it_agreed_on(
    client: httpx.AsyncClient, world: World, session: AsyncSession, paid_order: Deliver
) -> None:
    household = world.household
    await change_profile(session, customer_id=household.customer_id, changes={"name": "王小明"})
    order = await paid_order()
    answer = await take(client, order["id"], household.headers)
    assert answer.headers["content-type"] == "application/pdf"
    assert f'"agreement-{order["order_no"]}.pdf"' in answer.headers["content-disposition"]
    assert answer.headers["cache-control"] == "no-store"
    text = text_of(answer.content)
    for said in (
        f"订单号{order['order_no']}",
        f"经营者{OPERATOR}",
        f"订户王小明{household.phone}",
        "梅陇一村",
        "鲜牛奶195ml玻璃瓶每天1瓶2026-03-162026-04-1430天303.500.00105.00",
        "应付105.00元",
        "已付105.00元微信支付2026-03-15",
        "协议版本2026-012026-01-01起生效",
        "同意时间2026-03-1510:00",
        "同意方式小程序",
        "协议全文（版本2026-01）订奶协议……",
    ):
        assert said in text, (said, text)
    assert "奶箱押金" not in text
    again = await take(client, order["id"], household.headers)
    assert again.content == answer.content
    assert await count_looks(session) == 0, "the household's own eyes are not noted"


async def test_what_came_later_changes_no_agreement(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, session: AsyncSession
) -> None:
    household = world.household
    order = await paid_order()
    before = text_of((await take(client, order["id"], household.headers)).content)
    await orders.change(client, order["id"], household, kind="change_quantity", quantity=2)
    session.add(OrderAgreement(version="2026-02", text="新的协议", effective_date=TODAY))
    await session.flush()
    after = text_of((await take(client, order["id"], household.headers)).content)
    assert after == before


async def test_one_more_product_is_another_agreement(
    client: httpx.AsyncClient,
    world: World,
    payments: Payments,
    paid_order: Deliver,
    database: Database,
    drain_jobs: Callable[[], Awaitable[list[str]]],
) -> None:
    order = await paid_order(bottles=6)
    household = world.household
    before = text_of((await take(client, order["id"], household.headers)).content)
    receipt = await orders.change(
        client,
        order["id"],
        household,
        kind="add_product",
        product_id=public_single("prd", world.yogurt_id),
        pattern=orders.EVERY_DAY,
        bottles=3,
        from_date=TODAY + timedelta(days=2),
    )
    await pay_change(client, payments, order, world, receipt["id"])
    await drain_jobs()
    assert len((await orders.read(client, order["id"], household))["lines"]) == 2
    after = text_of((await take(client, order["id"], household.headers)).content)
    assert after == before
    async with database.transaction() as session:
        await assert_invariants(session, MORNING)


async def test_gifts_the_promotions_rule_and_a_deposit(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    clock: SetClock,
    session: AsyncSession,
) -> None:
    order = await promoted_order(client, world, paid_order, clock)
    customer_id, order_id = orders.ids_of(order)
    await post(
        session,
        customer_id=customer_id,
        debit="opening",
        credit=DEPOSIT,
        amount_fen=2000,
        cause="opening_balance",
        reference_id=order_id,
        source_id=order_id,
        now=MORNING,
    )
    text = text_of((await take(client, order["id"], world.household.headers)).content)
    gifts = order["lines"][0]["gift_bottles"]
    assert gifts > 0
    for said in (f"30＋赠{gifts}", GIFTS["name"], GIFTS["rule"], "奶箱押金20.00元"):
        assert said.replace(" ", "") in text, (said, text)


async def test_an_unpaid_order_says_so(client: httpx.AsyncClient, world: World) -> None:
    order = await orders.place(client, world)
    text = text_of((await take(client, order["id"], world.household.headers)).content)
    assert "已付尚未付款" in text


async def test_staff_see_it_masked_and_each_look_is_noted(
    client: httpx.AsyncClient, world: World, session: AsyncSession
) -> None:
    order = await orders.place(client, world)
    phone = world.household.phone
    agent = world.staff[Role.SERVICE_AGENT]
    text = text_of((await take(client, order["id"], agent.headers)).content)
    own = text_of((await take(client, order["id"], world.household.headers)).content)
    assert phone in own
    assert phone not in text
    assert f"{phone[:3]}****{phone[-4:]}" in text
    noted = (await session.scalars(select(AccessLogEntry))).one()
    assert (noted.account_id, noted.subject) == (agent.account_id, "order_agreement")
    assert order["order_no"] in noted.reason
    await take(client, order["id"], world.staff[Role.QUALITY].headers, status=403)
    assert await count_looks(session) == 1


async def test_anothers_order_is_not_there(
    client: httpx.AsyncClient, world: World, session: AsyncSession
) -> None:
    order = await orders.place(client, world)
    other = await world.add_household(session)
    foreign = await take(client, order["id"], other.headers, status=404)
    _, order_id = orders.ids_of(order)
    unknown = public_pair("ord", other.customer_id, order_id)
    none = await take(client, unknown, other.headers, status=404)
    assert (foreign.json()["code"], none.json()["code"]) == ("not_found", "order_not_found")
    assert (await client.get(f"/orders/{order['id']}/agreement.pdf")).status_code == 401


async def test_at_the_door_the_address_is_the_one_just_written(
    client: httpx.AsyncClient, world: World, session: AsyncSession
) -> None:
    placed = await send(client, world, door_order(world))
    order_id = placed.json()["order_id"]
    manager = world.staff[Role.MANAGER].headers
    text = text_of((await take(client, order_id, manager)).content)
    for said in ("陈**138****2222", "徐汇区漕溪北路12号", "105.00元现金", "同意方式送奶员上门"):
        assert said in text, (said, text)
    assert "502室" not in text


async def test_by_the_link_once_the_agreement_is_accepted(
    client: httpx.AsyncClient, world: World, session: AsyncSession
) -> None:
    household = world.household
    entered = await client.post(
        "/phone-orders",
        json={
            "phone": household.phone,
            "address_id": public_pair("adr", household.customer_id, household.address_id),
            "lines": [orders.line(world)],
        },
        headers=world.staff[Role.SERVICE_AGENT].headers | once(),
    )
    assert entered.status_code == 201, entered.text
    token = (await tokens_of(session, household.customer_id, "phone_order_link"))[-1]
    path = f"/links/{token}/agreement.pdf"
    early = await client.get(path)
    assert (early.status_code, early.json()["code"]) == (409, "order_not_agreed")
    own = await take(client, entered.json()["id"], household.headers, status=409)
    assert own.json()["code"] == "order_not_agreed"
    accepted = await client.post(
        f"/links/{token}/accept", json={"agreement_version": "2026-01"}, headers=once()
    )
    assert accepted.status_code == 200, accepted.text
    taken = await client.get(path)
    assert taken.status_code == 200, taken.text
    text = text_of(taken.content)
    assert "同意方式短信链接" in text
    assert household.phone not in text
    gone = await client.get(f"/links/{'x' * 24}/agreement.pdf")
    assert gone.status_code == 404


async def test_without_agreement_name_or_font_there_is_none(
    client: httpx.AsyncClient,
    world: World,
    session: AsyncSession,
    runtime: Runtime,
    monkeypatch: pytest.MonkeyPatch,
    font: Path,
) -> None:
    order = await orders.place(client, world)
    agent = world.staff[Role.SERVICE_AGENT].headers
    monkeypatch.setattr(printing, "FONT", font.with_name("none.ttf"))
    missing = await take(client, order["id"], agent, status=503)
    assert missing.json()["code"] == "report_font_missing"
    monkeypatch.setattr(runtime.installation, "operator_name", "")
    unnamed = await take(client, order["id"], agent, status=503)
    assert unnamed.json()["code"] == "operator_unnamed"
    await session.execute(update(Order).values(agreement_version=None))
    from_book = await take(client, order["id"], agent, status=409)
    assert from_book.json()["code"] == "order_not_agreed"
    assert await count_looks(session) == 0, "nothing was seen"


async def test_a_household_takes_only_so_many_in_an_hour(
    client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agreements, "TAKEN_AN_HOUR", 1)
    order = await orders.place(client, world)
    await take(client, order["id"], world.household.headers)
    await take(client, order["id"], world.household.headers, status=429)
    await take(client, order["id"], world.staff[Role.MANAGER].headers)


def test_only_a_demo_has_a_name_without_being_told(tmp_path: Path) -> None:
    assert (
        InstallationSettings(var_dir=tmp_path, demo=True, operator_name="").operator
        == DEMO_OPERATOR
    )
    assert not InstallationSettings(var_dir=tmp_path, demo=False, operator_name="").operator
