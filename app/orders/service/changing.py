"""Changes during execution (S1 4.2.5): previewed, then exactly that, or refused.

The preview's token names the order's version and a digest of what was shown. Applying it computes
the change again under the order's lock with the first affected day held open; any difference is
`PreviewOutdated` and nothing happens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.service import close_open_payments, find_refundable_fen, post, request_refund
from app.core.clock import local_date
from app.core.crypto import KeyRing
from app.core.events import publish
from app.core.ids import new_id
from app.customers.service import contact_phone, get_address
from app.network.errors import DayClosed
from app.network.service import (
    Serving,
    find_serving,
    first_open_date,
    hold_open_day,
    list_closed_dates,
)
from app.notifications.service import send_sms
from app.orders import repository
from app.orders.errors import (
    ChangeTooEarly,
    NothingToChange,
    OrderNotChangeable,
    PreviewInvalid,
    PreviewOutdated,
)
from app.orders.events import OrderCancelled
from app.orders.models import Order, OrderChange, OrderLine
from app.orders.rules import (
    ONE_DAY,
    Placement,
    Rebuilt,
    Term,
    affected_days,
    bottles_from,
    end_date,
    lay_out,
    rebuild,
    refund_of_rest,
)
from app.orders.service.confirming import entitle
from app.orders.service.outside import require_paid_here
from app.orders.service.previews import Effect, LineEffect, WantedChange, make_token, read_token
from app.orders.service.rolling import placement_of
from app.orders.states import OrderStatus

MAX_PAUSE_DAYS = 366
WHAT = {"skip": "跳过一天", "pause": "停奶", "resume": "恢复出奶", "cancel": "退订"}


@dataclass(frozen=True)
class _Computed:
    effect: Effect
    lines: list[OrderLine]
    rebuilt: list[tuple[UUID, UUID, Rebuilt]]
    station_id: UUID | None


async def preview_change(
    session: AsyncSession,
    keys: KeyRing,
    *,
    customer_id: UUID,
    order_id: UUID,
    wanted: WantedChange,
    now: datetime,
) -> tuple[Effect, str]:
    """What the change would do, and the token that makes exactly that happen.

    Raises OrderNotChangeable, ChangeTooEarly, NothingToChange.
    """
    order = await repository.get_order(session, customer_id, order_id)
    computed = await _compute(session, order, wanted, now=now)
    hold = computed.effect.effective_date
    if computed.station_id is not None:
        # The effective day may be one the operator withdrew: the next open one is held instead.
        hold = await first_open_date(
            session, station_id=computed.station_id, now=now, lead_days=0, wished=hold
        )
    token = make_token(keys, order, computed.effect, station_id=computed.station_id, hold_date=hold)
    return computed.effect, token


async def apply_change(
    session: AsyncSession,
    keys: KeyRing,
    *,
    customer_id: UUID,
    order_id: UUID,
    token: str,
    actor: str,
    now: datetime,
) -> tuple[OrderChange, Effect]:
    """Do what the preview showed; raises PreviewInvalid, PreviewOutdated, OrderNotChangeable."""
    said = read_token(keys, token)
    if said["order"] != str(order_id) or said["customer"] != str(customer_id):
        raise PreviewInvalid
    wanted = WantedChange.from_json(said["wanted"])
    try:
        if said["station"] is not None:
            # The day before the order, as an operator's withdrawal locks them.
            await hold_open_day(
                session,
                station_id=UUID(said["station"]),
                service_date=date.fromisoformat(said["hold"]),
                now=now,
            )
        order = await repository.lock_order(session, customer_id, order_id)
        if order.version != said["version"]:
            raise PreviewOutdated
        computed = await _compute(session, order, wanted, now=now)
    except (ChangeTooEarly, NothingToChange, DayClosed) as error:
        raise PreviewOutdated from error
    if computed.effect.digest() != said["digest"]:
        raise PreviewOutdated
    change = await _write(session, order, computed, actor=actor, now=now)
    return change, computed.effect


async def _write(
    session: AsyncSession, order: Order, computed: _Computed, *, actor: str, now: datetime
) -> OrderChange:
    effect = computed.effect
    change = OrderChange(
        customer_id=order.customer_id,
        change_id=new_id(),
        order_id=order.order_id,
        kind=effect.wanted.kind,
        effective_date=effect.effective_date,
        request=effect.wanted.as_json(),
        preview=effect.as_json(),
        actor=actor,
        at=now,
    )
    session.add(change)
    await repository.replace_terms(
        session, from_date=effect.effective_date, rebuilt=computed.rebuilt
    )
    if effect.wanted.kind == "cancel":
        await _end_order(session, order, computed, change_id=change.change_id, actor=actor, now=now)
    else:
        order.version += 1
    if effect.wanted.kind == "resume":
        for line in computed.lines:
            line.unscheduled_bottles = 0
    await session.flush()
    await _tell(session, order, change, now=now)
    return change


async def _tell(session: AsyncSession, order: Order, change: OrderChange, *, now: datetime) -> None:
    parameters = {"order": order.order_no, "date": change.effective_date.isoformat()}
    template = "milk_resumed" if change.kind == "resume" else "order_change"
    if change.kind != "resume":
        parameters["what"] = WHAT[change.kind]
    await send_sms(
        session,
        customer_id=order.customer_id,
        phone=await contact_phone(session, customer_id=order.customer_id),
        template=template,
        parameters=parameters,
        cause=f"order_change:{change.change_id}",
        now=now,
    )


async def _end_order(
    session: AsyncSession,
    order: Order,
    computed: _Computed,
    *,
    change_id: UUID,
    actor: str,
    now: datetime,
) -> None:
    by_id = {line.order_line_id: line for line in computed.lines}
    for line in computed.effect.lines:
        if line.bottles_given_up:
            entitle(
                session,
                by_id[line.order_line_id],
                kind="refunded",
                bottles=line.bottles_given_up,
                value_fen=line.refund_fen,
                now=now,
                cause_id=change_id,
            )
    order.ended_at = now
    await close_open_payments(
        session, customer_id=order.customer_id, reference_id=order.order_id, now=now
    )
    await repository.change_status(
        session,
        order,
        OrderStatus.CANCELLED,
        at=now,
        actor=actor,
        reason=computed.effect.wanted.reason,
    )
    await _give_back(session, order, computed.effect.refund_fen, change_id=change_id, now=now)
    await publish(
        session, OrderCancelled(customer_id=order.customer_id, order_id=order.order_id, at=now)
    )


async def _give_back(
    session: AsyncSession, order: Order, amount_fen: int, *, change_id: UUID, now: datetime
) -> None:
    """Refund to the payments that paid; an opening balance becomes the customer's balance."""
    paid_here = await find_refundable_fen(
        session, customer_id=order.customer_id, reference_id=order.order_id
    )
    to_origin = min(amount_fen, paid_here)
    await request_refund(
        session,
        customer_id=order.customer_id,
        reference_id=order.order_id,
        amount_fen=to_origin,
        cause=f"order_cancelled:{change_id}",
        now=now,
    )
    if amount_fen > to_origin:
        await post(
            session,
            customer_id=order.customer_id,
            debit="prepaid",
            credit="balance",
            amount_fen=amount_fen - to_origin,
            cause="order_cancelled",
            reference_id=order.order_id,
            source_id=change_id,
            now=now,
        )


async def _compute(
    session: AsyncSession, order: Order, wanted: WantedChange, *, now: datetime
) -> _Computed:
    if wanted.kind == "cancel":
        require_paid_here(order)
    if order.status in {OrderStatus.PENDING_PAYMENT, OrderStatus.UNDER_REVIEW}:
        if wanted.kind == "cancel":
            return await _cancel_before_delivery(session, order, wanted, now=now)
        raise OrderNotChangeable(status=order.status.value)
    if order.status is not OrderStatus.DELIVERING:
        raise OrderNotChangeable(status=order.status.value)
    serving = await find_order_serving(session, order, now=now)
    first_possible = await first_open_date(
        session, station_id=serving.station_id, now=now, lead_days=0
    )
    effective, wished = _dates(wanted, first_possible)
    blocked = wished | await list_closed_dates(
        session, station_id=serving.station_id, from_date=effective, now=now
    )
    lines = await repository.list_lines(session, order.customer_id, [order.order_id])
    terms = await repository.list_terms(
        session, [(line.customer_id, line.order_line_id) for line in lines]
    )
    address = await get_address(session, customer_id=order.customer_id, address_id=order.address_id)
    rebuilt, effects = [], []
    for line in lines:
        mine = terms[line.order_line_id]
        placement = placement_of(line, mine, address)
        result = _new_terms(line, mine, placement, wanted, effective=effective, blocked=blocked)
        rebuilt.append((line.customer_id, line.order_line_id, result))
        effects.append(_effect_on(line, mine, result, wanted, effective=effective))
    if wanted.kind != "cancel" and not any(effect.days for effect in effects):
        raise NothingToChange
    effect = Effect(
        wanted=wanted,
        effective_date=effective,
        first_possible_date=first_possible,
        lines=effects,
        refund_fen=sum(line.refund_fen for line in effects),
    )
    return _Computed(effect, lines, rebuilt, serving.station_id)


async def find_order_serving(session: AsyncSession, order: Order, *, now: datetime) -> Serving:
    """Who serves an order now or, for one that has not begun, will; raises OrderNotChangeable."""
    today = local_date(now)
    for on in (today, today + timedelta(days=MAX_PAUSE_DAYS)):
        serving = await find_serving(
            session, customer_id=order.customer_id, address_id=order.address_id, on=on
        )
        if serving is not None:
            return serving
    raise OrderNotChangeable(status=order.status.value)


def _dates(wanted: WantedChange, first_possible: date) -> tuple[date, frozenset[date]]:
    if wanted.kind == "cancel":
        return first_possible, frozenset()
    first = wanted.first_date or first_possible
    last = wanted.last_date or first
    if first < first_possible:
        raise ChangeTooEarly(first_possible_date=first_possible.isoformat())
    if wanted.kind == "resume":
        return first, frozenset()
    if last < first or (last - first).days > MAX_PAUSE_DAYS:
        raise NothingToChange
    return first, frozenset(first + ONE_DAY * step for step in range((last - first).days + 1))


def _new_terms(
    line: OrderLine,
    terms: Sequence[Term],
    placement: Placement,
    wanted: WantedChange,
    *,
    effective: date,
    blocked: frozenset[date],
) -> Rebuilt:
    left = 0 if wanted.kind == "cancel" else bottles_from(terms, effective)
    if wanted.kind == "resume":
        kept = rebuild(terms, placement, from_date=effective, bottles=0).kept
        bottles = left + line.unscheduled_bottles
        return Rebuilt(
            kept, tuple(lay_out(placement, start=effective, bottles=bottles, blocked=blocked))
        )
    return rebuild(terms, placement, from_date=effective, bottles=left, blocked=blocked)


def _effect_on(
    line: OrderLine,
    terms: Sequence[Term],
    result: Rebuilt,
    wanted: WantedChange,
    *,
    effective: date,
) -> LineEffect:
    given_up = 0
    if wanted.kind == "cancel":
        given_up = bottles_from(terms, effective) + line.unscheduled_bottles
    entitled = line.bottles_bought + line.gift_bottles
    refund = 0
    if wanted.kind == "cancel":
        refund = refund_of_rest(
            paid_fen=line.paid_fen,
            bottles_bought=line.bottles_bought,
            bottles_used=entitled - given_up,
        )
    return LineEffect(
        order_line_id=line.order_line_id,
        days=affected_days(terms, result.terms, from_date=effective),
        end_before=end_date(terms),
        end_after=end_date(result.terms),
        refund_fen=refund,
        bottles_given_up=given_up,
    )


async def _cancel_before_delivery(
    session: AsyncSession, order: Order, wanted: WantedChange, *, now: datetime
) -> _Computed:
    lines = await repository.list_lines(session, order.customer_id, [order.order_id])
    paid = order.status is OrderStatus.UNDER_REVIEW
    effects = [
        LineEffect(line.order_line_id, [], None, None, line.paid_fen if paid else 0, 0)
        for line in lines
    ]
    effect = Effect(
        wanted=wanted,
        effective_date=local_date(now),
        first_possible_date=local_date(now),
        lines=effects,
        refund_fen=sum(line.refund_fen for line in effects),
    )
    return _Computed(effect, lines, [], None)
