"""Tables of deposits and milk boxes. Amounts are integer fen."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.catalog.models import DepositKind
from app.core.base import CustomerOwned, EnumText
from app.core.states import values_of
from app.orders.states import DepositState, InstallationState


class Deposit(CustomerOwned):
    """What was asked beside an order's price for a box or bottles, and what became of it.

    It stays with the door while any order runs there.
    """

    __tablename__ = "deposits"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "order_id"], ["orders.customer_id", "orders.order_id"]
        ),
        ForeignKeyConstraint(
            ["customer_id", "address_id"], ["addresses.customer_id", "addresses.address_id"]
        ),
        CheckConstraint(f"kind IN ({values_of(DepositKind)})", name="kind"),
        CheckConstraint("(kind = 'bottles') = (product_id IS NOT NULL)", name="product"),
        CheckConstraint(f"state IN ({values_of(DepositState)})", name="state"),
        CheckConstraint("amount_fen > 0", name="amount"),
        CheckConstraint("state <> 'kept' OR reason IS NOT NULL", name="reason"),
        Index(
            "uq_deposits_door",
            "customer_id",
            "address_id",
            "kind",
            "product_id",
            unique=True,
            postgresql_where=text("state IN ('held', 'due_back') AND NOT is_opening"),
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_deposits_order_id", "customer_id", "order_id"),
        Index("ix_deposits_address_id", "customer_id", "address_id"),
        Index("ix_deposits_state", "state", "moved_at", "deposit_id"),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    deposit_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID]
    """The order it was paid with."""
    address_id: Mapped[UUID]
    kind: Mapped[DepositKind] = mapped_column(EnumText(DepositKind))
    product_id: Mapped[UUID | None] = mapped_column(ForeignKey("products.id"))
    amount_fen: Mapped[int]
    is_opening: Mapped[bool] = mapped_column(default=False)
    """Taken over from a paper book: no payment here brought it."""
    state: Mapped[DepositState] = mapped_column(EnumText(DepositState))
    moved_at: Mapped[datetime]
    reason: Mapped[str | None]


class DepositMove(CustomerOwned):
    """Every move of a deposit: who, when, why."""

    __tablename__ = "deposit_moves"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "deposit_id"], ["deposits.customer_id", "deposits.deposit_id"]
        ),
        Index("ix_deposit_moves_deposit_id", "customer_id", "deposit_id"),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    entry_id: Mapped[UUID] = mapped_column(primary_key=True)
    deposit_id: Mapped[UUID]
    from_state: Mapped[str | None]
    to_state: Mapped[str]
    at: Mapped[datetime]
    actor: Mapped[str]
    reason: Mapped[str | None]


class BoxInstallation(CustomerOwned):
    """A milk box to be hung up at a door before the first delivery; orders wait for it."""

    __tablename__ = "box_installations"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "address_id"], ["addresses.customer_id", "addresses.address_id"]
        ),
        CheckConstraint(f"state IN ({values_of(InstallationState)})", name="state"),
        CheckConstraint("(state IN ('done', 'removed')) = (done_at IS NOT NULL)", name="done"),
        Index(
            "uq_box_installations_door",
            "customer_id",
            "address_id",
            unique=True,
            postgresql_where=text("state IN ('open', 'done')"),
        ),
        Index("ix_box_installations_due", "state", "due_date", "installation_id"),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    installation_id: Mapped[UUID] = mapped_column(primary_key=True)
    address_id: Mapped[UUID]
    station_id: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    due_date: Mapped[date]
    """The first delivery it should be there for."""
    state: Mapped[InstallationState] = mapped_column(EnumText(InstallationState))
    created_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    note: Mapped[str | None]
    change_ids: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    """The changes that let the waiting orders begin; an undo takes them back."""


class InstallationMove(CustomerOwned):
    """Every move of a milk box: who, when, why."""

    __tablename__ = "installation_moves"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "installation_id"],
            ["box_installations.customer_id", "box_installations.installation_id"],
        ),
        Index("ix_installation_moves_installation_id", "customer_id", "installation_id"),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    entry_id: Mapped[UUID] = mapped_column(primary_key=True)
    installation_id: Mapped[UUID]
    from_state: Mapped[str | None]
    to_state: Mapped[str]
    at: Mapped[datetime]
    actor: Mapped[str]
    reason: Mapped[str | None]
