"""Tables of the catalogue."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, Numeric, Text
from sqlalchemy.dialects.postgresql import DATERANGE, ExcludeConstraint, Range
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import EnumText, Shared
from app.core.states import values_of


class StorageClass(StrEnum):
    """Chilled goods are held to a temperature; shelf-stable ones are not."""

    CHILLED = "chilled"
    AMBIENT = "ambient"


class Product(Shared):
    """A product in one specification (规格)."""

    __tablename__ = "products"
    __table_args__ = (
        CheckConstraint(f"storage_class IN ({values_of(StorageClass)})", name="storage_class"),
        CheckConstraint("shelf_life_days > 0 AND lead_days >= 0", name="days"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    specification: Mapped[str]
    aliases: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    storage_class: Mapped[StorageClass] = mapped_column(EnumText(StorageClass))
    max_celsius: Mapped[Decimal | None] = mapped_column(Numeric(4, 1))
    """Product temperature limit at handover; none for shelf-stable goods."""
    shelf_life_days: Mapped[int]
    lead_days: Mapped[int]
    """Whole days between the cut-off and the first delivery, beyond the usual next morning."""
    on_sale: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]


class ProductPrice(Shared):
    """Price of one bottle in fen, VAT included, over a period; periods cannot overlap."""

    __tablename__ = "product_prices"
    __table_args__ = (
        CheckConstraint("price_fen > 0", name="price_fen"),
        ExcludeConstraint(("product_id", "="), ("valid", "&&"), using="gist", name="ex_prices"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"))
    valid: Mapped[Range[date]] = mapped_column(DATERANGE)
    price_fen: Mapped[int]


class AnnouncementKind(StrEnum):
    """What a household is told (S1 4.1.2)."""

    PROMOTION = "promotion"
    NEW_PRODUCT = "new_product"
    CHANGE_NOTICE = "change_notice"


class Announcement(Shared):
    """News that stands on the household's page over a period."""

    __tablename__ = "announcements"
    __table_args__ = (
        CheckConstraint(f"kind IN ({values_of(AnnouncementKind)})", name="kind"),
        CheckConstraint("NOT isempty(valid)", name="valid"),
        CheckConstraint("length(title) > 0 AND length(body) > 0", name="texts"),
        Index("ix_announcements_valid", "valid", postgresql_using="gist"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[AnnouncementKind] = mapped_column(EnumText(AnnouncementKind))
    title: Mapped[str]
    body: Mapped[str]
    valid: Mapped[Range[date]] = mapped_column(DATERANGE)
    created_at: Mapped[datetime]


class ProductVatRate(Shared):
    """VAT rate in permille over a period; periods cannot overlap."""

    __tablename__ = "product_vat_rates"
    __table_args__ = (
        CheckConstraint("permille BETWEEN 0 AND 1000", name="permille"),
        ExcludeConstraint(("product_id", "="), ("valid", "&&"), using="gist", name="ex_vat"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"))
    valid: Mapped[Range[date]] = mapped_column(DATERANGE)
    permille: Mapped[int]
