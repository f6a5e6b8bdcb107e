"""Blocks, who serves them, and the order of their rounds over HTTP."""

from datetime import date, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import SessionDep
from app.core.idempotency import IdempotentDep
from app.core.ids import public_pair, public_single, read_pair, read_single
from app.core.pagination import Page, PageDep, cursor_of
from app.core.unit import Router
from app.identity.access import Allow, ClockDep, Principal
from app.identity.models import Role
from app.network import service
from app.network.api.callers import (
    WIDE,
    Keeper,
    Reader,
    StationQuery,
    after_text,
    wanted_station,
)
from app.network.errors import BlockUnknown
from app.network.models import Block, BlockDeliverer
from app.network.repository.dated import to_period
from app.network.schemas import (
    BlockChange,
    BlockDelivererOut,
    BlockDeliverers,
    BlockIn,
    BlockOut,
    CalendarDate,
    HandOverIn,
    StopOrderIn,
    StopOut,
    Stops,
)
from app.network.service import StopPlace
from app.workforce.models import Deliverer
from app.workforce.rules import require_station, station_scope

router = Router()

RoundKeeper = Annotated[Principal, Depends(Allow(Role.ADMIN, Role.MANAGER, Role.STATION_MANAGER))]


def _block(block: Block, deliverer: Deliverer | None) -> BlockOut:
    return BlockOut(
        id=public_single("blk", block.id),
        code=block.code,
        name=block.name,
        station=public_single("stn", block.station_id),
        is_active=block.is_active,
        deliverer=None if deliverer is None else public_single("dlv", deliverer.id),
        deliverer_name=None if deliverer is None else deliverer.name,
    )


def _served(served: BlockDeliverer, deliverer: Deliverer) -> BlockDelivererOut:
    period = to_period(served.valid)
    return BlockDelivererOut(
        deliverer=public_single("dlv", deliverer.id),
        deliverer_name=deliverer.name,
        from_date=period.first,
        to_date=period.last,
    )


def _stops(stops: list[StopPlace], *, on: date) -> Stops:
    return Stops(
        service_date=on,
        items=[
            StopOut(
                address=public_pair("adr", stop.customer_id, stop.address_id),
                stop_no=stop.stop_no,
                district=stop.district,
                street=stop.street,
                house_no=stop.house_no,
                compound=stop.compound,
            )
            for stop in stops
        ],
    )


async def _own_block(session: AsyncSession, block: str, scope: UUID | None) -> Block:
    found = await service.get_block(session, block_id=read_single("blk", block))
    require_station(scope, found.station_id, BlockUnknown)
    return found


@router.get("/blocks")
async def list_blocks(
    caller: Reader,
    session: SessionDep,
    clock: ClockDep,
    page: PageDep,
    station: StationQuery = None,
) -> Page[BlockOut]:
    """Blocks by code, with who serves them today."""
    found = await service.list_blocks(
        session,
        station_id=wanted_station(caller, station),
        on=clock.today(),
        limit=page.limit + 1,
        after_code=after_text(page),
    )
    kept = found[: page.limit]
    return Page[BlockOut](
        items=[_block(block, deliverer) for block, deliverer in kept],
        next_cursor=cursor_of(kept[-1][0].code) if len(found) > page.limit else None,
    )


@router.post("/blocks", status_code=201, response_model=BlockOut)
async def create_block(
    _: Keeper, call: IdempotentDep, session: SessionDep, body: BlockIn
) -> Response:
    """Add a block to a station."""
    block = await service.create_block(
        session, code=body.code, name=body.name, station_id=read_single("stn", body.station)
    )
    return await call.remember(session, 201, _block(block, None))


@router.patch("/blocks/{block}")
async def change_block(
    block: str, _: Keeper, session: SessionDep, clock: ClockDep, body: BlockChange
) -> BlockOut:
    """Rename a block, or stop it from covering new addresses."""
    changed = await service.change_block(
        session, block_id=read_single("blk", block), changes=body.model_dump(exclude_none=True)
    )
    today = clock.today()
    for served, deliverer in await service.list_block_deliverers(session, block_id=changed.id):
        if today in served.valid:
            return _block(changed, deliverer)
    return _block(changed, None)


@router.get("/blocks/{block}/deliverers")
async def list_block_deliverers(block: str, caller: Reader, session: SessionDep) -> BlockDeliverers:
    """Who served, serves and will serve a block."""
    found = await _own_block(session, block, station_scope(caller, *WIDE))
    served = await service.list_block_deliverers(session, block_id=found.id)
    return BlockDeliverers(items=[_served(*row) for row in served])


@router.post("/blocks/{block}/deliverers", status_code=201, response_model=BlockDeliverers)
async def hand_over_block(
    block: str,
    _: Keeper,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
    body: HandOverIn,
) -> Response:
    """Give a block to a deliverer from a day on, or for some days; the former one ends there."""
    block_id = read_single("blk", block)
    await service.hand_over_block(
        session,
        block_id=block_id,
        deliverer_id=read_single("dlv", body.deliverer),
        from_date=body.from_date,
        to_date=body.to_date,
        today=clock.today(),
    )
    served = await service.list_block_deliverers(session, block_id=block_id)
    return await call.remember(
        session, 201, BlockDeliverers(items=[_served(*row) for row in served])
    )


@router.get("/blocks/{block}/stops")
async def list_stops(
    block: str,
    caller: RoundKeeper,
    session: SessionDep,
    clock: ClockDep,
    service_date: Annotated[CalendarDate | None, Query()] = None,
) -> Stops:
    """Buildings of a block in stop order, tomorrow unless asked otherwise; no personal data."""
    found = await _own_block(session, block, station_scope(caller, Role.ADMIN, Role.MANAGER))
    on = service_date or clock.today() + timedelta(days=1)
    return _stops(await service.list_stops(session, block_id=found.id, on=on), on=on)


@router.patch("/blocks/{block}/stops")
async def order_stops(
    block: str, caller: RoundKeeper, session: SessionDep, clock: ClockDep, body: StopOrderIn
) -> Stops:
    """Put all stops of a block into this order."""
    found = await _own_block(session, block, station_scope(caller, Role.ADMIN, Role.MANAGER))
    on = body.service_date or clock.today() + timedelta(days=1)
    ordered = await service.order_stops(
        session,
        block_id=found.id,
        order=[read_pair("adr", address) for address in body.addresses],
        on=on,
    )
    return _stops(ordered, on=on)
