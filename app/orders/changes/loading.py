"""Reading what a change is computed from."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.discounting import list_tiers
from app.catalog.discounts import Tier
from app.catalog.service import get_lead_days, get_offers
from app.core.clock import local_date
from app.core.events import publish
from app.core.ids import public_single
from app.customers.service import get_address
from app.orders import repository
from app.orders.changes.kinds import KINDS
from app.orders.changes.settling import CancelRule
from app.orders.changes.situation import LineState, Situation
from app.orders.changes.spells import spells_of
from app.orders.changes.stays import read_stays
from app.orders.changes.wanted import WantedChange
from app.orders.errors import LineNotNamed, LineUnknown
from app.orders.events import SpentBottlesAsked
from app.orders.markets import market_of
from app.orders.models import Order, OrderLine
from app.orders.repository import Door, policies
from app.orders.states import ConfirmationKind, Fault


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
        address = await get_address(
            session, customer_id=order.customer_id, address_id=order.address_id
        )
        offers = await get_offers(
            session,
            product_ids={wanted.product_id},
            on=local_date(now),
            market=market_of(address, order.source),
        )
        products.add(wanted.product_id)
    return Situation(
        order=order,
        lines=states,
        stays=stays,
        lead_days=await get_lead_days(session, product_ids=products),
        offers=offers,
        now=now,
        cancel_rule=await _cancel_rule(session, order, lines, wanted, now=now)
        if wanted.kind == "cancel"
        else None,
    )


async def _cancel_rule(
    session: AsyncSession,
    order: Order,
    lines: Sequence[OrderLine],
    wanted: WantedChange,
    *,
    now: datetime,
) -> CancelRule:
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
        tiers=await _tiers(session, lines),
        fault=Fault(wanted.fault or Fault.HOUSEHOLD),
    )


async def _tiers(session: AsyncSession, lines: Sequence[OrderLine]) -> dict[UUID, Sequence[Tier]]:
    """The discounts of the day on which each line with a discount was bought."""
    days: dict[date, set[UUID]] = defaultdict(set)
    for line in lines:
        if line.discount_id is not None and line.priced_date is not None:
            days[line.priced_date].add(line.product_id)
    found = {day: await list_tiers(session, product_ids=ids, on=day) for day, ids in days.items()}
    return {
        line.order_line_id: found[line.priced_date][line.product_id]
        for line in lines
        if line.discount_id is not None and line.priced_date is not None
    }


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
