"""Writing a change down: terms, bottles, money, its record and the word to the household."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.service import close_open_payments, find_refundable_fen, post, request_refund
from app.core.events import publish
from app.core.ids import new_id
from app.customers.service import contact_phone
from app.notifications.service import send_sms
from app.orders import repository
from app.orders.changes.following import follow_renewed
from app.orders.changes.footprints import line_footprint
from app.orders.changes.gifting import promise_gifts, refit_gifts
from app.orders.changes.kinds import KINDS
from app.orders.changes.previews import Effect
from app.orders.changes.purses import Move
from app.orders.changes.single_days import THIS_CHANGE
from app.orders.changes.situation import LineOutcome, NewLine, Outcome
from app.orders.depositing import let_go
from app.orders.errors import RefundOnMarketplace
from app.orders.events import OrderCancelled
from app.orders.models import Order, OrderChange, OrderLine
from app.orders.repository.gifts import lapse_gifts
from app.orders.rules import Rebuilt
from app.orders.states import ChangeStatus, OrderStatus

TIME_TO_PAY = timedelta(minutes=30)


async def write_change(
    session: AsyncSession,
    order: Order,
    effect: Effect,
    outcome: Outcome,
    *,
    actor: str,
    now: datetime,
    recorded_by: UUID | None = None,
) -> OrderChange:
    """Record a change of a locked order and let it happen; the first day is held by the caller.

    One that costs money waits for its payment.
    """
    change = new_change(order, effect, actor=actor, now=now, recorded_by=recorded_by)
    is_waiting = change.status is ChangeStatus.AWAITING_PAYMENT
    if is_waiting or outcome.new_line is not None:
        session.add(change)
        await session.flush()
        repository.move_change(session, change, None, at=now, actor=actor)
    if is_waiting:
        # Other previews of this order end, so that a second click does not ask for money twice.
        await repository.raise_version(session, order)
        return change
    is_new = change not in session
    await let_happen(session, order, change, effect, outcome, actor=actor, now=now, is_new=is_new)
    return change


def new_change(
    order: Order, effect: Effect, *, actor: str, now: datetime, recorded_by: UUID | None = None
) -> OrderChange:
    """The record of a change as it was shown; `recorded_by` the deliverer at whose word it is."""
    return OrderChange(
        customer_id=order.customer_id,
        change_id=new_id(),
        order_id=order.order_id,
        kind=effect.wanted.kind,
        status=ChangeStatus.AWAITING_PAYMENT if effect.pay_fen else ChangeStatus.APPLIED,
        pay_before_at=now + TIME_TO_PAY if effect.pay_fen else None,
        effective_date=effect.effective_date,
        request=effect.wanted.as_json(),
        preview=effect.as_json(),
        rule=effect.rule,
        pay_fen=effect.pay_fen,
        credit_fen=effect.credit_fen,
        resumes_date=effect.resumes_date,
        actor=actor,
        at=now,
        recorded_by=recorded_by,
    )


async def let_happen(
    session: AsyncSession,
    order: Order,
    change: OrderChange,
    effect: Effect,
    outcome: Outcome,
    *,
    actor: str,
    now: datetime,
    is_new: bool = False,
) -> None:
    """Terms, bottles and money of a change; its record too if it `is_new`."""
    await write_lines(session, change, outcome.lines, now=now, is_new=is_new)
    if outcome.new_line is not None:
        await _add_line(session, change, outcome.new_line, now=now)
    if effect.wanted.kind == "cancel":
        await _give_back(session, order, effect.refund_fen, change_id=change.change_id, now=now)
        await end_order(session, order, reason=effect.wanted.reason, actor=actor, now=now)
    else:
        await repository.raise_version(session, order)
    if effect.credit_fen:
        await post(
            session,
            customer_id=order.customer_id,
            debit="prepaid",
            credit="balance",
            amount_fen=effect.credit_fen,
            cause="change_credited",
            reference_id=change.change_id,
            source_id=change.change_id,
            now=now,
        )
    await session.flush()
    await tell_change(session, order, change, now=now)


async def write_lines(
    session: AsyncSession,
    change: OrderChange,
    lines: Sequence[LineOutcome],
    *,
    now: datetime,
    is_new: bool = False,
) -> None:
    """Terms, bottles and footprint of a change; its record too if it `is_new`."""
    rebuilt = []
    footprint = {}
    for outcome in lines:
        line = outcome.state.line
        result = _named(outcome.result, change.change_id)
        waiting = repository.unscheduled_of(line)
        if outcome.unscheduled is not None:
            repository.set_unscheduled(line, outcome.unscheduled)
        footprint[str(line.order_line_id)] = line_footprint(
            outcome.state.terms,
            result.terms,
            day=change.effective_date,
            waiting_before=waiting,
            waiting_after=repository.unscheduled_of(line),
        )
        rebuilt.append((line.customer_id, line.order_line_id, result))
        if outcome.turn is not None:
            repository.add_turn(session, line, outcome.turn, change_id=change.change_id)
        write_moves(session, line, outcome.moves, change_id=change.change_id, now=now)
    change.footprint = {"lines": footprint}
    if is_new:
        await repository.insert_change(session, change)
    await session.flush()
    await repository.replace_terms(session, from_date=change.effective_date, rebuilt=rebuilt)
    await refit_gifts(session, [one.state.line for one in lines], since=change.effective_date)
    await follow_renewed(session, [(one[0], one[1]) for one in rebuilt], now=now)


async def _add_line(
    session: AsyncSession, change: OrderChange, wanted: NewLine, *, now: datetime
) -> None:
    weekdays = wanted.pattern.weekday_quantities
    line = OrderLine(
        customer_id=change.customer_id,
        order_line_id=new_id(),
        order_id=change.order_id,
        product_id=wanted.price.offer.product_id,
        quantity=wanted.pattern.quantity,
        interval_days=wanted.pattern.interval_days,
        weekday_quantities=None if weekdays is None else list(weekdays),
        start_date=wanted.start_date,
        anchor_date=wanted.start_date,
        cycle_days=wanted.cycle_days,
        bottles_bought=wanted.price.bottles,
        unscheduled_bottles=0,
        **wanted.price.columns(),
    )
    session.add(line)
    await session.flush()
    await repository.insert_terms(session, line.customer_id, line.order_line_id, wanted.terms)
    await promise_gifts(session, line, wanted.terms)
    bought = Move("bought", line.product_id, wanted.price.bottles, wanted.price.price_fen)
    moves = [bought]
    if line.gift_bottles:
        moves.append(Move("gift", line.product_id, line.gift_bottles, 0))
    write_moves(session, line, moves, change_id=change.change_id, now=now)
    none: Counter[UUID] = Counter()
    added = line_footprint(
        (), wanted.terms, day=change.effective_date, waiting_before=none, waiting_after=none
    )
    change.footprint = {"lines": {str(line.order_line_id): added}}


def write_moves(
    session: AsyncSession,
    line: OrderLine,
    moves: Sequence[Move],
    *,
    change_id: UUID,
    now: datetime,
) -> None:
    """Append what a line gains and gives up."""
    for move in moves:
        repository.entitle(
            session,
            line,
            kind=move.kind,
            bottles=move.bottles,
            value_fen=move.value_fen,
            product_id=move.product_id,
            now=now,
            cause_id=change_id,
        )


def _named(result: Rebuilt, change_id: UUID) -> Rebuilt:
    fresh = (
        replace(term, change_id=change_id) if term.change_id == THIS_CHANGE else term
        for term in result.fresh
    )
    return Rebuilt(result.kept, tuple(fresh))


async def tell_change(
    session: AsyncSession, order: Order, change: OrderChange, *, now: datetime
) -> None:
    """The receipt by SMS."""
    parameters = {"order": order.order_no, "date": change.effective_date.isoformat()}
    template = "milk_resumed" if change.kind == "resume" else "order_change"
    if change.kind != "resume":
        parameters["what"] = KINDS[change.kind].label
    await send_sms(
        session,
        customer_id=order.customer_id,
        phone=await contact_phone(session, customer_id=order.customer_id),
        template=template,
        parameters=parameters,
        cause=f"order_change:{change.change_id}",
        now=now,
    )


async def end_order(
    session: AsyncSession, order: Order, *, reason: str | None, actor: str, now: datetime
) -> None:
    """Cancel a locked order: nothing more is asked to be paid for it; of its money only deposits
    of what was never brought go back.
    """
    order.ended_at = now
    await close_open_payments(
        session, customer_id=order.customer_id, reference_id=order.order_id, now=now
    )
    await repository.change_status(
        session, order, OrderStatus.CANCELLED, at=now, actor=actor, reason=reason
    )
    await let_go(session, order, actor=actor, now=now)
    await lapse_gifts(session, customer_id=order.customer_id, order_id=order.order_id, now=now)
    await publish(
        session, OrderCancelled(customer_id=order.customer_id, order_id=order.order_id, at=now)
    )


async def require_refund_here(session: AsyncSession, order: Order, amount_fen: int) -> None:
    """Raise RefundOnMarketplace where giving that back would ask a marketplace for money.

    What changes cost was paid here, and what the marketplace has given back is not asked of it.
    """
    if order.outside_number is None:
        return
    for reference_id in await repository.list_paid_into(session, order.customer_id, order.order_id):
        amount_fen -= await find_refundable_fen(
            session, customer_id=order.customer_id, reference_id=reference_id
        )
    if amount_fen > 0 and await find_refundable_fen(
        session, customer_id=order.customer_id, reference_id=order.order_id
    ):
        raise RefundOnMarketplace(source=order.source, outside_number=order.outside_number)


async def _give_back(
    session: AsyncSession, order: Order, amount_fen: int, *, change_id: UUID, now: datetime
) -> None:
    """Refund to the payments that paid, those of changes first.

    What no payment here paid, an opening balance, becomes the customer's balance.
    """
    references = await repository.list_paid_into(session, order.customer_id, order.order_id)
    for reference_id in (*references, order.order_id):
        paid_here = await find_refundable_fen(
            session, customer_id=order.customer_id, reference_id=reference_id
        )
        to_origin = min(amount_fen, paid_here)
        await request_refund(
            session,
            customer_id=order.customer_id,
            reference_id=reference_id,
            amount_fen=to_origin,
            cause=f"order_cancelled:{change_id}",
            now=now,
        )
        amount_fen -= to_origin
    if amount_fen:
        await post(
            session,
            customer_id=order.customer_id,
            debit="prepaid",
            credit="balance",
            amount_fen=amount_fen,
            cause="order_cancelled",
            reference_id=order.order_id,
            source_id=change_id,
            now=now,
        )
