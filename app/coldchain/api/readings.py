"""Readings over HTTP: batches in, slots and points out."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Query

from app.coldchain import service
from app.coldchain.api.callers import KEEPERS, Reader, Recorder, own_device
from app.coldchain.rules import Outcome
from app.coldchain.schemas import (
    CalendarDate,
    Instant,
    ReadingOut,
    ReadingsIn,
    ReadingsOut,
    SlotOut,
    Slots,
)
from app.coldchain.service import NewReading
from app.core.db import SessionDep
from app.core.pagination import BadCursor, Page, PageDep, PageRequest, cursor_of
from app.core.unit import Router
from app.identity.access import ClockDep
from app.workforce.rules import station_scope

router = Router(prefix="/coldchain")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@router.post("/readings")
async def record_readings(
    caller: Recorder, session: SessionDep, clock: ClockDep, body: ReadingsIn
) -> ReadingsOut:
    """Keep a batch of readings; repeated and late ones are welcome, each gets its answer."""
    results = await service.record_readings(
        session,
        readings=[NewReading(one.device, one.at, one.celsius) for one in body.readings],
        now=clock.now(),
        station_id=station_scope(caller, *KEEPERS),
    )
    counts = Counter(results)
    accepted, duplicate = counts[Outcome.ACCEPTED], counts[Outcome.DUPLICATE]
    return ReadingsOut(
        accepted=accepted,
        duplicate=duplicate,
        refused=len(results) - accepted - duplicate,
        results=results,
    )


def _after(page: PageRequest) -> int | None:
    match page.after:
        case None:
            return None
        case [int() as microseconds] if 0 <= microseconds < 10**16:
            return microseconds
    raise BadCursor


@router.get("/devices/{device}/readings")
async def list_readings(
    device: str,
    caller: Reader,
    session: SessionDep,
    clock: ClockDep,
    page: PageDep,
    from_at: Annotated[Instant | None, Query(alias="from")] = None,
    until: Annotated[Instant | None, Query()] = None,
) -> Page[ReadingOut]:
    """Readings of a device, oldest first; the past 24 hours unless asked otherwise."""
    device_id = await own_device(session, device, caller)
    end = until or clock.now() + timedelta(seconds=1)
    start = from_at or end - timedelta(days=1)
    after = _after(page)
    if after is not None:
        start = _EPOCH + timedelta(microseconds=after + 1)
    found = await service.list_readings(
        session, device_id=device_id, from_at=start, until=end, limit=page.limit + 1
    )
    kept = found[: page.limit]
    more = len(found) > page.limit
    return Page[ReadingOut](
        items=[ReadingOut(at=reading.at, celsius=float(reading.celsius)) for reading in kept],
        next_cursor=cursor_of((kept[-1].at - _EPOCH) // timedelta(microseconds=1))
        if more
        else None,
    )


@router.get("/devices/{device}/slots")
async def list_slots(
    device: str,
    caller: Reader,
    session: SessionDep,
    clock: ClockDep,
    service_date: Annotated[CalendarDate | None, Query()] = None,
) -> Slots:
    """Slots of a device on an operator's day that are over, each with its worst reading."""
    device_id = await own_device(session, device, caller)
    on = service_date or clock.today()
    slots = await service.list_slots(session, device_id=device_id, on=on, now=clock.now())
    return Slots(
        service_date=on,
        items=[
            SlotOut(
                start_at=slot.start_at,
                state=slot.state,
                celsius=None if slot.celsius is None else float(slot.celsius),
            )
            for slot in slots
        ],
    )
