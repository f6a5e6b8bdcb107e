"""Orders by the channel they came from."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Date,
    Select,
    Subquery,
    and_,
    case,
    cast,
    exists,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import OPERATOR_ZONE
from app.customers.models import Address, AddressVersion, Customer
from app.kpi.definitions import ScopeKind
from app.kpi.repository.planner import IS_NO_HOUSEHOLD
from app.kpi.rules import Period
from app.kpi.scopes import Scope
from app.network.models import AddressBlock, Block
from app.orders.models import Order
from app.orders.states import INTERNET_SOURCES, OrderSource

OrderRows = Select[UUID, UUID, OrderSource | None, datetime | None]
"""Customer, order, source and confirmation of some orders."""


def confirmed_orders(scope: Scope, period: Period) -> OrderRows:
    """Household orders confirmed in a period: customer, order, source, confirmed_at.

    An order belongs to the city of its address; to the block and station that serve the address on
    the day it is confirmed, or else the first that do afterwards.
    """
    chosen = select(Order.customer_id, Order.order_id, Order.source, Order.confirmed_at).where(
        Order.confirmed_at >= period.starts_at,
        Order.confirmed_at < period.ends_at,
        ~exists().where(Customer.customer_id == Order.customer_id, IS_NO_HOUSEHOLD),
    )
    match scope.kind:
        case ScopeKind.OPERATOR:
            return chosen
        case ScopeKind.CITY:
            return (
                chosen.join(
                    Address,
                    and_(
                        Address.customer_id == Order.customer_id,
                        Address.address_id == Order.address_id,
                    ),
                )
                .join(
                    AddressVersion,
                    and_(
                        AddressVersion.customer_id == Address.customer_id,
                        AddressVersion.address_version_id == Address.current_version_id,
                    ),
                )
                .where(AddressVersion.city_code == scope.city_code)
            )
        case ScopeKind.STATION | ScopeKind.BLOCK | ScopeKind.DELIVERER:
            return _served_by(chosen, scope)


def _served_by(chosen: OrderRows, scope: Scope) -> OrderRows:
    placed = placed_orders(chosen)
    narrowed = select(
        placed.c.customer_id, placed.c.order_id, placed.c.source, placed.c.confirmed_at
    ).join(Block, Block.id == placed.c.block_id)
    if scope.within_station_id is not None:
        narrowed = narrowed.where(Block.station_id == scope.within_station_id)
    if scope.kind is ScopeKind.STATION:
        return narrowed.where(Block.station_id == scope.row_id)
    return narrowed.where(Block.id == scope.row_id)


def placed_orders(chosen: OrderRows) -> Subquery:
    """Some orders with the block that serves them; those no block ever serves are left out."""
    on = cast(func.timezone(OPERATOR_ZONE.key, Order.confirmed_at), Date)
    first = AddressBlock.valid_from
    return (
        chosen.add_columns(AddressBlock.block_id)
        .join(
            AddressBlock,
            and_(
                AddressBlock.customer_id == Order.customer_id,
                AddressBlock.address_id == Order.address_id,
            ),
        )
        .ext(distinct_on(Order.customer_id, Order.order_id))
        .order_by(
            Order.customer_id,
            Order.order_id,
            AddressBlock.valid.contains(on).desc(),
            (first > on).desc(),
            case((first > on, first - on), else_=on - first),
        )
        .subquery()
    )


async def count_orders(
    session: AsyncSession, *, scope: Scope, period: Period
) -> Mapping[OrderSource | None, int]:
    """Household orders confirmed in the period by source; None: not known."""
    orders = confirmed_orders(scope, period).subquery()
    rows = await session.execute(select(orders.c.source, func.count()).group_by(orders.c.source))
    return {None if row[0] is None else OrderSource(row[0]): row[1] for row in rows}


def is_internet(source: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a source counts as internet (S1 5.2.1: the phone does not)."""
    return source.in_(sorted(INTERNET_SOURCES))
