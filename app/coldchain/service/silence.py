"""Watching for sensors that have stopped speaking."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.coldchain.repository import silence
from app.core.alerts import raise_alert, resolve_alert
from app.core.clock import local_date
from app.core.ids import public_single, read_single

DEVICE_SILENT = "device_silent"


async def watch_silence(session: AsyncSession, *, now: datetime) -> None:
    """Raise `device_silent` for each device without a reading for three slots (S1 4.4.2).

    Devices out of service, under a recorded outage or in a parked van are not expected to speak.
    The alert is resolved when the device speaks, is retired, or its outage is recorded.
    """
    open_ones = await silence.list_alarmed(session, kind=DEVICE_SILENT)
    found = await silence.list_silence(
        session,
        alarmed=[read_single("dev", subject) for subject in open_ones],
        now=now,
        today=local_date(now),
    )
    for one in found:
        subject = public_single("dev", one.device_id)
        if not one.is_silent:
            await resolve_alert(session, DEVICE_SILENT, subject)
        elif subject not in open_ones:
            await raise_alert(
                session,
                DEVICE_SILENT,
                subject,
                code=one.code,
                store=None if one.store_id is None else public_single("sto", one.store_id),
                vehicle=None if one.vehicle_id is None else public_single("veh", one.vehicle_id),
                last_reading_at=None if one.last_at is None else one.last_at.isoformat(),
            )
