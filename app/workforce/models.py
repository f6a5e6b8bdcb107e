"""Tables of the workforce."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import Shared


class Deliverer(Shared):
    """A person who brings milk to doors (送奶员)."""

    __tablename__ = "deliverers"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    employee_no: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    station_id: Mapped[UUID | None] = mapped_column(ForeignKey("stations.id"), index=True)
    """Where the deliverer collects milk; who serves which block is dated in the network."""
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
