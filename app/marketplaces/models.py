"""Tables of marketplaces. Amounts are integer fen.

What a marketplace says is keyed by its number: before a household has claimed it, it is nobody's.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    SmallInteger,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import EnumText, Registry, Shared
from app.core.reseal import SealedTable
from app.core.states import values_of
from app.marketplaces.states import (
    OPEN,
    ExternalState,
    IntakeWay,
    Marketplace,
    RefundOutcome,
)

_OPEN_STATES = ", ".join(f"'{state.value}'" for state in sorted(OPEN))


class Shop(Shared):
    """A shop of ours on a marketplace."""

    __tablename__ = "marketplace_shops"
    __table_args__ = (CheckConstraint(f"source IN ({values_of(Marketplace)})", name="source"),)

    shop_id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    source: Mapped[Marketplace] = mapped_column(EnumText(Marketplace))
    city_code: Mapped[str] = mapped_column(ForeignKey("cities.code"))
    """Of addresses that name no city of ours."""
    listing_agreement: Mapped[str | None] = mapped_column(ForeignKey("order_agreements.version"))
    """The order agreement its listings show, so that buying accepts it; None: asked by the link."""
    is_active: Mapped[bool] = mapped_column(default=True)
    credentials_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    """JSON of app_key, app_secret and session, `Cell("marketplace_shops", "credentials", shop_id)`."""
    push_secret_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]


class PullCursor(Registry):
    """How far a shop has been pulled, on the marketplace's clock."""

    __tablename__ = "marketplace_cursors"

    shop_id: Mapped[UUID] = mapped_column(primary_key=True)
    pulled_until: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    """Somebody pulls at this moment; a killed one is overtaken afterwards."""
    succeeded_at: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)
    failure: Mapped[str | None]


class SkuMapping(Shared):
    """What one unit of an outside SKU is: bottles of a product in a pattern."""

    __tablename__ = "marketplace_skus"
    __table_args__ = (
        CheckConstraint("bottles BETWEEN 1 AND 4000", name="bottles"),
        CheckConstraint(
            "(weekday_quantities IS NULL AND quantity BETWEEN 1 AND 99"
            " AND interval_days BETWEEN 1 AND 90)"
            " OR (weekday_quantities IS NOT NULL AND quantity IS NULL AND interval_days IS NULL"
            " AND array_length(weekday_quantities, 1) = 7)",
            name="pattern",
        ),
    )

    shop_id: Mapped[UUID] = mapped_column(ForeignKey("marketplace_shops.shop_id"), primary_key=True)
    sku: Mapped[str] = mapped_column(primary_key=True)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"))
    bottles: Mapped[int]
    quantity: Mapped[int | None] = mapped_column(SmallInteger)
    interval_days: Mapped[int | None] = mapped_column(SmallInteger)
    weekday_quantities: Mapped[list[int] | None] = mapped_column(ARRAY(SmallInteger))
    changed_at: Mapped[datetime]
    changed_by: Mapped[str]


class PromotionCode(Shared):
    """A code in a buyer's remarks that stands for the deliverer who won the order."""

    __tablename__ = "promotion_codes"

    code: Mapped[str] = mapped_column(primary_key=True)
    deliverer_id: Mapped[UUID] = mapped_column(ForeignKey("deliverers.id"))
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]


class ExternalOrder(Registry):
    """An order of a marketplace, once by its number however often and whichever way it comes."""

    __tablename__ = "external_orders"
    __table_args__ = (
        CheckConstraint(f"source IN ({values_of(Marketplace)})", name="source"),
        CheckConstraint(f"state IN ({values_of(ExternalState)})", name="state"),
        CheckConstraint(f"way IN ({values_of(IntakeWay)})", name="way"),
        CheckConstraint("paid_fen > 0", name="paid"),
        CheckConstraint(
            "(order_id IS NULL) = (customer_id IS NULL) AND (state = 'placed') = (order_id IS NOT NULL)",
            name="placed",
        ),
        Index(
            "ix_external_orders_open",
            "state",
            "received_at",
            postgresql_where=text(f"state IN ({_OPEN_STATES})"),
        ),
        Index("ix_external_orders_received_at", "received_at", "external_id"),
        Index(
            "ix_external_orders_customer_id",
            "customer_id",
            postgresql_where=text("customer_id IS NOT NULL"),
        ),
        Index(
            "ix_external_orders_canvasser_id",
            "canvasser_id",
            "received_at",
            postgresql_where=text("canvasser_id IS NOT NULL"),
        ),
    )

    source: Mapped[Marketplace] = mapped_column(EnumText(Marketplace), primary_key=True)
    number: Mapped[str] = mapped_column(primary_key=True)
    external_id: Mapped[UUID] = mapped_column(unique=True)
    shop_id: Mapped[UUID] = mapped_column(ForeignKey("marketplace_shops.shop_id"))
    way: Mapped[IntakeWay] = mapped_column(EnumText(IntakeWay))
    state: Mapped[ExternalState] = mapped_column(EnumText(ExternalState))
    reason: Mapped[str | None]
    """Code of what a person must mend, or who said no."""
    paid_fen: Mapped[int]
    paid_at: Mapped[datetime]
    modified_at: Mapped[datetime]
    """By the marketplace; an older message changes nothing."""
    received_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    """A person wants it placed with what was paid, whatever its lines say."""
    raw_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    """The last message as it came, `Cell("external_orders", "raw", external_id)`."""
    receiver_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    canvasser_id: Mapped[UUID | None] = mapped_column(ForeignKey("deliverers.id"))
    customer_id: Mapped[UUID | None]
    order_id: Mapped[UUID | None]
    claim_round: Mapped[int] = mapped_column(default=0)
    claim_token_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    claimed_by_sms: Mapped[bool] = mapped_column(default=False)
    """Whether the last link went by SMS; else an agent copies it into the shop's chat."""


class ExternalLine(Registry):
    """One position of an outside order."""

    __tablename__ = "external_lines"
    __table_args__ = (
        ForeignKeyConstraint(
            ["source", "number"],
            ["external_orders.source", "external_orders.number"],
            ondelete="CASCADE",
        ),
        CheckConstraint("units >= 1 AND units <= 4000 AND paid_fen >= 0", name="amounts"),
        Index("ix_external_lines_sku", "sku"),
    )

    source: Mapped[Marketplace] = mapped_column(EnumText(Marketplace), primary_key=True)
    number: Mapped[str] = mapped_column(primary_key=True)
    line_no: Mapped[str] = mapped_column(primary_key=True)
    sku: Mapped[str]
    title: Mapped[str]
    units: Mapped[int]
    paid_fen: Mapped[int]
    order_line_id: Mapped[UUID | None]


class ExternalRefund(Registry):
    """Money a marketplace has given back, once by its number; perhaps before its order comes."""

    __tablename__ = "external_refunds"
    __table_args__ = (
        CheckConstraint("amount_fen > 0", name="amount"),
        CheckConstraint(f"outcome IN ({values_of(RefundOutcome)})", name="outcome"),
        Index("ix_external_refunds_number", "source", "number"),
        Index(
            "ix_external_refunds_due",
            "next_try_at",
            postgresql_where=text("next_try_at IS NOT NULL"),
        ),
    )

    source: Mapped[Marketplace] = mapped_column(EnumText(Marketplace), primary_key=True)
    refund_no: Mapped[str] = mapped_column(primary_key=True)
    refund_id: Mapped[UUID] = mapped_column(unique=True)
    number: Mapped[str]
    line_no: Mapped[str | None]
    amount_fen: Mapped[int]
    refunded_at: Mapped[datetime]
    received_at: Mapped[datetime]
    mirrored_at: Mapped[datetime | None]
    """When it was booked against the order's payment."""
    outcome: Mapped[RefundOutcome | None] = mapped_column(EnumText(RefundOutcome))
    bottles: Mapped[int] = mapped_column(default=0)
    difference_fen: Mapped[int] = mapped_column(default=0)
    """What was given back beyond the worth of the bottles given up."""
    next_try_at: Mapped[datetime | None]
    """When it is looked at next; None once nothing remains to be done."""


class ExternalMove(Registry):
    """Every move of an outside order: who, when, why."""

    __tablename__ = "external_moves"
    __table_args__ = (
        ForeignKeyConstraint(
            ["source", "number"],
            ["external_orders.source", "external_orders.number"],
            ondelete="CASCADE",
        ),
        Index("ix_external_moves_number", "source", "number"),
    )

    entry_id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[Marketplace] = mapped_column(EnumText(Marketplace))
    number: Mapped[str]
    from_state: Mapped[str | None]
    to_state: Mapped[str]
    at: Mapped[datetime]
    actor: Mapped[str]
    reason: Mapped[str | None]
    facts: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Codes and figures, never personal data."""


class PushNonce(Registry):
    """A nonce of a push, remembered longer than its timestamp is taken."""

    __tablename__ = "push_nonces"

    shop_id: Mapped[UUID] = mapped_column(primary_key=True)
    nonce: Mapped[str] = mapped_column(primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(index=True)


RESEALABLE = (
    SealedTable(
        model=Shop,
        key=("shop_id",),
        row_id="shop_id",
        cells={"credentials_sealed": "credentials", "push_secret_sealed": "push_secret"},
    ),
    SealedTable(
        model=ExternalOrder,
        key=("source", "number"),
        row_id="external_id",
        cells={
            "raw_sealed": "raw",
            "receiver_sealed": "receiver",
            "claim_token_sealed": "claim_token",
        },
    ),
)
"""What a rotation of the data keys seals anew."""
