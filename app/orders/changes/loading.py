"""Reading what a change is computed from."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.service import get_lead_days, get_offers
from app.core.clock import local_date
from app.core.events import publish
from app.core.ids import public_single
from app.orders import repository
from app.orders.changes.kinds import KINDS
from app.orders.changes.settling import CancelRule
from app.orders.changes.situation import LineState, Situation
from app.orders.changes.spells import spells_of
from app.orders.changes.stays import read_stays
from app.orders.changes.wanted import WantedChange
from app.orders.errors import LineNotNamed, LineUnknown
from app.orders.events import SpentBottlesAsked
from app.orders.models import Order, OrderLine
from app.orders.repository import Door, policies
from app.orders.states import ConfirmationKind


async def read_situation(
    session: AsyncSession, order: Order, wanted: WantedChange, *, now: datetime
) -> Situation:
    """The order as the change finds it.

    Raises OrderNotChangeable (nobody serves it), LineUnknown, LineNotNamed, and for a wanted product
    ProductUnknown, ProductNotOnSale.
    """
    doors = (await repository.list_doors(session, [(order.customer_id, order.order_id)]))[
        order.order_id
    ]
    stays = await read_stays(session, order, doors, now=now)
    lines = await repository.list_lines(session, order.customer_id, [order.order_id])
    states = await read_lines(session, order, _chosen(lines, wanted), doors=doors)
    products = {product for state in states for product in state.product_ids}
    offers = {}
    if wanted.product_id is not None:
        offers = await get_offers(session, product_ids={wanted.product_id}, on=local_date(now))
        products.add(wanted.product_id)
    return Situation(
        order=order,
        lines=states,
        stays=stays,
        lead_days=await get_lead_days(session, product_ids=products),
        offers=offers,
        now=now,
        cancel_rule=await _cancel_rule(session, order, now=now)
        if wanted.kind == "cancel"
        else None,
    )


async def _cancel_rule(session: AsyncSession, order: Order, *, now: datetime) -> CancelRule:
    """The policy in force when an order was bought; rows that have begun never change."""
    policy = await policies.policy_on(session, local_date(order.placed_at))
    imported = order.confirmation is ConfirmationKind.IMPORTED
    return CancelRule(
        policy_id=public_single("cpl", policy.id),
        articles=policy.articles,
        full_refund_days=policy.full_refund_days,
        card_days=policy.card_days,
        card_arithmetic=policy.card_arithmetic,
        paid_date=None if imported else local_date(order.paid_at or order.placed_at),
        had_before=await policies.list_had_before(session, order),
        today=local_date(now),
    )


def _chosen(lines: Sequence[OrderLine], wanted: WantedChange) -> list[OrderLine]:
    if wanted.line_id is not None:
        found = [line for line in lines if line.order_line_id == wanted.line_id]
        if not found:
            raise LineUnknown
        return found
    if KINDS[wanted.kind].one_line and len(lines) != 1:
        raise LineNotNamed
    return list(lines)


async def read_lines(
    session: AsyncSession,
    order: Order,
    lines: Sequence[OrderLine],
    *,
    doors: Sequence[Door] | None = None,
) -> list[LineState]:
    """Lines of an order as they stand; its doors are read unless the caller has."""
    if doors is None:
        found = await repository.list_doors(session, [(order.customer_id, order.order_id)])
        doors = found[order.order_id]
    keys = [(line.customer_id, line.order_line_id) for line in lines]
    terms = await repository.list_terms(session, keys)
    turns = await repository.list_turns(session, keys)
    stops = await repository.list_stops(session, [(order.customer_id, order.order_id)])
    moves = await repository.list_moves(session, lines)
    asked = SpentBottlesAsked(
        customer_id=order.customer_id, order_line_ids=[line.order_line_id for line in lines]
    )
    await publish(session, asked)
    states = []
    for line in lines:
        mine = terms[line.order_line_id]
        states.append(
            LineState(
                line=line,
                terms=mine,
                course=repository.line_course(line, mine, turns[line.order_line_id], doors),
                turns=turns[line.order_line_id],
                doors=tuple(doors[1:]),
                spells=spells_of(stops.get(order.order_id, ()), line.order_line_id),
                moves=moves[line.order_line_id],
                spent=asked.spent.get(line.order_line_id, 0),
            )
        )
    return states
