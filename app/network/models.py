"""Tables of the network."""

from datetime import date, datetime, time
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import DATERANGE, JSONB, ExcludeConstraint, Range
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import CustomerOwned, EnumText, Shared
from app.core.states import values_of


class City(Shared):
    """A city with its administrative code."""

    __tablename__ = "cities"

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]


class Station(Shared):
    """A depot where deliverers collect milk (奶站)."""

    __tablename__ = "stations"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    city_code: Mapped[str] = mapped_column(ForeignKey("cities.code"))
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]


class StationCutoff(Shared):
    """Until when, on the day before, changes for a service date are taken; dated rows."""

    __tablename__ = "station_cutoffs"
    __table_args__ = (
        ExcludeConstraint(("station_id", "="), ("valid", "&&"), using="gist", name="ex_cutoffs"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    station_id: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    valid: Mapped[Range[date]] = mapped_column(DATERANGE)
    cutoff_time: Mapped[time]


class Block(Shared):
    """A set of addresses served by one deliverer (区块)."""

    __tablename__ = "blocks"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    station_id: Mapped[UUID] = mapped_column(ForeignKey("stations.id"), index=True)
    is_active: Mapped[bool] = mapped_column(default=True)


class BlockDeliverer(Shared):
    """Who serves a block over a period; one at a time."""

    __tablename__ = "block_deliverers"
    __table_args__ = (
        ExcludeConstraint(("block_id", "="), ("valid", "&&"), using="gist", name="ex_deliverers"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    block_id: Mapped[UUID] = mapped_column(ForeignKey("blocks.id"))
    deliverer_id: Mapped[UUID] = mapped_column(ForeignKey("deliverers.id"), index=True)
    valid: Mapped[Range[date]] = mapped_column(DATERANGE)


class CoverageKind(StrEnum):
    """How a rule names its buildings."""

    COMPOUND = "compound"
    STREET = "street"
    POLYGON = "polygon"


class HouseParity(StrEnum):
    """Which side of a street."""

    ALL = "all"
    ODD = "odd"
    EVEN = "even"


class CoverageRule(Shared):
    """Buildings a block serves: a compound, a street with a house range, or a polygon.

    Streets and compounds are stored as `rules.street_name` and `rules.compound_name` write them:
    they are compared by equality. A compound may be cut by building numbers like a street by house
    numbers. `polygon` is GeoJSON-like `[[longitude, latitude], …]`; its box is kept for the index.
    """

    __tablename__ = "coverage_rules"
    __table_args__ = (
        CheckConstraint(f"kind IN ({values_of(CoverageKind)})", name="kind"),
        CheckConstraint(f"parity IN ({values_of(HouseParity)})", name="parity"),
        CheckConstraint(
            "CASE kind WHEN 'compound' THEN compound IS NOT NULL"
            " WHEN 'street' THEN street IS NOT NULL"
            " ELSE polygon IS NOT NULL AND num_nulls(west, south, east, north) = 0 END",
            name="shape",
        ),
        CheckConstraint("house_from <= house_to", name="houses"),
        CheckConstraint("west <= east AND south <= north", name="box"),
        Index("ix_coverage_rules_compound", "city_code", "compound"),
        Index("ix_coverage_rules_street", "city_code", "street"),
        Index(
            "ix_coverage_rules_box",
            text("box(point(west, south), point(east, north))"),
            postgresql_using="gist",
            postgresql_where=text("kind = 'polygon'"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    block_id: Mapped[UUID] = mapped_column(ForeignKey("blocks.id"), index=True)
    city_code: Mapped[str] = mapped_column(ForeignKey("cities.code"))
    kind: Mapped[CoverageKind] = mapped_column(EnumText(CoverageKind))
    district: Mapped[str | None]
    compound: Mapped[str | None]
    street: Mapped[str | None]
    house_from: Mapped[int | None]
    house_to: Mapped[int | None]
    parity: Mapped[HouseParity] = mapped_column(EnumText(HouseParity), default=HouseParity.ALL)
    polygon: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))
    west: Mapped[float | None]
    south: Mapped[float | None]
    east: Mapped[float | None]
    north: Mapped[float | None]
    first_stop_no: Mapped[int] = mapped_column(default=0)
    """Where in the block's round these buildings come."""
    valid: Mapped[Range[date]] = mapped_column(DATERANGE)


class PlanDayState(StrEnum):
    """A station's day: takes changes, planned, or withdrawn by the operator."""

    OPEN = "open"
    FROZEN = "frozen"
    WITHDRAWN = "withdrawn"


class PlanDay(Shared):
    """One service date of one station, made ahead; the row every change locks."""

    __tablename__ = "plan_days"
    __table_args__ = (
        CheckConstraint(f"state IN ({values_of(PlanDayState)})", name="state"),
        Index("ix_plan_days_open", "cutoff_at", postgresql_where=text("state = 'open'")),
    )

    station_id: Mapped[UUID] = mapped_column(ForeignKey("stations.id"), primary_key=True)
    service_date: Mapped[date] = mapped_column(primary_key=True)
    state: Mapped[PlanDayState] = mapped_column(EnumText(PlanDayState), default=PlanDayState.OPEN)
    cutoff_at: Mapped[datetime]
    frozen_at: Mapped[datetime | None]
    planned_at: Mapped[datetime | None]
    reason: Mapped[str | None]


class AddressBlock(CustomerOwned):
    """Which block serves an address, and where in its round, over a period."""

    __tablename__ = "address_blocks"
    __table_args__ = (
        ExcludeConstraint(
            ("customer_id", "="),
            ("address_id", "="),
            ("valid", "&&"),
            using="gist",
            name="ex_address_blocks",
        ),
        Index("ix_address_blocks_block_id", "block_id"),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    address_id: Mapped[UUID] = mapped_column(primary_key=True)
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    valid: Mapped[Range[date]] = mapped_column(DATERANGE)
    block_id: Mapped[UUID] = mapped_column(ForeignKey("blocks.id"))
    stop_no: Mapped[int]


class Vehicle(Shared):
    """A refrigerated van."""

    __tablename__ = "vehicles"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    plate: Mapped[str] = mapped_column(unique=True)
    station_id: Mapped[UUID] = mapped_column(ForeignKey("stations.id"), index=True)
    is_active: Mapped[bool] = mapped_column(default=True)


class Dealer(Shared):
    """A business that runs stations for the operator and settles with him (经销商)."""

    __tablename__ = "dealers"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    is_active: Mapped[bool] = mapped_column(default=True)
    settled_through: Mapped[date | None]
    """The last day of his last issued statement: stations and terms up to it stand for good."""
    created_at: Mapped[datetime]


class DealerStation(Shared):
    """Whose a station is over a period; a day without a row is the operator's own."""

    __tablename__ = "dealer_stations"
    __table_args__ = (
        ExcludeConstraint(
            ("station_id", "="), ("valid", "&&"), using="gist", name="ex_dealer_stations"
        ),
        CheckConstraint("NOT isempty(valid)", name="valid"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    dealer_id: Mapped[UUID] = mapped_column(ForeignKey("dealers.id"), index=True)
    station_id: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    valid: Mapped[Range[date]] = mapped_column(DATERANGE)


class DealerTerm(Shared):
    """What a dealer gets from a date on: a share of delivered value, fen per bottle, or both."""

    __tablename__ = "dealer_terms"
    __table_args__ = (
        CheckConstraint("share_bp BETWEEN 0 AND 10000", name="share"),
        CheckConstraint("fen_per_bottle BETWEEN 0 AND 100000", name="fen_per_bottle"),
    )

    dealer_id: Mapped[UUID] = mapped_column(ForeignKey("dealers.id"), primary_key=True)
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    share_bp: Mapped[int]
    """Basis points: 1800 is 18 %."""
    fen_per_bottle: Mapped[int]
    bears_compensation: Mapped[bool]
    """Whether credits given to his customers for complaints are taken from his share."""
    note: Mapped[str]
    """The contract's number or clause."""
    set_by: Mapped[UUID]
    set_at: Mapped[datetime]
