"""What lines gained and gave up. Amounts are integer fen."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import CustomerOwned


class EntitlementEntry(CustomerOwned):
    """Append-only record of bottles and value a line gains or gives up."""

    __tablename__ = "entitlement_entries"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "order_line_id"],
            ["order_lines.customer_id", "order_lines.order_line_id"],
        ),
        CheckConstraint(
            "kind IN ('bought', 'gift', 'opening', 'swapped_in', 'swapped_out', 'transferred_in',"
            " 'transferred_out', 'credited', 'refunded', 'forfeited', 'restored')",
            name="kind",
        ),
        CheckConstraint("bottles > 0 AND value_fen >= 0", name="amounts"),
        Index("ix_entitlement_entries_line", "customer_id", "order_line_id"),
        Index("ix_entitlement_entries_at", "at", postgresql_using="brin"),
        Index(
            "ix_entitlement_entries_moved",
            "customer_id",
            "order_line_id",
            postgresql_where=text("kind NOT IN ('bought', 'opening', 'gift')"),
        ),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    entry_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_line_id: Mapped[UUID]
    kind: Mapped[str]
    bottles: Mapped[int]
    value_fen: Mapped[int]
    product_id: Mapped[UUID | None] = mapped_column(ForeignKey("products.id"))
    """None: the line's own product."""
    at: Mapped[datetime]
    cause_id: Mapped[UUID | None]
