"""Tables of the cold chain. Temperatures are °C."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
)
from sqlalchemy.dialects.postgresql import TSTZRANGE, ExcludeConstraint, Range
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import DeviceOwned, EnumText, Shared
from app.core.states import values_of


class ColdStore(Shared):
    """A cold store (冷库) of a station."""

    __tablename__ = "cold_stores"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    station_id: Mapped[UUID] = mapped_column(ForeignKey("stations.id"), index=True)
    name: Mapped[str]


class Device(Shared):
    """A thermometer in one store or one vehicle; one reading a slot is expected."""

    __tablename__ = "devices"
    __table_args__ = (
        CheckConstraint("(store_id IS NULL) <> (vehicle_id IS NULL)", name="place"),
        CheckConstraint("slot_seconds BETWEEN 10 AND 86400", name="slot"),
        CheckConstraint("min_celsius IS NULL OR min_celsius < max_celsius", name="limits"),
        CheckConstraint("in_service_until > in_service_from", name="in_service"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    store_id: Mapped[UUID | None] = mapped_column(ForeignKey("cold_stores.id"), index=True)
    vehicle_id: Mapped[UUID | None] = mapped_column(ForeignKey("vehicles.id"), index=True)
    min_celsius: Mapped[Decimal | None] = mapped_column(Numeric(4, 1))
    max_celsius: Mapped[Decimal] = mapped_column(Numeric(4, 1))
    slot_seconds: Mapped[int]
    in_service_from: Mapped[datetime]
    in_service_until: Mapped[datetime | None]


class DeviceOutage(Shared):
    """A recorded out-of-service time of a device; its slots are not expected."""

    __tablename__ = "device_outages"
    __table_args__ = (
        ExcludeConstraint(("device_id", "="), ("during", "&&"), using="gist", name="ex_outages"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    device_id: Mapped[UUID] = mapped_column(ForeignKey("devices.id"))
    during: Mapped[Range[datetime]] = mapped_column(TSTZRANGE)
    reason: Mapped[str]
    recorded_by: Mapped[UUID | None]
    recorded_at: Mapped[datetime]


class TemperatureReading(DeviceOwned):
    """One device, one instant. Partitioned by month."""

    __tablename__ = "temperature_readings"
    __table_args__ = (
        # Counting a month reads the key alone: a device's rows lie scattered among all others'.
        PrimaryKeyConstraint("device_id", "at", postgresql_include=["celsius"]),
        CheckConstraint("celsius BETWEEN -60 AND 80", name="celsius"),
        {"postgresql_partition_by": "RANGE (at)"},
    )

    device_id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    celsius: Mapped[Decimal] = mapped_column(Numeric(4, 1))
    received_at: Mapped[datetime]


class Trip(DeviceOwned):
    """One run of a vehicle for a service date: pre-cool, load, legs, handovers (S1 4.4.3-4.4.6)."""

    __tablename__ = "trips"
    __table_args__ = (
        CheckConstraint("loaded_at IS NULL OR precool_passed IS TRUE", name="precooled_first"),
        CheckConstraint("departed_at IS NULL OR loaded_at IS NOT NULL", name="loaded_first"),
        Index("ix_trips_service_date", "service_date"),
    )

    vehicle_id: Mapped[UUID] = mapped_column(primary_key=True)
    service_date: Mapped[date] = mapped_column(primary_key=True)
    trip_no: Mapped[int] = mapped_column(primary_key=True)
    station_id: Mapped[UUID]
    precool_celsius: Mapped[Decimal | None] = mapped_column(Numeric(4, 1))
    precool_at: Mapped[datetime | None]
    precool_passed: Mapped[bool | None]
    cleaned: Mapped[bool | None]
    loaded_at: Mapped[datetime | None]
    departed_at: Mapped[datetime | None]
    arrived_at: Mapped[datetime | None]


class TripLeg(DeviceOwned):
    """A leg of a trip; the cabin must stay in range over all of it, silence fails it."""

    __tablename__ = "trip_legs"
    __table_args__ = (
        ForeignKeyConstraint(
            ["vehicle_id", "service_date", "trip_no"],
            ["trips.vehicle_id", "trips.service_date", "trips.trip_no"],
        ),
        CheckConstraint("ended_at IS NULL OR ended_at > started_at", name="order"),
    )

    vehicle_id: Mapped[UUID] = mapped_column(primary_key=True)
    service_date: Mapped[date] = mapped_column(primary_key=True)
    trip_no: Mapped[int] = mapped_column(primary_key=True)
    leg_no: Mapped[int] = mapped_column(primary_key=True)
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class HandoverKind(StrEnum):
    """Where product temperature is confirmed (S1 4.4.6)."""

    LOADING = "loading"
    VEHICLE_TO_STATION = "vehicle_to_station"
    STATION_TO_DELIVERER = "station_to_deliverer"


class HandoverCheck(DeviceOwned):
    """One product temperature at one handover of a trip; `block_id` for each deliverer's share.

    A handover may be checked more than once (several products, a second look): all checks stay
    (`check_no` counts from 0), and the handover passed when all of them did.
    """

    __tablename__ = "handover_checks"
    __table_args__ = (
        ForeignKeyConstraint(
            ["vehicle_id", "service_date", "trip_no"],
            ["trips.vehicle_id", "trips.service_date", "trips.trip_no"],
        ),
        CheckConstraint(f"kind IN ({values_of(HandoverKind)})", name="kind"),
    )

    vehicle_id: Mapped[UUID] = mapped_column(primary_key=True)
    service_date: Mapped[date] = mapped_column(primary_key=True)
    trip_no: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[HandoverKind] = mapped_column(EnumText(HandoverKind), primary_key=True)
    block_id: Mapped[UUID] = mapped_column(primary_key=True)
    """The block handed to; the nil id where the handover is not per block."""
    check_no: Mapped[int] = mapped_column(SmallInteger, primary_key=True, default=0)
    product_id: Mapped[UUID | None]
    celsius: Mapped[Decimal] = mapped_column(Numeric(4, 1))
    limit_celsius: Mapped[Decimal | None] = mapped_column(Numeric(4, 1))
    passed: Mapped[bool]
    checked_at: Mapped[datetime]
    checked_by: Mapped[UUID | None]
