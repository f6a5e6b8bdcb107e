"""Renewal: a new order that goes on where another ends, in one step (S1 4.2.5, 5.2.5).

Shown, then exactly that. Nothing is charged by itself: the new order waits for its payment as any
other, by the household's own phone or by the link an agent has sent.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.service import get_offers
from app.core.clock import local_date
from app.core.crypto import KeyRing
from app.core.ids import new_id
from app.core.money import MAX_FEN
from app.customers.service import get_address
from app.orders import repository
from app.orders.changes.frame import apply_change
from app.orders.changes.loading import read_lines
from app.orders.changes.previews import Effect, LineEffect, make_token, read_token
from app.orders.changes.situation import LineState
from app.orders.changes.stays import stays_of
from app.orders.changes.wanted import WantedChange
from app.orders.changes.writing import new_change
from app.orders.errors import (
    AgreementNotAccepted,
    AmountTooLarge,
    EndUnknown,
    OrderFinished,
    OrderNotChangeable,
    PreviewInvalid,
    PreviewOutdated,
    RenewalExists,
)
from app.orders.markets import market_of
from app.orders.models import Order, OrderChange, OrderLine
from app.orders.pricing import LinePrice, price_line
from app.orders.repository import renewals, windows
from app.orders.rules import (
    MAX_BOTTLES,
    ONE_DAY,
    Placement,
    Term,
    bottles_between,
    end_date,
    lay_out,
)
from app.orders.service.placing import OWN_CHANNELS, TIME_TO_PAY, require_agreement, take_order_no
from app.orders.service.telephone import send_first_link
from app.orders.states import ORDER_MOVES, ConfirmationKind, OrderSource, OrderStatus


@dataclass(frozen=True)
class RenewedLine:
    """A line of the renewal. Amounts in fen."""

    before: LineState
    end_before: date
    placement: Placement
    price: LinePrice
    terms: tuple[Term, ...]

    @property
    def price_fen(self) -> int:
        """What it costs, at the price of today."""
        return self.price.price_fen


async def preview_renewal(
    session: AsyncSession,
    keys: KeyRing,
    *,
    customer_id: UUID,
    order_id: UUID,
    wanted: WantedChange,
    now: datetime,
) -> tuple[Effect, str]:
    """Every day and the price of the renewal, and the token that makes exactly that happen.

    Raises OrderNotChangeable, RenewalExists, EndUnknown, AmountTooLarge, ProductNotOnSale.
    """
    order = await repository.get_order(session, customer_id, order_id)
    lines = await _compute(session, order, wanted, now=now)
    effect = _effect(lines, wanted)
    return effect, make_token(keys, order, effect, holds=())


async def apply_renewal(
    session: AsyncSession,
    keys: KeyRing,
    *,
    customer_id: UUID,
    order_id: UUID,
    token: str,
    actor: str,
    now: datetime,
) -> OrderChange:
    """Place the renewal that was shown; it waits for its payment, an agent's also for the agreement.

    Raises PreviewInvalid, PreviewOutdated, AgreementNotAccepted, AgreementOutdated and what
    `preview_renewal` raises.
    """
    said = read_token(keys, token)
    if said["order"] != str(order_id) or said["customer"] != str(customer_id):
        raise PreviewInvalid
    wanted = WantedChange.from_json(said["wanted"])
    order = await repository.lock_order(session, customer_id, order_id)
    lines = await _compute(session, order, wanted, now=now)
    effect = _effect(lines, wanted)
    if order.version != said["version"] or effect.digest() != said["digest"]:
        raise PreviewOutdated
    renewal = await _place(session, order, lines, effect, actor=actor, now=now)
    change = new_change(order, replace(effect, pay_fen=0), actor=actor, now=now)
    change.preview, change.made_order_id = effect.as_json(), renewal.order_id
    session.add(change)
    await session.flush()
    repository.move_change(session, change, None, at=now, actor=actor)
    order.version += 1
    await session.flush()
    if renewal.source is OrderSource.PHONE:
        await send_first_link(session, renewal, now=now)
    return change


async def _compute(
    session: AsyncSession, order: Order, wanted: WantedChange, *, now: datetime
) -> list[RenewedLine]:
    if ORDER_MOVES.is_final(order.status):
        raise OrderFinished(status=order.status.value)
    if order.status is not OrderStatus.DELIVERING:
        raise OrderNotChangeable(status=order.status.value)
    if await renewals.find_renewal(session, order.customer_id, order.order_id) is not None:
        raise RenewalExists
    rows = await repository.list_lines(session, order.customer_id, [order.order_id])
    states = await read_lines(session, order, rows)
    ends = {state.line.order_line_id: end_date(state.terms) for state in states}
    if any(state.line.unscheduled_bottles for state in states) or None in ends.values():
        raise EndUnknown
    today = local_date(now)
    closed = (await stays_of(session, order, now=now)).days.closed
    address = await get_address(session, customer_id=order.customer_id, address_id=order.address_id)
    market = market_of(address, _source(wanted))
    found = []
    for state in states:
        last = ends[state.line.order_line_id]
        if last is None:
            raise EndUnknown
        start = max(last + ONE_DAY, today + ONE_DAY)
        placement = state.course.at(start)
        offers = await get_offers(
            session, product_ids={placement.product_id}, on=today, market=market
        )
        bottles = _bottles(state.line, placement, start)
        price = price_line(
            offers[placement.product_id], bottles=bottles, days=state.line.cycle_days, on=today
        )
        terms = lay_out(placement, start=start, bottles=price.own_bottles, blocked=closed)
        found.append(RenewedLine(state, last, placement, price, tuple(terms)))
    if sum(line.price_fen for line in found) > MAX_FEN:
        raise AmountTooLarge(most=MAX_BOTTLES)
    return found


def _source(wanted: WantedChange) -> OrderSource:
    return OrderSource(wanted.source or OrderSource.WEB)


def _bottles(line: OrderLine, placement: Placement, start: date) -> int:
    """As many as its paid period holds, or as were bought."""
    if line.cycle_days is None:
        return line.bottles_bought
    bottles = bottles_between(
        placement.pattern, start=start, days=line.cycle_days, anchor=placement.anchor
    )
    if not 0 < bottles <= MAX_BOTTLES:
        raise AmountTooLarge(bottles=bottles, most=MAX_BOTTLES)
    return bottles


def _effect(lines: list[RenewedLine], wanted: WantedChange) -> Effect:
    first = min(line.terms[0].first for line in lines)
    return Effect(
        wanted=wanted,
        effective_date=first,
        first_possible_date=first,
        lines=[
            LineEffect(
                order_line_id=line.before.line.order_line_id,
                days=[(day, 0, count) for term in line.terms for day, count in term.deliveries()],
                end_before=line.end_before,
                end_after=end_date(line.terms),
            )
            for line in lines
        ],
        pay_fen=sum(line.price_fen for line in lines),
    )


async def _place(
    session: AsyncSession,
    order: Order,
    lines: list[RenewedLine],
    effect: Effect,
    *,
    actor: str,
    now: datetime,
) -> Order:
    wanted = effect.wanted
    source = _source(wanted)
    by_phone = source is OrderSource.PHONE
    if not by_phone:
        if wanted.agreement_version is None:
            raise AgreementNotAccepted
        await require_agreement(session, wanted.agreement_version, on=local_date(now))
    window = await windows.window_on(session, local_date(now)) if by_phone else TIME_TO_PAY
    order_id = new_id()
    renewal = Order(
        customer_id=order.customer_id,
        order_id=order_id,
        order_no=await take_order_no(session, customer_id=order.customer_id, order_id=order_id),
        status=OrderStatus.PENDING_PAYMENT,
        confirmation=ConfirmationKind.ONLINE,
        source=source,
        address_id=lines[0].placement.address_id,
        price_fen=effect.pay_fen,
        deposit_fen=0,
        agreement_version=None if by_phone else wanted.agreement_version,
        agreed_at=None if by_phone else now,
        agreed_through=None if by_phone else OWN_CHANNELS.get(source),
        placed_at=now,
        pay_before_at=now + window,
        renews_order_id=order.order_id,
        version=1,
    )
    rows = [_row(renewal, line) for line in lines]
    await repository.insert_order(session, renewal, rows, at=now, actor=actor)
    return renewal


def _row(order: Order, line: RenewedLine) -> OrderLine:
    pattern = line.placement.pattern
    weekdays = pattern.weekday_quantities
    return OrderLine(
        customer_id=order.customer_id,
        order_line_id=new_id(),
        order_id=order.order_id,
        product_id=line.price.offer.product_id,
        quantity=pattern.quantity,
        interval_days=pattern.interval_days,
        weekday_quantities=None if weekdays is None else list(weekdays),
        start_date=line.end_before + ONE_DAY,
        anchor_date=line.placement.anchor,
        cycle_days=line.before.line.cycle_days,
        bottles_bought=line.price.bottles,
        unscheduled_bottles=0,
        **line.price.columns(),
        renews_line_id=line.before.line.order_line_id,
    )


async def confirm_change(
    session: AsyncSession,
    keys: KeyRing,
    *,
    customer_id: UUID,
    order_id: UUID,
    token: str,
    actor: str,
    now: datetime,
) -> OrderChange:
    """Do what a preview showed, whatever its kind; raises what the kind raises."""
    wanted = WantedChange.from_json(read_token(keys, token)["wanted"])
    if wanted.kind == "renew":
        return await apply_renewal(
            session,
            keys,
            customer_id=customer_id,
            order_id=order_id,
            token=token,
            actor=actor,
            now=now,
        )
    change, _ = await apply_change(
        session,
        keys,
        customer_id=customer_id,
        order_id=order_id,
        token=token,
        actor=actor,
        now=now,
    )
    return change
