"""Refunds the channel does not just pay: abnormal, closed, refused."""

from datetime import timedelta
from uuid import UUID

import httpx
import pytest

from app.billing.errors import RefundExceedsPaid
from app.billing.jobs import sweep
from app.billing.models import Payment, Refund, RefundStatus
from app.billing.service import (
    request_refund,
    resolve_manually,
)
from app.core.db import Database
from app.core.ids import new_id
from app.core.jobs import JobContext
from simulators.channels.faults import FaultKind
from simulators.channels.wechat.models import RefundStatus as AtChannel
from tests.factories.billing import Heard, alerts, booked, pay_one, read_refund
from tests.factories.world import MORNING, World
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.jobs import drain
from tests.fixtures.payments import Payments

MINUTE = timedelta(minutes=1)
pytestmark = pytest.mark.usefixtures("heard")


async def give_back(
    database: Database,
    payment: Payment,
    amount_fen: int,
    *,
    cause: str = "order_rejected",
    requested_by: UUID | None = None,
) -> list[Refund]:
    async with database.transaction() as session:
        return await request_refund(
            session,
            customer_id=payment.customer_id,
            reference_id=payment.reference_id,
            amount_fen=amount_fen,
            cause=cause,
            now=MORNING,
            requested_by=requested_by,
        )


async def hold(database: Database, clock: SetClock) -> None:
    async with database.transaction() as session:
        await assert_invariants(session, clock.now(), only=("I1", "I3", "I4", "I9"))


async def wake(context: JobContext) -> list[str]:
    await sweep(context, {})
    return await drain(context)


async def test_an_abnormal_refund_calls_for_a_person_and_may_still_succeed(
    database: Database,
    world: World,
    payments: Payments,
    heard: Heard,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    payment = await pay_one(database, payments, world.household)
    [refund] = await give_back(database, payment, 10_500)
    payments.fault(FaultKind.REFUND_ABNORMAL)
    await drain(job_context)
    await payments.finish_refunds()
    assert (await read_refund(database, refund)).status == RefundStatus.ABNORMAL
    assert await alerts(database) == {"refund_by_hand": str(refund.refund_id)}
    assert heard.refunded == []
    await hold(database, clock)

    payments.end_refund(refund.out_refund_no, AtChannel.SUCCESS)
    await payments.deliver_notifications()
    assert (await read_refund(database, refund)).status == RefundStatus.SUCCEEDED
    assert await alerts(database) == {}
    await hold(database, clock)


async def test_a_refund_the_channel_closed_fails_visibly_and_is_settled_by_hand(
    database: Database,
    world: World,
    payments: Payments,
    heard: Heard,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    payment = await pay_one(database, payments, world.household)
    [refund] = await give_back(database, payment, 10_500)
    payments.fault(FaultKind.REFUND_CLOSED)
    await drain(job_context)
    await payments.finish_refunds()
    failed = await read_refund(database, refund)
    assert failed.status == RefundStatus.FAILED
    assert await alerts(database) == {"refund_by_hand": str(refund.refund_id)}
    assert ("refund_failed", "refund_payable", "prepaid", 10_500) in await booked(
        database, payment.customer_id
    )
    await hold(database, clock)

    async with database.transaction() as session:
        await resolve_manually(
            session,
            customer_id=refund.customer_id,
            refund_id=refund.refund_id,
            by=new_id(),
            evidence="网银转账 20260316-07",
            now=MORNING + timedelta(hours=1),
        )
    settled = await read_refund(database, refund)
    assert (settled.status, settled.to_origin) == (RefundStatus.SUCCEEDED, False)
    assert len(heard.refunded) == 1
    assert await alerts(database) == {}
    await hold(database, clock)


async def test_a_closed_refund_frees_its_money_for_another_cause_but_not_twice(
    database: Database,
    world: World,
    payments: Payments,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    payment = await pay_one(database, payments, world.household)
    [refund] = await give_back(database, payment, 10_500)
    payments.fault(FaultKind.REFUND_CLOSED)
    await drain(job_context)
    await payments.finish_refunds()
    await give_back(database, payment, 10_000, cause="again")
    with pytest.raises(RefundExceedsPaid):
        async with database.transaction() as session:
            await resolve_manually(
                session,
                customer_id=refund.customer_id,
                refund_id=refund.refund_id,
                by=new_id(),
                evidence="网银转账",
                now=MORNING + timedelta(hours=1),
            )
    assert (await read_refund(database, refund)).status == RefundStatus.FAILED
    await hold(database, clock)


async def test_a_refusal_for_good_calls_for_a_person(
    database: Database,
    world: World,
    payments: Payments,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    payment = await pay_one(database, payments, world.household)
    [refund] = await give_back(database, payment, 10_500)
    refusal = httpx.Response(403, json={"code": "USER_ACCOUNT_ABNORMAL", "message": "账户异常"})
    calling = payments.gateway._core._client
    payments.gateway._core._client = httpx.AsyncClient(
        transport=httpx.MockTransport(lambda _: refusal)
    )
    await drain(job_context)
    payments.gateway._core._client = calling
    refused = await read_refund(database, refund)
    assert (refused.status, refused.failure) == (
        RefundStatus.SUBMITTED,
        "refused: USER_ACCOUNT_ABNORMAL",
    )
    assert await alerts(database) == {"refund_by_hand": str(refund.refund_id)}
    await hold(database, clock)
