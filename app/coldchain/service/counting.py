"""What the two temperature KPIs count (S1 5.2.1): slots of cold stores, checks of trips."""

from collections.abc import Collection, Mapping
from datetime import date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.coldchain.repository import checks, places, readings
from app.coldchain.repository import slots as slot_counts
from app.coldchain.repository.checks import CheckCount, CheckKind, TripCheck, TripQuestion
from app.coldchain.repository.slots import DeviceSlotCount
from app.coldchain.rules import Slot, Watch, slots_of_day
from app.core.clock import local_instant

MOST_POINTS = 100_000


async def cold_store_counts(
    session: AsyncSession,
    *,
    from_date: date,
    to_date: date,
    now: datetime,
    station_ids: Collection[UUID] | None,
) -> list[DeviceSlotCount]:
    """Slots of each cold store device over operator's days, both included (冷库温度合格率).

    Expected are the whole slots of a day that are over by `now`, lie in the device's service and
    are touched by no recorded outage. The worst reading of a slot decides, by the device's
    limits; a slot without a reading is silent and no pass. Devices with nothing expected are left
    out. `station_ids` None is every station.
    """
    return await slot_counts.count_cold_store_slots(
        session, from_date=from_date, to_date=to_date, now=now, station_ids=station_ids
    )


async def list_trip_checks(session: AsyncSession, *, asked: TripQuestion) -> list[TripCheck]:
    """Every check expected of the trips of these service dates, both included (配送温度合格率).

    Per trip: the pre-cool (≤ 15 °C, S1 4.4.3), the cabin over each leg (S1 4.4.5), product
    temperature at loading and at the station (S1 4.4.6); per station and day with a trip, one
    handover to a deliverer for each block `served` (those with a route sheet).

    A leg passes when every device in service in the vehicle has a reading in each of its whole
    slots and none above the device's limit. A trip without legs is one leg from departure to
    arrival. A handover checked several times passed when all checks did. What has not been done
    counts, as missing, once 07:00 of the service date has passed by `now`; recorded outages do
    not excuse a leg.
    """
    return await checks.list_trip_checks(session, asked)


async def count_trip_checks(
    session: AsyncSession, *, asked: TripQuestion
) -> Mapping[CheckKind, CheckCount]:
    """How many of the checks `list_trip_checks` lists there are, by kind."""
    return await checks.count_trip_checks(session, asked)


async def list_slots(
    session: AsyncSession, *, device_id: UUID, on: date, now: datetime
) -> list[Slot]:
    """The slots of a device on an operator's day that are over; raises DeviceUnknown."""
    device, _ = await places.get_device(session, device_id)
    midnight = local_instant(on, time(0))
    outages = await places.list_outages(session, device_id)
    watch = Watch(
        min_celsius=device.min_celsius,
        max_celsius=device.max_celsius,
        slot_seconds=device.slot_seconds,
        in_service_from=device.in_service_from,
        in_service_until=device.in_service_until,
        outages=tuple(
            (outage.during.lower, outage.during.upper)
            for outage in outages
            if outage.during.lower is not None and outage.during.upper is not None
        ),
    )
    points = await readings.list_readings(
        session,
        device_id=device_id,
        from_at=midnight,
        until=midnight + timedelta(days=1),
        limit=MOST_POINTS,
    )
    return slots_of_day(watch, [(point.at, point.celsius) for point in points], on=on, now=now)
