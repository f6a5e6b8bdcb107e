"""Tables of the catalogue."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ForeignKey,
    Index,
    Numeric,
    SmallInteger,
    Text,
    Uuid,
    literal_column,
)
from sqlalchemy.dialects.postgresql import DATERANGE, ExcludeConstraint, Range
from sqlalchemy.orm import Mapped, mapped_column

from app.catalog.promotions import Ruled
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
    needs_box: Mapped[bool] = mapped_column(default=False, server_default="false")
    """Whether it is left in a milk box (奶箱) at the door."""
    created_at: Mapped[datetime]


class PriceChannel(StrEnum):
    """Where something is sold: own pages and apps, by phone, at the door, in a shop, outside."""

    WEB = "web"
    PHONE = "phone"
    DOOR = "door"
    SHOP = "shop"
    MARKETPLACE = "marketplace"


class ProductPrice(Shared):
    """Price of one bottle in fen, VAT included, over a period, for a market.

    Periods of one market cannot overlap. The price of a city and channel goes before that of the
    city, this before that of the channel, this before the general one.
    """

    __tablename__ = "product_prices"
    __table_args__ = (
        CheckConstraint("price_fen > 0", name="price_fen"),
        CheckConstraint(f"channel IN ({values_of(PriceChannel)})", name="channel"),
        ExcludeConstraint(
            ("product_id", "="),
            (literal_column("coalesce(city_code, '')"), "="),
            (literal_column("coalesce(channel, '')"), "="),
            ("valid", "&&"),
            using="gist",
            name="ex_prices",
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"))
    city_code: Mapped[str | None] = mapped_column(ForeignKey("cities.code"))
    """None: in every city."""
    channel: Mapped[PriceChannel | None] = mapped_column(EnumText(PriceChannel))
    """None: through every channel."""
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


class PeriodDiscount(Shared):
    """What a long paid period (季卡, 年卡) costs less, over a period of days.

    From so many days or bottles on, so many permille of the price or fen of a line; of several that
    are reached the largest holds. A row that has begun only ever gets a last day.
    """

    __tablename__ = "period_discounts"
    __table_args__ = (
        CheckConstraint("length(name) > 0", name="name"),
        CheckConstraint("NOT isempty(valid) AND NOT lower_inf(valid)", name="valid"),
        CheckConstraint(
            "num_nonnulls(min_days, min_bottles) = 1 AND min_days BETWEEN 1 AND 730"
            " OR num_nonnulls(min_days, min_bottles) = 1 AND min_bottles BETWEEN 1 AND 4000",
            name="reached",
        ),
        CheckConstraint(
            "num_nonnulls(off_permille, off_fen) = 1 AND off_permille BETWEEN 1 AND 900"
            " OR num_nonnulls(off_permille, off_fen) = 1 AND off_fen > 0",
            name="granted",
        ),
        ExcludeConstraint(
            (
                literal_column(
                    "coalesce(product_id, '00000000-0000-0000-0000-000000000000'::uuid)"
                ),
                "=",
            ),
            (literal_column("coalesce(min_days, 0)"), "="),
            (literal_column("coalesce(min_bottles, 0)"), "="),
            ("valid", "&&"),
            using="gist",
            name="ex_period_discounts",
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    product_id: Mapped[UUID | None] = mapped_column(ForeignKey("products.id"))
    """None: every product."""
    min_days: Mapped[int | None] = mapped_column(SmallInteger)
    min_bottles: Mapped[int | None] = mapped_column(SmallInteger)
    off_permille: Mapped[int | None] = mapped_column(SmallInteger)
    off_fen: Mapped[int | None]
    """Taken from the price of one line."""
    valid: Mapped[Range[date]] = mapped_column(DATERANGE)
    created_by: Mapped[str]
    created_at: Mapped[datetime]


class Promotion(Shared):
    """An offer over a period of days: gifts for bottles bought, or less to pay, with its rule.

    A row that has begun only ever gets a last day; what was bought under it keeps it.
    """

    __tablename__ = "promotions"
    __table_args__ = (
        CheckConstraint("length(name) > 0 AND length(rule) > 0", name="words"),
        CheckConstraint("NOT isempty(valid) AND NOT lower_inf(valid)", name="valid"),
        CheckConstraint("cardinality(product_ids) > 0", name="products"),
        CheckConstraint(f"channel IN ({values_of(PriceChannel)})", name="channel"),
        CheckConstraint("buy_bottles > 0 AND gift_bottles > 0", name="gifts"),
        CheckConstraint(
            "gift_every IS NULL OR gift_bottles IS NOT NULL AND gift_every BETWEEN 2 AND 90",
            name="gift_every",
        ),
        CheckConstraint("off_permille BETWEEN 1 AND 900", name="off_permille"),
        CheckConstraint("off_fen > 0", name="off_fen"),
        CheckConstraint(
            "num_nonnulls(buy_bottles, gift_bottles) = 2"
            " AND num_nonnulls(off_permille, off_fen) = 0"
            " OR num_nonnulls(buy_bottles, gift_bottles) = 0"
            " AND num_nonnulls(off_permille, off_fen) = 1",
            name="granted",
        ),
        CheckConstraint(f"forbids <@ ARRAY[{values_of(Ruled)}]::text[]", name="forbids"),
        Index("ix_promotions_valid", "valid", postgresql_using="gist"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    rule: Mapped[str]
    """What it says, as the household reads it."""
    product_ids: Mapped[list[UUID] | None] = mapped_column(ARRAY(Uuid))
    """None: every product."""
    channel: Mapped[PriceChannel | None] = mapped_column(EnumText(PriceChannel))
    """None: through every channel."""
    buy_bottles: Mapped[int | None] = mapped_column(SmallInteger)
    gift_bottles: Mapped[int | None] = mapped_column(SmallInteger)
    """Given for every `buy_bottles` bought."""
    gift_every: Mapped[int | None] = mapped_column(SmallInteger)
    """On which delivery days the gifts come: every so manieth. None: after all that was bought."""
    off_permille: Mapped[int | None] = mapped_column(SmallInteger)
    off_fen: Mapped[int | None]
    """Taken from the price of one line."""
    forbids: Mapped[list[str]] = mapped_column(ARRAY(Text))
    """Changes (`Ruled`) that what is bought under it does not allow."""
    valid: Mapped[Range[date]] = mapped_column(DATERANGE)
    created_by: Mapped[str]
    created_at: Mapped[datetime]


class DepositKind(StrEnum):
    """What a household has of ours while it is served."""

    BOX = "box"
    BOTTLES = "bottles"


class DepositRate(Shared):
    """What is asked for a milk box, or for the bottles of a product, over a period of days.

    A row that has begun only ever gets a last day.
    """

    __tablename__ = "deposit_rates"
    __table_args__ = (
        CheckConstraint(f"kind IN ({values_of(DepositKind)})", name="kind"),
        CheckConstraint("(kind = 'bottles') = (product_id IS NOT NULL)", name="product"),
        CheckConstraint("amount_fen > 0", name="amount"),
        CheckConstraint("NOT isempty(valid) AND NOT lower_inf(valid)", name="valid"),
        ExcludeConstraint(
            (
                literal_column(
                    "coalesce(product_id, '00000000-0000-0000-0000-000000000000'::uuid)"
                ),
                "=",
            ),
            ("valid", "&&"),
            using="gist",
            name="ex_deposit_rates",
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[DepositKind] = mapped_column(EnumText(DepositKind))
    product_id: Mapped[UUID | None] = mapped_column(ForeignKey("products.id"))
    """The product whose bottles come back; None: the box."""
    amount_fen: Mapped[int]
    """Of a box, or of one bottle."""
    valid: Mapped[Range[date]] = mapped_column(DATERANGE)
    created_by: Mapped[str]
    created_at: Mapped[datetime]
