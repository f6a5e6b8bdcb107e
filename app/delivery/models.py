"""Tables of delivery. `deliveries` and `stops` are partitioned by month of the service date."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Numeric,
    SmallInteger,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import CustomerOwned, DeviceOwned, EnumText, Local, Shared
from app.core.states import values_of


class DeliveryStatus(StrEnum):
    """What became of one delivery; `short` brought fewer bottles than planned."""

    PLANNED = "planned"
    DELIVERED = "delivered"
    SHORT = "short"
    FAILED = "failed"
    CANCELLED = "cancelled"


class StopState(StrEnum):
    """What became of one stop, from its deliveries. `withdrawn`: the operator took the day out."""

    PLANNED = "planned"
    MADE = "made"
    PARTLY = "partly"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


class ExceptionReason(StrEnum):
    """Why a line that was due is not in the plan."""

    NO_BLOCK = "no_block"
    BLOCK_INACTIVE = "block_inactive"
    BAD_PATTERN = "bad_pattern"
    ORDER_NOT_RUNNING = "order_not_running"
    MORE_BOTTLES_THAN_LEFT = "more_bottles_than_left"


class ExceptionResolution(StrEnum):
    """What a person did about it."""

    PLANNED = "planned"
    DAY_ADDED = "day_added"
    DISMISSED = "dismissed"


class Delivery(CustomerOwned):
    """A snapshot: what one line was to bring on one date, and what was brought.

    `delivery_no` 0 comes from the plan, so planning twice adds nothing; 1 and more are
    re-deliveries, make-ups and dated gifts with a link to their cause.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "order_line_id"],
            ["order_lines.customer_id", "order_lines.order_line_id"],
        ),
        ForeignKeyConstraint(
            ["customer_id", "address_version_id"],
            ["address_versions.customer_id", "address_versions.address_version_id"],
        ),
        CheckConstraint(f"status IN ({values_of(DeliveryStatus)})", name="status"),
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("restored_bottles BETWEEN 0 AND quantity", name="restored_bottles"),
        CheckConstraint(
            "CASE status WHEN 'delivered' THEN quantity_delivered = quantity"
            " WHEN 'short' THEN quantity_delivered BETWEEN 1 AND quantity - 1"
            " ELSE quantity_delivered = 0 END",
            name="quantity_delivered",
        ),
        Index("ix_deliveries_block", "block_id", "service_date"),
        Index("ix_deliveries_recorded_at", "recorded_at", postgresql_using="brin"),
        {"postgresql_partition_by": "RANGE (service_date)"},
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    service_date: Mapped[date] = mapped_column(primary_key=True)
    order_line_id: Mapped[UUID] = mapped_column(primary_key=True)
    delivery_no: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    product_id: Mapped[UUID]
    quantity: Mapped[int] = mapped_column(SmallInteger)
    quantity_delivered: Mapped[int] = mapped_column(SmallInteger)
    address_id: Mapped[UUID]
    address_version_id: Mapped[UUID]
    station_id: Mapped[UUID]
    block_id: Mapped[UUID]
    deliverer_id: Mapped[UUID | None]
    stop_no: Mapped[int] = mapped_column(Integer)
    status: Mapped[DeliveryStatus] = mapped_column(EnumText(DeliveryStatus))
    reason: Mapped[str | None]
    our_fault: Mapped[bool | None]
    done_at: Mapped[datetime | None]
    """Device time of the tap, corrected by the phone's measured offset."""
    recorded_at: Mapped[datetime | None]
    bulk_marked: Mapped[bool] = mapped_column(default=False)
    celsius: Mapped[Decimal | None] = mapped_column(Numeric(4, 1))
    event_id: Mapped[UUID | None]
    """The phone's event that says so; the one with the latest corrected device time wins."""
    restored_bottles: Mapped[int] = mapped_column(SmallInteger, default=0)
    """Bottles given back to the line because our fault kept them from the door; never taken back."""
    cause_id: Mapped[UUID | None]
    is_gift: Mapped[bool] = mapped_column(default=False, server_default="false")
    """A dated gift of its line (赠送), not a make-up."""
    order_ended_at: Mapped[datetime | None]
    """When its order was cancelled, if it was while this was planned or might still be corrected."""


class Stop(CustomerOwned):
    """One address on one service date on one route sheet: the unit KPIs count (户次)."""

    __tablename__ = "stops"
    __table_args__ = (
        CheckConstraint(f"state IN ({values_of(StopState)})", name="state"),
        Index("ix_stops_block", "block_id", "service_date"),
        Index("ix_stops_service_date", "service_date"),
        {"postgresql_partition_by": "RANGE (service_date)"},
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    service_date: Mapped[date] = mapped_column(primary_key=True)
    address_id: Mapped[UUID] = mapped_column(primary_key=True)
    customer_kind: Mapped[str]
    city_code: Mapped[str]
    station_id: Mapped[UUID]
    block_id: Mapped[UUID]
    deliverer_id: Mapped[UUID | None]
    stop_no: Mapped[int] = mapped_column(Integer)
    bottles: Mapped[int] = mapped_column(Integer)
    state: Mapped[StopState] = mapped_column(EnumText(StopState))
    made_at: Mapped[datetime | None]
    """When the last of its deliveries was made, corrected; only when all were made in full."""
    bulk_marked: Mapped[bool] = mapped_column(default=False)


class RouteSheet(DeviceOwned):
    """A block's round on one service date."""

    __tablename__ = "route_sheets"
    __table_args__ = (
        Index("ix_route_sheets_station", "station_id", "service_date"),
        Index("ix_route_sheets_deliverer", "deliverer_id", "service_date"),
    )

    block_id: Mapped[UUID] = mapped_column(primary_key=True)
    service_date: Mapped[date] = mapped_column(primary_key=True)
    station_id: Mapped[UUID]
    deliverer_id: Mapped[UUID | None]
    stops: Mapped[int] = mapped_column(Integer)
    bottles: Mapped[int] = mapped_column(Integer)
    planned_at: Mapped[datetime]


class RouteHandover(DeviceOwned):
    """A round that was given to a stand-in: from whom, by whom, when."""

    __tablename__ = "route_handovers"
    __table_args__ = (Index("ix_route_handovers_deliverer", "from_deliverer_id", "service_date"),)

    block_id: Mapped[UUID] = mapped_column(primary_key=True)
    service_date: Mapped[date] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    from_deliverer_id: Mapped[UUID | None]
    """Who had it: his phone may still tell what he did before."""
    to_deliverer_id: Mapped[UUID]
    at: Mapped[datetime]
    actor: Mapped[str]


class BlockMorning(DeviceOwned):
    """What a block's stops of one service date add up to; rebuilt by whoever changes one.

    Households only, schools stand apart. `due` leaves the withdrawn out; `made` are made in full:
    on time, late, or by one tap for several.
    """

    __tablename__ = "block_mornings"
    __table_args__ = (
        CheckConstraint("made = on_time + late + bulk", name="made"),
        CheckConstraint("due = made + partly + failed + still_open", name="due"),
        CheckConstraint(
            "least(on_time, late, bulk, partly, failed, still_open) >= 0", name="counts"
        ),
        Index("ix_block_mornings_service_date", "service_date", "station_id"),
    )

    block_id: Mapped[UUID] = mapped_column(primary_key=True)
    service_date: Mapped[date] = mapped_column(primary_key=True)
    station_id: Mapped[UUID]
    city_code: Mapped[str]
    due: Mapped[int] = mapped_column(Integer, server_default="0")
    made: Mapped[int] = mapped_column(Integer, server_default="0")
    on_time: Mapped[int] = mapped_column(Integer, server_default="0")
    late: Mapped[int] = mapped_column(Integer, server_default="0")
    bulk: Mapped[int] = mapped_column(Integer, server_default="0")
    partly: Mapped[int] = mapped_column(Integer, server_default="0")
    failed: Mapped[int] = mapped_column(Integer, server_default="0")
    still_open: Mapped[int] = mapped_column(Integer, server_default="0")
    withdrawn: Mapped[int] = mapped_column(Integer, server_default="0")
    schools_due: Mapped[int] = mapped_column(Integer, server_default="0")
    schools_made: Mapped[int] = mapped_column(Integer, server_default="0")
    made_by_slot: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    """Stops made by the ten minutes of the day they were made in, 0 to 143; none marked in bulk."""
    first_tap_at: Mapped[datetime | None]
    last_tap_at: Mapped[datetime | None]
    """First and last tap at a door, corrected."""
    last_heard_at: Mapped[datetime | None]
    """When a phone last reported a stop of the block."""
    version: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """Grows with every rebuild: the sum over a date tells whether anything changed."""


class PickingTotal(DeviceOwned):
    """Bottles of a product that a station hands out on a service date, by block."""

    __tablename__ = "picking_totals"
    __table_args__ = (Index("ix_picking_totals_station", "station_id", "service_date"),)

    block_id: Mapped[UUID] = mapped_column(primary_key=True)
    service_date: Mapped[date] = mapped_column(primary_key=True)
    product_id: Mapped[UUID] = mapped_column(primary_key=True)
    station_id: Mapped[UUID]
    bottles: Mapped[int] = mapped_column(Integer)


class PlanException(CustomerOwned):
    """A line that was due and could not be planned: set aside, with its reason."""

    __tablename__ = "plan_exceptions"
    __table_args__ = (
        Index("ix_plan_exceptions_service_date", "service_date"),
        CheckConstraint(f"reason IN ({values_of(ExceptionReason)})", name="reason"),
        CheckConstraint(f"resolution IN ({values_of(ExceptionResolution)})", name="resolution"),
        CheckConstraint("(resolved_at IS NULL) = (resolution IS NULL)", name="resolved"),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    service_date: Mapped[date] = mapped_column(primary_key=True)
    order_line_id: Mapped[UUID] = mapped_column(primary_key=True)
    station_id: Mapped[UUID | None]
    """None: no block serves the address, so no station does."""
    reason: Mapped[str]
    noticed_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]
    resolution: Mapped[str | None]
    resolved_by: Mapped[UUID | None]


class SyncEvent(DeviceOwned):
    """One event of a deliverer's phone, accepted once, with the answer it got."""

    __tablename__ = "sync_events"
    __table_args__ = (Index("ix_sync_events_received_at", "received_at", postgresql_using="brin"),)

    deliverer_id: Mapped[UUID] = mapped_column(primary_key=True)
    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    device_at: Mapped[datetime]
    clock_offset_ms: Mapped[int]
    """Server time minus phone time, measured when the batch was sent."""
    received_at: Mapped[datetime]
    content: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """What the event said, without personal data: the history behind a delivery's state."""
    answer: Mapped[dict[str, Any]] = mapped_column(JSONB)


class LineEarning(CustomerOwned):
    """What a line's bottles of one product have earned so far, as revenue says.

    `bottles` are its own ones brought up to `through_date`: no make-ups, no dated gifts.
    """

    __tablename__ = "line_earnings"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "order_line_id"],
            ["order_lines.customer_id", "order_lines.order_line_id"],
        ),
        CheckConstraint("bottles >= 0", name="bottles"),
        # Every row changes with every delivery, on its page while there is room.
        {"postgresql_with": {"fillfactor": 50}},
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_line_id: Mapped[UUID] = mapped_column(primary_key=True)
    product_id: Mapped[UUID] = mapped_column(primary_key=True)
    bottles: Mapped[int] = mapped_column(Integer)
    earned_fen: Mapped[int]
    """Of a line that is over this also holds, on one of its products, what it keeps besides."""
    through_date: Mapped[date]


class RevenueDay(Shared):
    """A station's service date whose deliveries have been posted as revenue."""

    __tablename__ = "revenue_days"

    station_id: Mapped[UUID] = mapped_column(ForeignKey("stations.id"), primary_key=True)
    service_date: Mapped[date] = mapped_column(primary_key=True)
    posted_at: Mapped[datetime]


class RevenueCheck(Local):
    """A look at what became known of posted days, and what that changed."""

    __tablename__ = "revenue_checks"

    checked_at: Mapped[datetime] = mapped_column(primary_key=True)
    customers: Mapped[int] = mapped_column(Integer)
    revenue_fen: Mapped[int]
    """Below 0 where more was taken back than earned."""
