"""Payments nobody hears of again: asked about, repaired, retried under the same number, closed."""

from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text

from app.billing.channels.accounts import use_gateway
from app.billing.errors import (
    ChannelNotConfigured,
    PayerMissing,
    PaymentMethodUnknown,
    PaymentUnknown,
)
from app.billing.jobs import sweep
from app.billing.models import PaymentChannel, PaymentStatus
from app.billing.service import ask_channel, close_open_payments, query_payment
from app.core.db import Database
from app.core.ids import new_id
from app.core.jobs import JobContext
from app.core.outbound import OutcomeUnknown
from app.core.runtime import Runtime
from simulators.channels.faults import FaultKind
from simulators.channels.wechat.errors import WeChatError
from tests.factories.billing import (
    QUARTER_HOUR,
    Heard,
    alerts,
    booked,
    open_one,
    read_payment,
    start_one,
)
from tests.factories.world import MORNING, World
from tests.fixtures.application import SetClock
from tests.fixtures.jobs import drain
from tests.fixtures.payments import Payments

MINUTE = timedelta(minutes=1)


async def wake(context: JobContext) -> list[str]:
    """What the worker does each minute."""
    await sweep(context, {})
    return await drain(context)


async def test_a_lost_notification_is_repaired_by_the_query(
    database: Database,
    world: World,
    payments: Payments,
    heard: Heard,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    payment = await start_one(database, world.household)
    await drain(job_context)
    payments.fault(FaultKind.NOTIFY_LOST)
    payments.pay(payment.out_trade_no)
    assert await payments.deliver_notifications() == 0

    assert await wake(job_context) == []
    clock.set(MORNING + 2 * MINUTE)
    assert await wake(job_context) == ["billing.query_payment"]

    paid = await read_payment(database, payment)
    assert (paid.status, paid.captured_at) == (PaymentStatus.CAPTURED, clock.now())
    assert len(heard.captured) == 1
    assert len(await booked(database, payment.customer_id)) == 1


async def test_the_sweeper_works_after_the_queue_was_lost(
    database: Database,
    world: World,
    payments: Payments,
    heard: Heard,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    payment = await open_one(database, world.household)
    async with database.transaction() as session:
        await session.execute(text("TRUNCATE pgqueuer"))
    clock.set(MORNING + 2 * MINUTE)
    assert await wake(job_context) == ["billing.ask_channel"]
    waiting = await read_payment(database, payment)
    assert waiting.status == PaymentStatus.PENDING
    assert waiting.handle is not None


@pytest.mark.parametrize(
    "kind",
    [FaultKind.TIMEOUT_AFTER_COMMIT, FaultKind.CONNECTION_RESET, FaultKind.SYSTEM_ERROR],
)
async def test_after_a_time_out_the_same_number_is_asked_for_again(
    database: Database,
    world: World,
    payments: Payments,
    clock: SetClock,
    job_context: JobContext,
    kind: FaultKind,
) -> None:
    payments.fault(kind, endpoint="create", after_commit=kind is not FaultKind.SYSTEM_ERROR)
    payment = await start_one(database, world.household)
    assert (payment.status, payment.handle) == (PaymentStatus.UNKNOWN, None)

    clock.set(MORNING + 2 * MINUTE)
    await wake(job_context)
    repaired = await read_payment(database, payment)
    assert repaired.status == PaymentStatus.PENDING
    assert repaired.handle is not None
    assert repaired.failure is None
    assert len(payments.simulator.desk.store.list_orders()) == 1


async def test_a_payment_paid_during_the_time_out_is_captured(
    database: Database,
    world: World,
    payments: Payments,
    heard: Heard,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    payments.fault(FaultKind.TIMEOUT_AFTER_COMMIT, endpoint="create")
    payments.fault(FaultKind.NOTIFY_LOST)
    payment = await start_one(database, world.household)
    payments.pay(payment.out_trade_no)
    clock.set(MORNING + 2 * MINUTE)
    await wake(job_context)
    assert (await read_payment(database, payment)).status == PaymentStatus.CAPTURED
    assert len(heard.captured) == 1


async def test_a_process_that_died_during_the_call_asks_before_it_orders_again(
    database: Database, world: World, payments: Payments, heard: Heard
) -> None:
    payment = await open_one(database, world.household)
    async with database.transaction() as session:
        await session.execute(text("UPDATE payments SET asked_at = created_at"))
    called: list[str] = []

    async def note(request: httpx.Request) -> None:
        called.append(f"{request.method} {request.url.path.rpartition('/')[2]}")

    payments.http.event_hooks["request"].append(note)
    asked = await ask_channel(
        database, customer_id=payment.customer_id, payment_id=payment.payment_id
    )
    assert called == [f"GET {payment.out_trade_no}", "POST native"]
    assert asked.status == PaymentStatus.PENDING


async def test_asking_again_changes_nothing_while_the_payer_may_pay(
    database: Database, world: World, payments: Payments
) -> None:
    payment = await start_one(database, world.household)
    again = await ask_channel(
        database, customer_id=payment.customer_id, payment_id=payment.payment_id
    )
    assert again.handle == payment.handle
    assert again.tries == payment.tries == 1


async def test_after_its_time_a_payment_is_closed_at_the_channel_and_here(
    database: Database,
    world: World,
    payments: Payments,
    heard: Heard,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    payment = await start_one(database, world.household)
    clock.set(MORNING + QUARTER_HOUR - timedelta(seconds=1))
    await wake(job_context)
    assert (await read_payment(database, payment)).status == PaymentStatus.PENDING

    clock.set(MORNING + QUARTER_HOUR + 5 * MINUTE)
    await wake(job_context)
    closed = await read_payment(database, payment)
    assert closed.status == PaymentStatus.CLOSED
    assert closed.next_try_at is None
    assert payments.order(payment.out_trade_no).state == "CLOSED"
    assert [(event.payment_id, event.status) for event in heard.closed] == [
        (payment.payment_id, PaymentStatus.CLOSED)
    ]
    clock.set(MORNING + timedelta(hours=2))
    assert await wake(job_context) == []


async def test_a_payment_never_asked_for_in_time_is_closed_without_a_call(
    database: Database,
    world: World,
    payments: Payments,
    heard: Heard,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    payment = await open_one(database, world.household)
    clock.set(MORNING + timedelta(hours=1))
    await drain(job_context)
    assert (await read_payment(database, payment)).status == PaymentStatus.CLOSED
    with pytest.raises(WeChatError):
        payments.order(payment.out_trade_no)


async def test_paid_in_the_last_moment_is_paid_and_not_closed(
    database: Database,
    world: World,
    payments: Payments,
    heard: Heard,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    payment = await start_one(database, world.household)
    payments.fault(FaultKind.NOTIFY_LOST)
    real_close = payments.gateway.close_order

    class Slow:
        """The payer is faster than our closing."""

        def __getattr__(self, name: str) -> object:
            return getattr(payments.gateway, name)

        async def close_order(self, number: str) -> object:
            payments.pay(number)
            return await real_close(number)

    clock.set(MORNING + QUARTER_HOUR)
    await query_payment(
        database,
        customer_id=payment.customer_id,
        payment_id=payment.payment_id,
        gateway=Slow(),  # type: ignore[arg-type]  # one method differs, the rest is the gateway's
    )
    assert (await read_payment(database, payment)).status == PaymentStatus.CAPTURED
    assert heard.closed == []


async def test_money_for_a_closed_payment_is_captured_all_the_same(
    database: Database,
    world: World,
    payments: Payments,
    heard: Heard,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    payment = await start_one(database, world.household)
    async with database.transaction() as session:
        await session.execute(text("UPDATE payments SET status = 'closed', next_try_at = NULL"))
    payments.pay(payment.out_trade_no, late=True)
    await payments.deliver_notifications()
    assert (await read_payment(database, payment)).status == PaymentStatus.CAPTURED
    assert len(heard.captured) == 1
    assert len(await booked(database, payment.customer_id)) == 1


async def test_a_query_with_another_amount_captures_nothing(
    database: Database,
    world: World,
    payments: Payments,
    heard: Heard,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    payment = await start_one(database, world.household)
    payments.fault(FaultKind.NOTIFY_LOST)
    payments.pay(payment.out_trade_no, amount_fen=1)
    clock.set(MORNING + 2 * MINUTE)
    await wake(job_context)
    assert (await read_payment(database, payment)).status == PaymentStatus.PENDING
    assert heard.captured == []
    assert await booked(database, payment.customer_id) == []
    assert await alerts(database) == {"facts_differ": payment.out_trade_no}


async def test_a_refused_order_fails_with_an_alert(
    database: Database, world: World, payments: Payments, heard: Heard
) -> None:
    payment = await open_one(database, world.household, amount_fen=10_000_000_001)
    failed = await ask_channel(
        database, customer_id=payment.customer_id, payment_id=payment.payment_id
    )
    assert (failed.status, failed.failure) == (PaymentStatus.FAILED, "PARAM_ERROR")
    assert await alerts(database) == {"payment_refused": str(payment.payment_id)}
    assert [event.status for event in heard.closed] == [PaymentStatus.FAILED]


async def test_a_channel_that_stays_silent_raises_an_alert_that_resolves_itself(
    database: Database,
    world: World,
    payments: Payments,
    heard: Heard,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    payments.fault(FaultKind.SYSTEM_ERROR, count=None)
    payment = await start_one(database, world.household)
    for minute in range(1, 14):
        clock.set(MORNING + minute * MINUTE)
        await wake(job_context)
    assert await alerts(database) == {"payment_unclear": str(payment.payment_id)}
    assert (await read_payment(database, payment)).status == PaymentStatus.UNKNOWN

    payments.simulator.faults.clear()
    clock.set(MORNING + timedelta(hours=1))
    await wake(job_context)
    assert (await read_payment(database, payment)).status == PaymentStatus.CLOSED
    assert await alerts(database) == {}


async def test_a_refused_question_decides_nothing(
    database: Database, world: World, payments: Payments, heard: Heard
) -> None:
    payment = await start_one(database, world.household)
    payments.fault(FaultKind.RATE_LIMIT, endpoint="query")
    asked = await query_payment(
        database, customer_id=payment.customer_id, payment_id=payment.payment_id
    )
    assert asked.status == PaymentStatus.PENDING
    assert asked.failure == f"{OutcomeUnknown.__name__}: FREQUENCY_LIMITED"


async def test_open_attempts_of_a_reference_are_closed_early(
    database: Database,
    world: World,
    payments: Payments,
    heard: Heard,
    job_context: JobContext,
) -> None:
    reference = new_id()
    first = await start_one(database, world.household, reference_id=reference)
    second = await start_one(database, world.household, reference_id=reference)
    other = await start_one(database, world.household)
    async with database.transaction() as session:
        closed = await close_open_payments(
            session,
            customer_id=world.household.customer_id,
            reference_id=reference,
            now=MORNING,
        )
    assert closed == 2
    await drain(job_context)
    for payment, state in ((first, "CLOSED"), (second, "CLOSED"), (other, "NOTPAY")):
        assert payments.order(payment.out_trade_no).state == state


async def test_a_payer_is_sealed_and_told_to_the_channel(
    database: Database, world: World, payments: Payments
) -> None:
    with pytest.raises(PayerMissing):
        await open_one(database, world.household, method="jsapi")
    with pytest.raises(PayerMissing):
        await open_one(database, world.household, method="h5")
    with pytest.raises(PaymentMethodUnknown):
        await open_one(database, world.household, method="door")
    payment = await open_one(database, world.household, method="jsapi", payer_openid="oPayer77")
    assert payment.payer_sealed is not None
    assert b"oPayer77" not in payment.payer_sealed
    asked = await ask_channel(
        database, customer_id=payment.customer_id, payment_id=payment.payment_id
    )
    assert asked.handle is not None
    assert asked.handle["package"].startswith("prepay_id=")
    assert payments.order(payment.out_trade_no).openid == "oPayer77"


async def test_unknown_payments_and_installations_without_an_account(
    runtime: Runtime, database: Database, world: World, payments: Payments
) -> None:
    with pytest.raises(PaymentUnknown):
        await ask_channel(database, customer_id=new_id(), payment_id=new_id())
    use_gateway(PaymentChannel.WECHAT, None)
    with pytest.raises(ChannelNotConfigured):
        await open_one(database, world.household)


async def test_the_wake_up_job_asks_when_the_request_died(
    database: Database, world: World, payments: Payments, job_context: JobContext
) -> None:
    payment = await open_one(database, world.household)
    assert await drain(job_context) == ["billing.ask_channel"]
    assert (await read_payment(database, payment)).status == PaymentStatus.PENDING


async def test_unclaimed_money_is_shown(
    database: Database, world: World, payments: Payments, heard: Heard
) -> None:
    heard.claims = False
    payment = await start_one(database, world.household)
    payments.pay(payment.out_trade_no)
    await payments.deliver_notifications()
    assert await alerts(database) == {"unmatched_payment": str(payment.payment_id)}
