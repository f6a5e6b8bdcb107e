"""Outside orders as staff see them: work lists, one order with its story, canvassers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_date, local_instant
from app.core.ids import HOUSE
from app.identity.access import Principal
from app.identity.service import log_access
from app.marketplaces.intake import Receiver
from app.marketplaces.models import ExternalLine, ExternalMove, ExternalOrder, ExternalRefund, Shop
from app.marketplaces.repository import orders as rows
from app.marketplaces.repository import reports, shops
from app.marketplaces.repository.reports import CanvasserRow, OrderFacts
from app.marketplaces.service.sealing import open_raw, open_receiver
from app.marketplaces.states import ExternalState, Marketplace


@dataclass(frozen=True, slots=True)
class Wanted:
    """What staff look for; what is None does not matter. Dates are the operator's, included."""

    state: ExternalState | None = None
    source: Marketplace | None = None
    shop: str | None = None
    number: str | None = None
    canvasser_id: UUID | None = None
    from_date: date | None = None
    to_date: date | None = None


@dataclass(frozen=True, slots=True)
class ExternalView:
    """An outside order with its shop, lines and, once placed, our order."""

    order: ExternalOrder
    shop: Shop
    lines: list[ExternalLine]
    facts: OrderFacts | None


@dataclass(frozen=True, slots=True)
class ExternalStory:
    """The same with its moves and refunds."""

    view: ExternalView
    moves: Sequence[ExternalMove]
    refunds: Sequence[ExternalRefund]


@dataclass(frozen=True, slots=True)
class Revealed:
    """What a marketplace told of a person, after an entry in the access log."""

    receiver: Receiver = field(repr=False)
    raw: Any = field(repr=False)


async def list_orders(
    session: AsyncSession,
    wanted: Wanted,
    *,
    after: tuple[datetime, UUID] | None,
    limit: int,
    now: datetime,
) -> list[ExternalView]:
    """Outside orders newest first, in a fixed number of statements. Raises ShopUnknown."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.shop is not None:
        shop = await shops.get_shop(session, wanted.shop)
        conditions.append(ExternalOrder.shop_id == shop.shop_id)
    if wanted.state is not None:
        conditions.append(ExternalOrder.state == wanted.state)
    if wanted.source is not None:
        conditions.append(ExternalOrder.source == wanted.source)
    if wanted.number is not None:
        conditions.append(ExternalOrder.number == wanted.number)
    if wanted.canvasser_id is not None:
        conditions.append(ExternalOrder.canvasser_id == wanted.canvasser_id)
    if wanted.from_date is not None:
        conditions.append(ExternalOrder.received_at >= local_instant(wanted.from_date, time()))
    if wanted.to_date is not None:
        end = local_instant(wanted.to_date + timedelta(days=1), time())
        conditions.append(ExternalOrder.received_at < end)
    found = await rows.list_orders(session, wanted=conditions, after=after, limit=limit)
    return await _views(session, found, now=now)


async def _views(
    session: AsyncSession, found: Sequence[ExternalOrder], *, now: datetime
) -> list[ExternalView]:
    by_shop = {shop.shop_id: shop for shop, _ in await shops.list_shops(session)}
    lines: dict[rows.Key, list[ExternalLine]] = {}
    if found:
        keys = [(order.source, order.number) for order in found]
        for line in await rows.list_lines(session, keys):
            lines.setdefault((line.source, line.number), []).append(line)
    placed = [
        (order.customer_id, order.order_id)
        for order in found
        if order.customer_id is not None and order.order_id is not None
    ]
    facts = await reports.read_facts(session, placed, today=local_date(now))
    return [
        ExternalView(
            order=order,
            shop=by_shop[order.shop_id],
            lines=lines.get((order.source, order.number), []),
            facts=None if order.order_id is None else facts.get(order.order_id),
        )
        for order in found
    ]


async def show_order(session: AsyncSession, *, external_id: UUID, now: datetime) -> ExternalStory:
    """One outside order with its story; raises ExternalOrderUnknown."""
    order = await rows.find_by_id(session, external_id)
    key = (order.source, order.number)
    view = (await _views(session, [order], now=now))[0]
    return ExternalStory(
        view, await rows.list_moves(session, key), await rows.list_refunds(session, key)
    )


async def reveal(
    session: AsyncSession, *, external_id: UUID, caller: Principal, reason: str, now: datetime
) -> Revealed:
    """The receiver and the message as it came, with an entry in the access log.

    Raises ExternalOrderUnknown.
    """
    order = await rows.find_by_id(session, external_id)
    await log_access(
        session,
        caller=caller,
        customer_id=order.customer_id or HOUSE,
        subject=f"marketplace_order:{order.external_id}",
        reason=reason,
        now=now,
    )
    return Revealed(receiver=open_receiver(order), raw=open_raw(order))


async def list_unmapped(
    session: AsyncSession,
) -> list[tuple[Shop, str, str, int, datetime]]:
    """SKUs orders wait for: shop, SKU, a title, how many orders, since when."""
    by_shop = {shop.shop_id: shop for shop, _ in await shops.list_shops(session)}
    return [
        (by_shop[shop_id], sku, title, count, since)
        for shop_id, sku, title, count, since in await rows.count_unmapped(session)
    ]


async def list_canvassers(
    session: AsyncSession, *, from_date: date, to_date: date
) -> list[CanvasserRow]:
    """What canvassers have won by orders received from a day to a day, both included."""
    return await reports.list_canvassers(
        session,
        starts_at=local_instant(from_date, time()),
        ends_at=local_instant(to_date + timedelta(days=1), time()),
    )
