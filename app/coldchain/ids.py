"""Public ids of trips, which have no id of their own: vehicle, service date and number in one."""

import base64
import binascii
from datetime import date
from uuid import UUID

from app.core.errors import NotFound

PREFIX = "trp"
_LENGTH = 32
_DATE_BYTES = 3


def public_trip(vehicle_id: UUID, service_date: date, trip_no: int) -> str:
    """Public id of a trip: 20 bytes, which are 32 characters of base32 without padding."""
    day = service_date.toordinal().to_bytes(_DATE_BYTES, "big")
    raw = vehicle_id.bytes + day + trip_no.to_bytes(1, "big")
    return f"{PREFIX}_{base64.b32encode(raw).decode().lower()}"


def read_trip(text: str) -> tuple[UUID, date, int]:
    """`(vehicle_id, service_date, trip_no)`; raises NotFound for anything malformed."""
    head, _, body = text.partition("_")
    if head != PREFIX or len(body) != _LENGTH or not body.isascii() or body != body.lower():
        raise NotFound
    try:
        raw = base64.b32decode(body.upper())
        day = date.fromordinal(int.from_bytes(raw[16:19], "big"))
    except (binascii.Error, ValueError, OverflowError) as error:
        raise NotFound from error
    return UUID(bytes=raw[:16]), day, raw[19]
