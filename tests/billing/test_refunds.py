"""Money goes back to WeChat: never more than came, done only when the channel says so."""

from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from app.billing.errors import RefundExceedsPaid, RefundUnknown
from app.billing.jobs import sweep
from app.billing.models import Payment, Refund, RefundStatus
from app.billing.service import (
    find_refundable_fen,
    request_refund,
    submit_refund,
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


async def test_a_refund_succeeds_when_the_channel_says_so(
    database: Database,
    world: World,
    payments: Payments,
    heard: Heard,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    payment = await pay_one(database, payments, world.household)
    await drain(job_context)
    [refund] = await give_back(database, payment, 10_500)
    assert refund.status == RefundStatus.APPROVED
    await hold(database, clock)

    assert await drain(job_context) == ["billing.submit_refund"]
    assert (await read_refund(database, refund)).status == RefundStatus.PROCESSING
    assert heard.refunded == []
    await hold(database, clock)

    await payments.finish_refunds()
    done = await read_refund(database, refund)
    assert (done.status, done.finished_at) == (RefundStatus.SUCCEEDED, clock.now())
    assert [event.refund_id for event in heard.refunded] == [refund.refund_id]
    account = f"channel:wechat:{payments.gateway.merchant}"
    assert await booked(database, payment.customer_id) == [
        ("payment_captured", account, "prepaid", 10_500),
        ("refund_requested", "prepaid", "refund_payable", 10_500),
        ("refund_succeeded", "refund_payable", account, 10_500),
    ]
    await hold(database, clock)


async def test_a_lost_refund_notification_is_repaired_by_the_query(
    database: Database,
    world: World,
    payments: Payments,
    heard: Heard,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    payment = await pay_one(database, payments, world.household)
    [refund] = await give_back(database, payment, 10_500)
    await drain(job_context)
    payments.fault(FaultKind.NOTIFY_LOST)
    await payments.finish_refunds()
    assert (await read_refund(database, refund)).status == RefundStatus.PROCESSING
    clock.set(MORNING + 5 * MINUTE)
    assert await wake(job_context) == ["billing.submit_refund"]
    assert (await read_refund(database, refund)).status == RefundStatus.SUCCEEDED
    assert len(heard.refunded) == 1


async def test_the_same_cause_refunds_once(
    database: Database, world: World, payments: Payments
) -> None:
    payment = await pay_one(database, payments, world.household)
    first = await give_back(database, payment, 4_000)
    again = await give_back(database, payment, 4_000)
    assert [refund.refund_id for refund in again] == [refund.refund_id for refund in first]
    assert await give_back(database, payment, 0, cause="nothing") == []


async def test_never_more_than_was_captured(
    database: Database, world: World, payments: Payments, clock: SetClock
) -> None:
    payment = await pay_one(database, payments, world.household)
    await give_back(database, payment, 8_000)
    before = await booked(database, payment.customer_id)
    with pytest.raises(RefundExceedsPaid) as refused:
        await give_back(database, payment, 2_501, cause="order_cancelled")
    assert refused.value.facts == {"asked_fen": 2_501, "refundable_fen": 2_500}
    assert await booked(database, payment.customer_id) == before
    async with database.transaction() as session:
        left = await find_refundable_fen(
            session, customer_id=payment.customer_id, reference_id=payment.reference_id
        )
    assert left == 2_500
    await hold(database, clock)


async def test_money_of_another_reference_is_out_of_reach(
    database: Database, world: World, payments: Payments
) -> None:
    payment = await pay_one(database, payments, world.household)
    with pytest.raises(RefundExceedsPaid):
        async with database.transaction() as session:
            await request_refund(
                session,
                customer_id=payment.customer_id,
                reference_id=new_id(),
                amount_fen=1,
                cause="order_cancelled",
                now=MORNING,
            )


async def test_a_refund_is_spread_over_payments_newest_first(
    database: Database, world: World, payments: Payments, clock: SetClock
) -> None:
    older = await pay_one(database, payments, world.household, amount_fen=3_000)
    clock.set(MORNING + MINUTE)
    newer = await pay_one(
        database,
        payments,
        world.household,
        reference_id=older.reference_id,
        amount_fen=2_000,
        now=clock.now(),
    )
    refunds = await give_back(database, older, 4_500)
    assert [(refund.payment_id, refund.amount_fen) for refund in refunds] == [
        (newer.payment_id, 2_000),
        (older.payment_id, 2_500),
    ]


@pytest.mark.parametrize("kind", [FaultKind.TIMEOUT_AFTER_COMMIT, FaultKind.CONNECTION_RESET])
@pytest.mark.parametrize("after_commit", [True, False])
async def test_after_a_time_out_the_same_refund_is_asked_for_again(
    database: Database,
    world: World,
    payments: Payments,
    clock: SetClock,
    job_context: JobContext,
    kind: FaultKind,
    after_commit: bool,
) -> None:
    payment = await pay_one(database, payments, world.household)
    [refund] = await give_back(database, payment, 10_500)
    payments.fault(kind, endpoint="refund", after_commit=after_commit)
    await drain(job_context)
    unknown = await read_refund(database, refund)
    assert unknown.status == RefundStatus.SUBMITTED
    clock.set(MORNING + 5 * MINUTE)
    await wake(job_context)
    assert (await read_refund(database, refund)).status == RefundStatus.PROCESSING
    assert payments.refunds(payment.out_trade_no) == [(refund.out_refund_no, 10_500, "PROCESSING")]


async def test_a_worker_that_died_during_the_call_asks_before_it_submits_again(
    database: Database, world: World, payments: Payments
) -> None:
    payment = await pay_one(database, payments, world.household)
    [refund] = await give_back(database, payment, 10_500)
    async with database.transaction() as session:
        await session.execute(
            text("UPDATE refunds SET status = 'submitted', asked_at = created_at")
        )
    called: list[str] = []

    async def note(request: httpx.Request) -> None:
        called.append(f"{request.method} {request.url.path.rpartition('/')[2]}")

    payments.http.event_hooks["request"].append(note)
    await submit_refund(database, customer_id=refund.customer_id, refund_id=refund.refund_id)
    assert called == [f"GET {refund.out_refund_no}", "POST refunds"]
    assert (await read_refund(database, refund)).status == RefundStatus.PROCESSING


async def test_the_sweeper_submits_after_the_queue_was_lost(
    database: Database, world: World, payments: Payments, job_context: JobContext
) -> None:
    payment = await pay_one(database, payments, world.household)
    [refund] = await give_back(database, payment, 10_500)
    async with database.transaction() as session:
        await session.execute(text("TRUNCATE pgqueuer"))
    assert await wake(job_context) == ["billing.submit_refund"]
    assert (await read_refund(database, refund)).status == RefundStatus.PROCESSING


async def test_a_short_balance_is_tried_again_and_shown_after_a_while(
    database: Database,
    world: World,
    payments: Payments,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    payment = await pay_one(database, payments, world.household)
    [refund] = await give_back(database, payment, 10_500)
    payments.fault(FaultKind.REFUND_NOT_ENOUGH, count=None)
    tries = 0
    while not (shown := await alerts(database)):
        tries += 1
        await wake(job_context)
        clock.set(clock.now() + 30 * MINUTE)
        assert tries < 10
    assert (tries, shown) == (5, {"refund_delayed": str(refund.refund_id)})
    assert (await read_refund(database, refund)).failure == "refused: NOT_ENOUGH"

    payments.simulator.faults.clear()
    clock.set(clock.now() + 30 * MINUTE)
    await wake(job_context)
    await payments.finish_refunds()
    assert (await read_refund(database, refund)).status == RefundStatus.SUCCEEDED
    assert await alerts(database) == {}


async def test_two_refunds_of_one_payment_are_a_minute_apart(
    database: Database,
    world: World,
    payments: Payments,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    payment = await pay_one(database, payments, world.household)
    [first] = await give_back(database, payment, 1_000, cause="first")
    [second] = await give_back(database, payment, 1_000, cause="second")
    await drain(job_context)
    assert (await read_refund(database, first)).status == RefundStatus.PROCESSING
    waiting = await read_refund(database, second)
    assert (waiting.status, waiting.next_try_at) == (
        RefundStatus.APPROVED,
        MORNING + timedelta(seconds=60),
    )
    await payments.advance(61)
    clock.set(MORNING + timedelta(seconds=61))
    await wake(job_context)
    assert (await read_refund(database, second)).status == RefundStatus.PROCESSING


async def test_reordered_and_repeated_refund_messages_are_harmless(
    database: Database,
    world: World,
    payments: Payments,
    heard: Heard,
    job_context: JobContext,
) -> None:
    payment = await pay_one(database, payments, world.household)
    [refund] = await give_back(database, payment, 10_500)
    payments.fault(FaultKind.REFUND_ABNORMAL)
    await drain(job_context)
    payments.fault(FaultKind.NOTIFY_DELAYED)
    await payments.advance(11)
    payments.end_refund(refund.out_refund_no, AtChannel.SUCCESS)
    await payments.deliver_notifications()
    assert (await read_refund(database, refund)).status == RefundStatus.SUCCEEDED
    await payments.advance(120)
    kinds = {notice.event_type: notice.state for notice in payments.notices(refund.out_refund_no)}
    assert kinds == {"REFUND.SUCCESS": "accepted", "REFUND.ABNORMAL": "accepted"}
    assert (await read_refund(database, refund)).status == RefundStatus.SUCCEEDED
    assert len(heard.refunded) == 1
    assert await alerts(database) == {}


async def test_a_refund_that_ends_before_it_is_answered(
    database: Database, world: World, payments: Payments, heard: Heard, job_context: JobContext
) -> None:
    payment = await pay_one(database, payments, world.household)
    [refund] = await give_back(database, payment, 10_500)
    payments.fault(FaultKind.NOTIFY_BEFORE_ANSWER)
    await drain(job_context)
    assert (await read_refund(database, refund)).status == RefundStatus.SUCCEEDED
    assert len(heard.refunded) == 1


@pytest.mark.parametrize("kind", [FaultKind.NOTIFY_WRONG_AMOUNT, FaultKind.NOTIFY_OTHER_MERCHANT])
async def test_a_refund_message_about_something_else_changes_nothing(
    database: Database,
    world: World,
    payments: Payments,
    heard: Heard,
    job_context: JobContext,
    kind: FaultKind,
) -> None:
    payment = await pay_one(database, payments, world.household)
    [refund] = await give_back(database, payment, 10_500)
    await drain(job_context)
    payments.fault(kind)
    await payments.finish_refunds()
    assert payments.answers(refund.out_refund_no) == [409]
    assert (await read_refund(database, refund)).status == RefundStatus.PROCESSING
    assert heard.refunded == []
    assert await alerts(database) == {"facts_differ": refund.out_refund_no}


async def test_an_unknown_refund(database: Database, payments: Payments) -> None:
    with pytest.raises(RefundUnknown):
        await submit_refund(database, customer_id=new_id(), refund_id=new_id())
