"""The one way of a change: previewed, then exactly that, or refused.

The preview's token names the order's version and a digest of what was shown. Applying it computes
the change again under the order's lock with the first affected day held open; any difference is
`PreviewOutdated` and nothing happens.
"""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_date
from app.core.crypto import KeyRing
from app.network.errors import DayClosed
from app.network.service import first_open_date, hold_open_day
from app.orders import repository
from app.orders.changes.kinds import KINDS
from app.orders.changes.loading import read_situation
from app.orders.changes.previews import Effect, LineEffect, make_token, read_token
from app.orders.changes.situation import LineOutcome, Outcome
from app.orders.changes.wanted import WantedChange
from app.orders.changes.writing import require_refund_here, write_change
from app.orders.errors import (
    ChangeTooEarly,
    NothingToChange,
    OrderFinished,
    OrderNotChangeable,
    PatternInvalid,
    PauseOverlaps,
    PreviewInvalid,
    PreviewOutdated,
)
from app.orders.models import Order, OrderChange
from app.orders.rules import BeyondHorizon, affected_days, changed_products, end_date
from app.orders.states import ORDER_MOVES, OrderStatus


@dataclass(frozen=True)
class Computed:
    """A change of an order, worked out; without a station nothing has been brought yet."""

    effect: Effect
    outcome: Outcome
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

    Raises OrderNotChangeable, NothingToChange and what its kind raises.
    """
    order = await repository.read_order(session, customer_id, order_id)
    computed = await compute(session, order, wanted, now=now)
    hold = computed.effect.effective_date
    if computed.station_id is not None:
        hold = await day_to_hold(session, computed.station_id, hold, now=now)
    token = make_token(keys, order, computed.effect, station_id=computed.station_id, hold_date=hold)
    return computed.effect, token


async def day_to_hold(
    session: AsyncSession, station_id: UUID, effective: date, *, now: datetime
) -> date:
    """The day a change keeps open: its first one, or the next when the operator withdrew that."""
    return await first_open_date(
        session, station_id=station_id, now=now, lead_days=0, wished=effective
    )


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
        computed = await compute(session, order, wanted, now=now)
    except (ChangeTooEarly, NothingToChange, PauseOverlaps, DayClosed) as error:
        raise PreviewOutdated from error
    if computed.effect.digest() != said["digest"]:
        raise PreviewOutdated
    change = await write_change(
        session, order, computed.effect, computed.outcome, actor=actor, now=now
    )
    return change, computed.effect


async def compute(
    session: AsyncSession, order: Order, wanted: WantedChange, *, now: datetime
) -> Computed:
    """The change worked out on the order as it stands.

    Raises what its kind raises, and RefundOnMarketplace for a refund that is not ours to make.
    """
    computed = await _compute(session, order, wanted, now=now)
    await require_refund_here(session, order, computed.effect.refund_fen)
    return computed


async def _compute(
    session: AsyncSession, order: Order, wanted: WantedChange, *, now: datetime
) -> Computed:
    if order.status in {OrderStatus.PENDING_PAYMENT, OrderStatus.UNDER_REVIEW}:
        if wanted.kind == "cancel":
            return await _cancel_before_delivery(session, order, wanted, now=now)
        raise OrderNotChangeable(status=order.status.value)
    if ORDER_MOVES.is_final(order.status):
        raise OrderFinished(status=order.status.value)
    if order.status is not OrderStatus.DELIVERING:
        raise OrderNotChangeable(status=order.status.value)
    situation = await read_situation(session, order, wanted, now=now)
    try:
        outcome = KINDS[wanted.kind].compute(situation, wanted)
    except BeyondHorizon as error:
        raise PatternInvalid from error
    lines = [effect_on(line, outcome.effective_date) for line in outcome.lines]
    if outcome.new_line is not None:
        added = outcome.new_line.terms
        days = affected_days((), added, from_date=outcome.effective_date)
        lines.append(LineEffect(None, days, None, end_date(added)))
    elif wanted.kind != "cancel" and not any(
        line.days or line.products or _waits(one)
        for line, one in zip(lines, outcome.lines, strict=True)
    ):
        raise NothingToChange
    effect = Effect(
        wanted=wanted,
        effective_date=outcome.effective_date,
        first_possible_date=outcome.first_possible_date,
        lines=lines,
        refund_fen=sum(line.refund_fen for line in lines),
        credit_fen=outcome.credit_fen,
        pay_fen=outcome.pay_fen,
        rule=outcome.rule,
        resumes_date=outcome.resumes_date,
        settlement=outcome.settlement,
    )
    return Computed(effect, outcome, situation.station_id)


def _waits(outcome: LineOutcome) -> bool:
    """A line that waits for a resume may be told how it will go on."""
    return outcome.turn is not None and outcome.state.line.unscheduled_bottles > 0


def effect_on(outcome: LineOutcome, effective: date) -> LineEffect:
    """What is shown of what becomes of a line."""
    before, after = outcome.state.terms, outcome.result.terms
    return LineEffect(
        order_line_id=outcome.state.line.order_line_id,
        days=affected_days(before, after, from_date=effective),
        end_before=end_date(before),
        end_after=end_date(after),
        refund_fen=sum(move.value_fen for move in outcome.moves if move.kind == "refunded"),
        credit_fen=sum(move.value_fen for move in outcome.moves if move.kind == "credited"),
        products=changed_products(before, after, from_date=effective),
    )


async def _cancel_before_delivery(
    session: AsyncSession, order: Order, wanted: WantedChange, *, now: datetime
) -> Computed:
    lines = await repository.list_lines(session, order.customer_id, [order.order_id])
    paid = order.status is OrderStatus.UNDER_REVIEW
    effects = [
        LineEffect(line.order_line_id, [], None, None, refund_fen=line.paid_fen if paid else 0)
        for line in lines
    ]
    today = local_date(now)
    effect = Effect(
        wanted=wanted,
        effective_date=today,
        first_possible_date=today,
        lines=effects,
        refund_fen=sum(line.refund_fen for line in effects),
    )
    return Computed(effect, Outcome(today, today, []), None)
