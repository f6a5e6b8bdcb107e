"""Tables of KPIs."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, text
from sqlalchemy.dialects.postgresql import DATERANGE, ExcludeConstraint, Range
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import EnumText, Shared
from app.core.states import values_of
from app.kpi.states import FindingState


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
    """A KPI of one day and scope as it was last counted; scopes down to blocks.

    A block has rows for its tickets, answers and orders; its stops stand in its mornings.
    """

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


class KpiFinding(Shared):
    """A missed target, its cause and what is done about it (S1 5.2.1)."""

    __tablename__ = "kpi_findings"
    __table_args__ = (
        CheckConstraint(f"state IN ({values_of(FindingState)})", name="state"),
        CheckConstraint("first_date <= last_date", name="period"),
        Index(
            "uq_kpi_findings_open",
            "key",
            "scope",
            "first_date",
            "last_date",
            unique=True,
            postgresql_where=text("state IN ('open', 'acting', 'done')"),
        ),
        Index("ix_kpi_findings_created_at", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str]
    scope: Mapped[str]
    station_id: Mapped[UUID | None]
    """The station the scope lies in; none for city and operator."""
    first_date: Mapped[date]
    last_date: Mapped[date]
    value: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    target: Mapped[Decimal] = mapped_column(Numeric(12, 3))
    numerator: Mapped[int]
    denominator: Mapped[int]
    cause: Mapped[str]
    action: Mapped[str]
    responsible: Mapped[str]
    due_date: Mapped[date]
    state: Mapped[FindingState] = mapped_column(EnumText(FindingState))
    created_at: Mapped[datetime]
    created_by: Mapped[str]


class KpiFindingEvent(Shared):
    """What happened to a finding: who changed what, when and why."""

    __tablename__ = "kpi_finding_events"

    finding_id: Mapped[UUID] = mapped_column(ForeignKey("kpi_findings.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str]
    state: Mapped[str]
    changes: Mapped[dict[str, Any]]
    """Field -> what it said before."""
    note: Mapped[str | None]


class KpiMonth(Shared):
    """A month that was closed: reported as it was known then."""

    __tablename__ = "kpi_months"

    month: Mapped[date] = mapped_column(primary_key=True)
    """Its first day."""
    closed_at: Mapped[datetime]
    closed_by: Mapped[str]


class KpiMonthFigure(Shared):
    """A KPI of a closed month and scope, as reported; never changed.

    No foreign key: its check would lock the month's row, and nobody has the right to.
    """

    __tablename__ = "kpi_month_figures"

    month: Mapped[date] = mapped_column(primary_key=True)
    scope: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    numerator: Mapped[int]
    denominator: Mapped[int]
    longest_ms: Mapped[int | None]
    target: Mapped[Decimal] = mapped_column(Numeric(12, 3))


class KpiExport(Shared):
    """Who took figures out as a file; never changed."""

    __tablename__ = "kpi_exports"
    __table_args__ = (Index("ix_kpi_exports_at", "at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str]
    kind: Mapped[str]
    scope: Mapped[str]
    first_date: Mapped[date]
    last_date: Mapped[date]
    key: Mapped[str | None]
    """The KPI whose rows went along."""
    rows: Mapped[int]
