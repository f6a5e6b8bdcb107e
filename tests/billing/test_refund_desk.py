"""Finance at work: approving, paying out, settling by hand, with a second person where needed."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.billing.models import Payment, PaymentChannel, Refund, RefundStatus
from app.billing.service import record_door_payment, request_refund
from app.core.db import Database
from app.core.ids import HOUSE, new_id, public_pair
from app.core.jobs import JobContext
from app.identity.models import Role
from simulators.channels.faults import FaultKind
from simulators.channels.wechat.models import RefundStatus as AtChannel
from tests.factories.billing import (
    SLIP,
    Heard,
    alerts,
    booked,
    pay_one,
    read_refund,
    take_cash,
)
from tests.factories.world import MORNING, World, once
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.jobs import drain
from tests.fixtures.payments import Payments

pytestmark = pytest.mark.usefixtures("heard")


async def ask(
    database: Database, payment: Payment, *, fen: int | None = None, by: UUID | None = None
) -> Refund:
    async with database.transaction() as session:
        [refund] = await request_refund(
            session,
            customer_id=payment.customer_id,
            reference_id=payment.reference_id,
            amount_fen=fen or payment.amount_fen,
            cause="order_cancelled",
            now=MORNING,
            requested_by=by,
        )
    return refund


async def act(
    client: httpx.AsyncClient,
    world: World,
    refund: Refund,
    action: str,
    *,
    role: Role = Role.FINANCE,
    evidence: str | None = None,
) -> httpx.Response:
    public_id = public_pair("rfd", refund.customer_id, refund.refund_id)
    body: dict[str, Any] = {} if evidence is None else {"json": {"evidence": evidence}}
    return await client.post(
        f"/refunds/{public_id}/{action}", headers=world.staff[role].headers | once(), **body
    )


async def hold(database: Database) -> None:
    async with database.transaction() as session:
        await assert_invariants(session, MORNING, only=("I1", "I3", "I4", "I9"))


@pytest.fixture
async def cash(database: Database, world: World) -> Payment:
    """Cash taken at the door."""
    async with database.transaction() as session:
        return await take_cash(session, world.household, collector_id=world.deliverers[0])


async def test_cash_is_approved_then_paid_out_at_the_desk(
    database: Database, world: World, client: httpx.AsyncClient, cash: Payment, heard: Heard
) -> None:
    refund = await ask(database, cash)
    assert refund.status == RefundStatus.REQUESTED
    early = await act(client, world, refund, "paid-out", evidence="收条 0007")
    assert (early.status_code, early.json()["code"]) == (409, "move_not_allowed")
    assert (await read_refund(database, refund)).status == RefundStatus.REQUESTED

    approved = await act(client, world, refund, "approve")
    assert (approved.status_code, approved.json()["status"]) == (200, "approved")
    assert heard.refunded == []
    paid = await act(client, world, refund, "paid-out", evidence="收条 0007")
    assert paid.status_code == 200
    assert paid.json() | {"created_at": None, "finished_at": None} == {
        "id": public_pair("rfd", refund.customer_id, refund.refund_id),
        "payment_id": public_pair("pay", cash.customer_id, cash.payment_id),
        "reference_id": str(cash.reference_id),
        "amount_fen": 9_000,
        "cause": "order_cancelled",
        "status": "succeeded",
        "status_label": "已退款",
        "to_origin": True,
        "created_at": None,
        "finished_at": None,
        "requested_by": None,
        "approved_by": str(world.staff[Role.FINANCE].account_id),
        "failure": None,
        "evidence": "收条 0007",
    }
    assert len(heard.refunded) == 1
    assert ("refund_succeeded", "refund_payable", "cash:office", 9_000) in await booked(
        database, cash.customer_id
    )
    row = await read_refund(database, refund)
    assert row.evidence_sealed is not None
    assert "收条".encode() not in row.evidence_sealed
    twice = await act(client, world, refund, "paid-out", evidence="收条 0007")
    assert twice.status_code == 409
    await hold(database)


async def test_a_card_is_refunded_at_the_acquirer(
    database: Database, world: World, client: httpx.AsyncClient
) -> None:
    async with database.transaction() as session:
        payment = await record_door_payment(
            session,
            customer_id=world.household.customer_id,
            reference_id=new_id(),
            channel=PaymentChannel.POS,
            amount_fen=6_000,
            collector_id=world.deliverers[0],
            receipt_no="A-0009",
            pos_slip=SLIP,
            collected_at=MORNING,
            payment_id=new_id(),
            now=MORNING,
        )
    refund = await ask(database, payment, fen=2_000)
    await act(client, world, refund, "approve")
    await act(client, world, refund, "paid-out", evidence="POS退货 000200")
    account = f"pos:{SLIP['merchant_no']}"
    assert ("refund_succeeded", "refund_payable", account, 2_000) in await booked(
        database, payment.customer_id
    )
    await hold(database)


async def test_who_asked_does_not_approve(
    database: Database, world: World, client: httpx.AsyncClient, cash: Payment
) -> None:
    refund = await ask(database, cash, by=world.staff[Role.FINANCE].account_id)
    answer = await act(client, world, refund, "approve")
    assert (answer.status_code, answer.json()["code"]) == (409, "second_person_needed")
    assert (await read_refund(database, refund)).status == RefundStatus.REQUESTED
    async with database.transaction() as session:
        colleague = await world.add_staff(session, Role.FINANCE)
    world.staff[Role.FINANCE] = colleague
    assert (await act(client, world, refund, "approve")).status_code == 200


async def test_a_large_refund_by_staff_waits_and_then_goes_to_the_channel(
    database: Database,
    world: World,
    client: httpx.AsyncClient,
    payments: Payments,
    job_context: JobContext,
) -> None:
    agent = world.staff[Role.SERVICE_AGENT].account_id
    manager = world.staff[Role.MANAGER].headers
    limits = await client.put("/refund-limits", json={"limit_fen": 5_000}, headers=manager)
    assert limits.status_code == 200
    assert [item["limit_fen"] for item in limits.json()["items"]] == [5_000]

    small = await pay_one(database, payments, world.household, amount_fen=5_000)
    assert (await ask(database, small, by=agent)).status == RefundStatus.APPROVED
    large = await pay_one(database, payments, world.household, amount_fen=5_001)
    waiting = await ask(database, large, by=agent)
    await drain(job_context)
    assert (await read_refund(database, waiting)).status == RefundStatus.REQUESTED
    assert payments.refunds(large.out_trade_no) == []

    assert (await act(client, world, waiting, "approve")).status_code == 200
    await drain(job_context)
    assert (await read_refund(database, waiting)).status == RefundStatus.PROCESSING


async def test_a_refund_nobody_asked_for_needs_no_second_person(
    database: Database, world: World, payments: Payments
) -> None:
    payment = await pay_one(database, payments, world.household, amount_fen=900_000)
    assert (await ask(database, payment)).status == RefundStatus.APPROVED


async def test_the_channel_pays_wechat_refunds_not_we(
    database: Database,
    world: World,
    client: httpx.AsyncClient,
    payments: Payments,
    job_context: JobContext,
) -> None:
    payment = await pay_one(database, payments, world.household)
    refund = await ask(database, payment)
    paid = await act(client, world, refund, "paid-out", evidence="现金")
    assert (paid.status_code, paid.json()["code"]) == (409, "not_paid_out_by_hand")
    resolved = await act(client, world, refund, "resolve-manually", evidence="现金")
    assert (resolved.status_code, resolved.json()["code"]) == (409, "nothing_to_resolve")
    assert (await read_refund(database, refund)).status == RefundStatus.APPROVED


async def test_an_abnormal_refund_is_settled_by_bank_transfer(
    database: Database,
    world: World,
    client: httpx.AsyncClient,
    payments: Payments,
    job_context: JobContext,
    heard: Heard,
    clock: SetClock,
) -> None:
    payment = await pay_one(database, payments, world.household)
    refund = await ask(database, payment)
    payments.fault(FaultKind.REFUND_ABNORMAL)
    await drain(job_context)
    await payments.finish_refunds()
    clock.set(MORNING + timedelta(hours=2))
    answer = await act(client, world, refund, "resolve-manually", evidence="网银 20260315-01")
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["to_origin"]) == ("succeeded", False)
    assert ("refund_succeeded", "refund_payable", "manual_payout", 10_500) in await booked(
        database, payment.customer_id
    )
    assert len(heard.refunded) == 1
    assert await alerts(database) == {}
    await hold(database)

    payments.end_refund(refund.out_refund_no, AtChannel.SUCCESS)
    await payments.deliver_notifications()
    assert await alerts(database) == {"refund_contradicted": str(refund.refund_id)}
    assert len(heard.refunded) == 1


async def test_money_older_than_the_channel_remembers_is_settled_by_hand(
    database: Database,
    world: World,
    client: httpx.AsyncClient,
    payments: Payments,
    job_context: JobContext,
    clock: SetClock,
) -> None:
    payment = await pay_one(database, payments, world.household, now=MORNING - timedelta(days=400))
    async with database.transaction() as session:
        row = await session.get_one(Payment, (payment.customer_id, payment.payment_id))
        row.captured_at = MORNING - timedelta(days=400)
    refund = await ask(database, payment)
    assert (refund.status, refund.failure) == (RefundStatus.REQUESTED, "past_age_limit")
    assert await alerts(database) == {"refund_by_hand": str(refund.refund_id)}
    await drain(job_context)
    assert payments.refunds(payment.out_trade_no) == []
    approve = await act(client, world, refund, "approve")
    assert (approve.status_code, approve.json()["code"]) == (409, "nothing_to_resolve")
    done = await act(client, world, refund, "resolve-manually", evidence="网银 20260315-02")
    assert (done.status_code, done.json()["to_origin"]) == (200, False)
    await hold(database)


async def test_the_fifty_first_refund_of_a_payment_is_settled_by_hand(
    database: Database, world: World, payments: Payments
) -> None:
    payment = await pay_one(database, payments, world.household)
    async with database.transaction() as session:
        for number in range(51):
            [refund] = await request_refund(
                session,
                customer_id=payment.customer_id,
                reference_id=payment.reference_id,
                amount_fen=1,
                cause=f"skip {number}",
                now=MORNING,
            )
    assert (refund.status, refund.failure) == (
        RefundStatus.REQUESTED,
        "too_many_partial_refunds",
    )


@pytest.mark.parametrize("action", ["approve", "paid-out", "resolve-manually"])
async def test_only_finance_moves_refunds(
    database: Database, world: World, client: httpx.AsyncClient, cash: Payment, action: str
) -> None:
    refund = await ask(database, cash)
    for role in (Role.MANAGER, Role.SERVICE_AGENT, Role.AUDITOR, Role.ADMIN):
        answer = await act(client, world, refund, action, role=role, evidence="收条")
        assert answer.status_code == 403
    public_id = public_pair("rfd", refund.customer_id, refund.refund_id)
    own = await client.post(
        f"/refunds/{public_id}/{action}", headers=world.household.headers | once()
    )
    assert own.status_code == 403
    assert (await read_refund(database, refund)).status == RefundStatus.REQUESTED


@pytest.mark.parametrize(
    "public_id", [public_pair("rfd", HOUSE, HOUSE), "rfd_nonsense", "pay_nonsense"]
)
async def test_refunds_that_do_not_exist(
    world: World, client: httpx.AsyncClient, public_id: str
) -> None:
    headers = world.staff[Role.FINANCE].headers
    for action, body in (
        ("approve", None),
        ("paid-out", {"evidence": "x"}),
        ("resolve-manually", {"evidence": "x"}),
    ):
        answer = await client.post(
            f"/refunds/{public_id}/{action}", headers=headers | once(), json=body
        )
        assert answer.status_code == 404


async def test_a_repeated_approval_gets_the_same_answer(
    database: Database, world: World, client: httpx.AsyncClient, cash: Payment
) -> None:
    refund = await ask(database, cash)
    public_id = public_pair("rfd", refund.customer_id, refund.refund_id)
    headers = world.staff[Role.FINANCE].headers | once()
    first = await client.post(f"/refunds/{public_id}/approve", headers=headers)
    again = await client.post(f"/refunds/{public_id}/approve", headers=headers)
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert again.headers["idempotent-replayed"] == "true"
    no_key = await client.post(
        f"/refunds/{public_id}/approve", headers=world.staff[Role.FINANCE].headers
    )
    assert no_key.status_code == 400
