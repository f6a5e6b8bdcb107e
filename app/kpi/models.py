"""Tables of KPIs."""

from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Numeric
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
