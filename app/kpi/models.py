"""Tables of KPIs."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Index, Numeric
from sqlalchemy.dialects.postgresql import DATERANGE, ExcludeConstraint, Range
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import Shared


class KpiTarget(Shared):
    """Target of a KPI over a period, in the KPI's unit; without a row the standard's applies."""

    __tablename__ = "kpi_targets"
    __table_args__ = (
        ExcludeConstraint(("key", "="), ("valid", "&&"), using="gist", name="ex_kpi_targets"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str]
    valid: Mapped[Range[date]] = mapped_column(DATERANGE)
    value: Mapped[Decimal] = mapped_column(Numeric(12, 3))


class KpiDay(Shared):
    """A KPI of one day and scope as it was last counted; scopes down to stations."""

    __tablename__ = "kpi_days"
    __table_args__ = (Index("ix_kpi_days_service_date", "service_date"),)

    scope: Mapped[str] = mapped_column(primary_key=True)
    """As the API writes it."""
    service_date: Mapped[date] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    numerator: Mapped[int]
    denominator: Mapped[int]
    longest_ms: Mapped[int | None]
    """Longest answer time, of `response_time` alone; milliseconds, rounded up."""


class KpiDayMark(Shared):
    """When a day was last counted, and from which counts of its mornings."""

    __tablename__ = "kpi_day_marks"

    service_date: Mapped[date] = mapped_column(primary_key=True)
    mornings: Mapped[int]
    """Sum of the mornings' versions: another one means that rows came late."""
    computed_at: Mapped[datetime]
