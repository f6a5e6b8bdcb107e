"""Readings in batches, and the live alarm (S1 4.4.2, 4.4.5).

A sensor's gateway repeats itself and comes late: a device has one reading an instant, the first
one stays, and points of yesterday raise no alarm today.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.coldchain.models import TemperatureReading
from app.coldchain.repository import readings as repository
from app.coldchain.repository.readings import Point
from app.coldchain.rules import (
    ALARM_WINDOW,
    COLDEST,
    LOOK_AHEAD,
    WARMEST,
    Outcome,
    earliest_instant,
)
from app.core.alerts import raise_alert, resolve_alert
from app.core.clock import local_date
from app.core.errors import NotFound
from app.core.ids import public_single, read_single

TOO_WARM = "too_warm"
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


@dataclass(frozen=True, slots=True)
class NewReading:
    """A reading as a gateway sends it: device by code or public id, °C."""

    device: str
    at: datetime
    celsius: float


async def record_readings(
    session: AsyncSession,
    *,
    readings: Sequence[NewReading],
    now: datetime,
    station_id: UUID | None = None,
) -> list[Outcome]:
    """Keep a batch; answers what became of each reading, in order.

    `station_id` narrows the devices the caller may speak for. One statement inserts them all;
    afterwards the devices of fresh points are looked at for the live alarm.
    """
    names = {reading.device for reading in readings}
    devices = await _find_devices(session, names, station_id=station_id)
    earliest = datetime.combine(earliest_instant(now), datetime.min.time(), tzinfo=UTC)
    latest = now + LOOK_AHEAD
    outcomes: list[Outcome] = []
    wanted: dict[tuple[UUID, datetime], Point] = {}
    places: list[tuple[UUID, datetime] | None] = []
    for reading in readings:
        device_id = devices.get(reading.device)
        outcome = _judge(reading, device_id, earliest=earliest, latest=latest)
        key = None
        if outcome is Outcome.ACCEPTED and device_id is not None:
            key = (device_id, reading.at.astimezone(UTC))
            wanted.setdefault(key, Point(*key, celsius=reading.celsius))
        outcomes.append(outcome)
        places.append(key)
    points = [wanted[key] for key in sorted(wanted)]
    fresh = await repository.insert_points(session, points, now=now) if points else set()
    await _watch(session, fresh, now=now)
    return _settle(outcomes, places, fresh)


def _settle(
    outcomes: Sequence[Outcome],
    places: Sequence[tuple[UUID, datetime] | None],
    fresh: set[tuple[UUID, datetime]],
) -> list[Outcome]:
    """An instant told twice in one batch is accepted once."""
    left = set(fresh)
    settled = []
    for outcome, key in zip(outcomes, places, strict=True):
        if key is None:
            settled.append(outcome)
        elif key in left:
            left.remove(key)
            settled.append(Outcome.ACCEPTED)
        else:
            settled.append(Outcome.DUPLICATE)
    return settled


def _judge(
    reading: NewReading, device_id: UUID | None, *, earliest: datetime, latest: datetime
) -> Outcome:
    if device_id is None:
        return Outcome.UNKNOWN_DEVICE
    if not COLDEST <= reading.celsius <= WARMEST:
        return Outcome.IMPLAUSIBLE
    if reading.at > latest:
        return Outcome.IN_THE_FUTURE
    if reading.at < earliest:
        return Outcome.TOO_OLD
    return Outcome.ACCEPTED


async def _find_devices(
    session: AsyncSession, names: Collection[str], *, station_id: UUID | None
) -> dict[str, UUID]:
    codes, ids = set(), set()
    for name in names:
        try:
            ids.add(read_single("dev", name))
        except NotFound:
            if _CODE.fullmatch(name):
                codes.add(name)
    found = await repository.find_devices(session, codes=codes, ids=ids, station_id=station_id)
    by_name = {code: device_id for device_id, code in found}
    return by_name | {public_single("dev", device_id): device_id for device_id, _ in found}


async def _watch(
    session: AsyncSession, fresh: Collection[tuple[UUID, datetime]], *, now: datetime
) -> None:
    """Raise `too_warm` at the second fresh point in a row above the limit; resolve it below."""
    device_ids = {device_id for device_id, at in fresh if now - ALARM_WINDOW < at <= now}
    if not device_ids:
        return
    recent = await repository.list_recent(
        session, device_ids=device_ids, window=ALARM_WINDOW, now=now, today=local_date(now)
    )
    subjects = {one.device_id: public_single("dev", one.device_id) for one in recent}
    open_ones = await repository.list_open_subjects(
        session, kind=TOO_WARM, subjects=subjects.values()
    )
    for one in recent:
        subject = subjects[one.device_id]
        if one.is_too_warm and subject not in open_ones:
            await raise_alert(
                session,
                TOO_WARM,
                subject,
                code=one.code,
                store=None if one.store_id is None else public_single("sto", one.store_id),
                vehicle=None if one.vehicle_id is None else public_single("veh", one.vehicle_id),
                celsius=float(one.last_celsius),
                limit_celsius=float(one.max_celsius),
            )
        elif one.last_celsius <= one.max_celsius and subject in open_ones:
            await resolve_alert(session, TOO_WARM, subject)


async def list_readings(
    session: AsyncSession,
    *,
    device_id: UUID,
    from_at: datetime,
    until: datetime,
    limit: int = 10_000,
) -> list[TemperatureReading]:
    """Readings of a device from an instant up to another, oldest first."""
    return await repository.list_readings(
        session, device_id=device_id, from_at=from_at, until=until, limit=limit
    )
