"""Narrowing rows to a scope, and the stations a scope stands for."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.models import SatisfactionAnswer, Ticket
from app.coldchain.service import BlocksServed
from app.delivery.models import RouteSheet, Stop
from app.kpi.definitions import ScopeKind
from app.kpi.rules import Period
from app.kpi.scopes import Scope
from app.network.models import Block, BlockDeliverer, City, PlanDay, PlanDayState, Station
from app.workforce.models import Deliverer

Placed = type[Stop] | type[Ticket] | type[SatisfactionAnswer]
"""Tables whose rows say where they belong."""


def in_scope(table: Placed, scope: Scope) -> list[ColumnElement[bool]]:
    """Conditions that keep a table's rows to a scope."""
    conditions: list[ColumnElement[bool]] = []
    if scope.within_station_id is not None:
        conditions.append(table.station_id == scope.within_station_id)
    match scope.kind:
        case ScopeKind.CITY:
            conditions.append(table.city_code == scope.city_code)
        case ScopeKind.STATION:
            conditions.append(table.station_id == scope.row_id)
        case ScopeKind.BLOCK:
            conditions.append(table.block_id == scope.row_id)
        case ScopeKind.DELIVERER:
            conditions.append(table.deliverer_id == scope.row_id)
        case ScopeKind.OPERATOR:
            pass
    return conditions


async def scope_exists(session: AsyncSession, scope: Scope) -> bool:
    """Whether the scope names something, and something within the caller's station."""
    held_to = scope.within_station_id
    statement: Select[Any]
    match scope.kind:
        case ScopeKind.OPERATOR:
            return held_to is None
        case ScopeKind.CITY:
            if held_to is not None:
                return False
            statement = select(City.code).where(City.code == scope.city_code)
        case ScopeKind.STATION:
            statement = select(Station.id).where(Station.id == scope.row_id)
            if held_to is not None:
                statement = statement.where(Station.id == held_to)
        case ScopeKind.BLOCK:
            statement = select(Block.id).where(Block.id == scope.row_id)
            if held_to is not None:
                statement = statement.where(Block.station_id == held_to)
        case ScopeKind.DELIVERER:
            statement = select(Deliverer.id).where(Deliverer.id == scope.row_id)
            if held_to is not None:
                statement = statement.where(
                    Deliverer.id.in_(
                        select(BlockDeliverer.deliverer_id)
                        .join(Block, Block.id == BlockDeliverer.block_id)
                        .where(Block.station_id == held_to)
                    )
                )
    return (await session.execute(statement.limit(1))).first() is not None


async def stations_of(session: AsyncSession, scope: Scope) -> list[UUID] | None:
    """The stations of a city, station or block; None for all, none of a deliverer."""
    match scope.kind:
        case ScopeKind.OPERATOR:
            return None
        case ScopeKind.STATION:
            return [scope.row_id] if scope.row_id is not None else []
        case ScopeKind.CITY:
            found = await session.scalars(
                select(Station.id).where(Station.city_code == scope.city_code)
            )
            return sorted(found)
        case ScopeKind.BLOCK:
            found = await session.scalars(select(Block.station_id).where(Block.id == scope.row_id))
            return sorted(found)
        case ScopeKind.DELIVERER:
            return []


async def list_withdrawn_days(
    session: AsyncSession, *, scope: Scope, period: Period
) -> list[PlanDay]:
    """Days the operator took out before their freeze, in the scope's stations."""
    stations = await stations_of(session, scope)
    statement = select(PlanDay).where(
        PlanDay.state == PlanDayState.WITHDRAWN,
        PlanDay.service_date.between(period.first, period.last),
    )
    if stations is not None:
        statement = statement.where(PlanDay.station_id.in_(stations))
    return list(await session.scalars(statement.order_by(PlanDay.service_date, PlanDay.station_id)))


def blocks_served(scope: Scope, period: Period) -> BlocksServed:
    """Station, service date and block of the scope's rounds."""
    statement = select(RouteSheet.station_id, RouteSheet.service_date, RouteSheet.block_id).where(
        RouteSheet.service_date.between(period.first, period.last)
    )
    if scope.within_station_id is not None:
        statement = statement.where(RouteSheet.station_id == scope.within_station_id)
    match scope.kind:
        case ScopeKind.CITY:
            of_city = select(Station.id).where(Station.city_code == scope.city_code)
            return statement.where(RouteSheet.station_id.in_(of_city))
        case ScopeKind.STATION:
            return statement.where(RouteSheet.station_id == scope.row_id)
        case ScopeKind.BLOCK:
            return statement.where(RouteSheet.block_id == scope.row_id)
        case ScopeKind.DELIVERER:
            return statement.where(RouteSheet.deliverer_id == scope.row_id)
        case ScopeKind.OPERATOR:
            return statement


async def stations_served(session: AsyncSession, served: BlocksServed) -> list[UUID]:
    """The stations from which the rounds set out."""
    rounds = served.subquery()
    return list(await session.scalars(select(rounds.c.station_id).distinct()))


async def scope_title(session: AsyncSession, scope: Scope) -> str:
    """What people call a scope that exists."""
    match scope.kind:
        case ScopeKind.OPERATOR:
            return "全部"
        case ScopeKind.CITY:
            name = await session.scalar(select(City.name).where(City.code == scope.city_code))
        case ScopeKind.STATION:
            name = await session.scalar(select(Station.name).where(Station.id == scope.row_id))
        case ScopeKind.BLOCK:
            name = await session.scalar(select(Block.name).where(Block.id == scope.row_id))
        case ScopeKind.DELIVERER:
            name = await session.scalar(select(Deliverer.name).where(Deliverer.id == scope.row_id))
    return name or scope.text
