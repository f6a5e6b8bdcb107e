"""Working a change out on an order as it stands: its kind's outcome, and what of it is shown."""

from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_date
from app.orders import repository
from app.orders.changes.destinations import Destination, ServedBy, read_destination
from app.orders.changes.kinds import KINDS
from app.orders.changes.loading import read_situation
from app.orders.changes.previews import Effect, LineEffect
from app.orders.changes.promised import require_allowed
from app.orders.changes.situation import LineOutcome, Outcome, Situation
from app.orders.changes.stays import Holds, Stay, read_stays
from app.orders.changes.wanted import WantedChange
from app.orders.changes.writing import require_refund_here
from app.orders.deposit_errors import BoxNotInstalled
from app.orders.errors import NothingToChange, OrderFinished, OrderNotChangeable, PatternInvalid
from app.orders.models import Order
from app.orders.repository.installations import list_awaited
from app.orders.rules import BeyondHorizon, affected_days, changed_products, end_date
from app.orders.states import ORDER_MOVES, OrderStatus


@dataclass(frozen=True)
class Computed:
    """A change of an order, worked out; days to hold are none before anything is brought."""

    effect: Effect
    outcome: Outcome
    holds: Holds = ()
    destination: Destination | None = None


async def compute(
    session: AsyncSession,
    order: Order,
    wanted: WantedChange,
    *,
    now: datetime,
    served_by: ServedBy | None = None,
    box_hangs: bool = False,
) -> Computed:
    """The change worked out on the order as it stands; a reviewer says who serves a new address.

    `box_hangs` is said where the box it waits for is about to hang. Raises what its kind raises,
    BoxNotInstalled, PromotionForbids, and RefundOnMarketplace for a refund that is not ours to make.
    """
    if order.installation_id is not None and wanted.kind != "cancel" and not box_hangs:
        await _require_box(session, order)
    computed = await _compute(session, order, wanted, now=now, served_by=served_by)
    await require_refund_here(session, order, computed.effect.refund_fen)
    return computed


async def _require_box(session: AsyncSession, order: Order) -> None:
    box = order.installation_id
    if box is not None and await list_awaited(session, order.customer_id, [box]):
        raise BoxNotInstalled


async def _compute(
    session: AsyncSession,
    order: Order,
    wanted: WantedChange,
    *,
    now: datetime,
    served_by: ServedBy | None,
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
    await require_allowed(session, situation, wanted)
    if wanted.kind == "move":
        there = await read_destination(session, order, wanted, now=now, served_by=served_by)
        situation = replace(situation, destination=there)
    try:
        outcome = KINDS[wanted.kind].compute(situation, wanted)
    except BeyondHorizon as error:
        raise PatternInvalid from error
    lines = [effect_on(line, outcome.effective_date) for line in outcome.lines]
    if outcome.new_line is not None:
        added = outcome.new_line.terms
        days = affected_days((), added, from_date=outcome.effective_date)
        lines.append(LineEffect(None, days, None, end_date(added)))
    elif wanted.kind not in {"cancel", "move"} and not any(
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
        review=None if situation.destination is None else situation.destination.verdict,
    )
    holds = await _holds(session, situation, outcome.effective_date)
    return Computed(effect, outcome, holds, situation.destination)


async def _holds(session: AsyncSession, situation: Situation, first: date) -> Holds:
    """Days to keep open: of a move those of both stations, so that just one of them brings."""
    there = situation.destination
    if there is None:
        return situation.stays.holds(first)
    if there.served_by is None:
        return ()
    order = situation.order
    doors = await repository.list_doors(session, [(order.customer_id, order.order_id)])
    stay = Stay(first, there.building.address_id, there.served_by.station_id)
    then = await read_stays(session, order, doors[order.order_id], now=situation.now, then=stay)
    return tuple(sorted({*situation.stays.holds(first), *then.holds(first)}))


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
    return Computed(effect, Outcome(today, today, []))
