"""How channels give money back stands in dated rows, which the planner of refunds keeps to."""

from datetime import timedelta

import httpx
import pytest

from app.billing.models import Payment
from app.billing.service import request_refund
from app.core.db import Database
from app.core.ids import new_id
from app.core.jobs import JobContext
from app.identity.models import Role
from tests.factories.billing import pay_one, read_payment, read_refund
from tests.factories.world import MORNING, TODAY, World
from tests.fixtures.application import SetClock
from tests.fixtures.jobs import drain
from tests.fixtures.payments import Payments

pytestmark = pytest.mark.usefixtures("heard")
URL = "/refund-rules"


async def test_the_product_knows_the_channels_and_a_manager_may_know_better(
    client: httpx.AsyncClient, world: World
) -> None:
    finance, manager = world.staff[Role.FINANCE].headers, world.staff[Role.MANAGER].headers
    known = (await client.get(URL, headers=finance)).json()["items"]
    assert {rule["channel"]: rule["max_age_days"] for rule in known} == {
        "alipay": 365,
        "pos": 180,
        "unionpay": 330,
        "wechat": 365,
    }
    assert all(rule["articles"] for rule in known)
    told = {"channel": "alipay", "max_age_days": 90, "articles": "支付宝签约合同 2026-17 第 4 条"}
    answer = await client.put(URL, headers=manager, json=told)
    assert answer.status_code == 200, answer.text
    first, second = (rule for rule in answer.json()["items"] if rule["channel"] == "alipay")
    assert (first["max_age_days"], first["valid_from"]) == (90, TODAY.isoformat())
    assert second["max_age_days"] == 365
    again = await client.put(URL, headers=manager, json=told | {"max_age_days": 30})
    newest = [rule for rule in again.json()["items"] if rule["channel"] == "alipay"]
    assert [rule["max_age_days"] for rule in newest] == [30, 365]


@pytest.mark.parametrize(
    "wrong",
    [
        {"articles": " "},
        {"articles": None},
        {"max_age_days": 0},
        {"max_refunds": -1},
        {"gap_seconds": 3601},
        {"channel": "gold"},
    ],
)
async def test_a_rule_without_its_article_or_sense_is_refused(
    client: httpx.AsyncClient, world: World, wrong: dict[str, object]
) -> None:
    told = {"channel": "alipay", "max_age_days": 90, "articles": "合同"} | wrong
    answer = await client.put(URL, headers=world.staff[Role.MANAGER].headers, json=told)
    assert answer.status_code == 422
    known = await client.get(URL, headers=world.staff[Role.FINANCE].headers)
    assert len(known.json()["items"]) == 4


async def test_money_goes_back_to_a_payment_that_takes_it_before_one_that_does_not(
    database: Database,
    world: World,
    client: httpx.AsyncClient,
    payments: Payments,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    order = new_id()
    old = await pay_one(database, payments, world.household, reference_id=order)
    async with database.transaction() as session:
        row = await session.get_one(Payment, (old.customer_id, old.payment_id))
        row.captured_at = MORNING - timedelta(days=40)
    new = await pay_one(database, payments, world.household, reference_id=order)
    async with database.transaction() as session:  # the newest one is the one with the old date
        row = await session.get_one(Payment, (new.customer_id, new.payment_id))
        row.captured_at = MORNING - timedelta(days=50)
    rule = {"channel": "wechat", "max_refunds": 1, "articles": "试行一次退款"}
    manager = world.staff[Role.MANAGER].headers
    assert (await client.put(URL, headers=manager, json=rule)).status_code == 200

    async def give_back(fen: int, cause: str) -> list[tuple[str, str | None, int]]:
        async with database.transaction() as session:
            made = await request_refund(
                session,
                customer_id=old.customer_id,
                reference_id=order,
                amount_fen=fen,
                cause=cause,
                now=clock.now(),
            )
        await drain(job_context)
        found = [await read_refund(database, one) for one in made]
        paid = [await read_payment(database, old), await read_payment(database, new)]
        names = {one.payment_id: name for one, name in zip(paid, "ON", strict=True)}
        return [(names[one.payment_id], one.failure, one.amount_fen) for one in found]

    assert await give_back(500, "first") == [("O", None, 500)]
    assert await give_back(700, "second") == [("N", None, 700)]
    too_many = "too_many_partial_refunds"
    assert await give_back(300, "third") == [("O", too_many, 300)]
    await payments.finish_refunds()
    assert [status for _, _, status in payments.refunds(old.out_trade_no)] == ["SUCCESS"]
