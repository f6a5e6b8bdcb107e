"""Shapes of the catalogue's endpoints. Money is integer fen, VAT included; days are inclusive."""

from datetime import date
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from app.catalog.markets import Market
from app.catalog.models import AnnouncementKind, DepositKind, PriceChannel, StorageClass
from app.catalog.promotions import Ruled
from app.core.money import PositiveFen
from app.core.schemas import Answer, LongText, OptionalText, Request, ShortText

CalendarDate = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2199, 12, 31))]
CityCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
Permille = Annotated[int, Field(ge=0, le=1000, strict=True)]
Celsius = Annotated[float, Field(ge=-60, le=80, allow_inf_nan=False)]
Days = Annotated[int, Field(ge=1, le=1000, strict=True)]
LeadDays = Annotated[int, Field(ge=0, le=30, strict=True)]


def _distinct(names: list[str]) -> list[str]:
    return list(dict.fromkeys(names))


Aliases = Annotated[list[ShortText], Field(max_length=50), AfterValidator(_distinct)]
Search = Annotated[OptionalText, Field(max_length=50)]


class ProductIn(Request):
    """A new product in one specification."""

    code: Code
    name: ShortText
    specification: ShortText
    aliases: Aliases = Field(default_factory=list)
    storage_class: StorageClass
    max_celsius: Celsius | None = None
    shelf_life_days: Days
    lead_days: LeadDays = 0
    on_sale: bool = True
    needs_box: bool = False


class ProductChange(Request):
    """What may change on a product; what is absent stays."""

    name: ShortText | None = None
    specification: ShortText | None = None
    max_celsius: Celsius | None = None
    shelf_life_days: Days | None = None
    lead_days: LeadDays | None = None
    on_sale: bool | None = None
    needs_box: bool | None = None


class AliasesIn(Request):
    """All other names under which books and callers know the product."""

    aliases: Aliases


class PriceIn(Request):
    """Price of one bottle from a day, to a day or for good; null: every city, every channel."""

    price_fen: PositiveFen
    from_date: CalendarDate
    to_date: CalendarDate | None = None
    city_code: CityCode | None = None
    channel: PriceChannel | None = None

    def market(self) -> Market:
        """Where it holds."""
        return Market(self.city_code, self.channel)


class PriceEnd(Request):
    """The last day of a price."""

    to_date: CalendarDate


class VatRateEnd(Request):
    """The last day of a VAT rate."""

    to_date: CalendarDate


class VatRateIn(Request):
    """VAT rate in permille from a day, to a day or for good."""

    permille: Permille
    from_date: CalendarDate
    to_date: CalendarDate | None = None


class AnnouncementIn(Request):
    """News from a day on, to a day or until it is ended; the day may lie ahead."""

    kind: AnnouncementKind
    title: ShortText
    body: LongText
    from_date: CalendarDate
    to_date: CalendarDate | None = None


class AnnouncementChange(Request):
    """What may change on news; what is absent stays."""

    title: ShortText | None = None
    body: LongText | None = None
    to_date: CalendarDate | None = None


class AnnouncementOut(Answer):
    """News and its first and last day."""

    id: str
    kind: AnnouncementKind
    title: str
    body: str
    from_date: date | None
    to_date: date | None


class OfferOut(Answer):
    """A product on sale today, with today's price."""

    id: str
    code: str
    name: str
    specification: str
    storage_class: StorageClass
    shelf_life_days: int
    lead_days: int
    price_fen: int
    vat_permille: int


class ProductOut(Answer):
    """A product; `price_fen` and `vat_permille` are today's, if any."""

    id: str
    code: str
    name: str
    specification: str
    aliases: list[str]
    storage_class: StorageClass
    max_celsius: float | None
    shelf_life_days: int
    lead_days: int
    on_sale: bool
    needs_box: bool
    price_fen: int | None
    vat_permille: int | None


class PriceOut(Answer):
    """A price, where it holds (null: everywhere), and its first and last day."""

    id: str
    city_code: str | None
    channel: PriceChannel | None
    price_fen: int
    from_date: date | None
    to_date: date | None


class Prices(Answer):
    """All prices of a product, oldest first."""

    items: list[PriceOut]


class VatRateOut(Answer):
    """A VAT rate and its first and last day."""

    id: str
    permille: int
    from_date: date | None
    to_date: date | None


class VatRates(Answer):
    """All VAT rates of a product, oldest first."""

    items: list[VatRateOut]


class DiscountIn(Request):
    """What a long paid period costs less, from a day to come on; null product: every product.

    Reached from `min_days` or `min_bottles` on; takes `off_permille` of the price or `off_fen`.
    """

    name: ShortText
    product_id: ShortText | None = None
    min_days: Annotated[int, Field(ge=1, le=730, strict=True)] | None = None
    min_bottles: Annotated[int, Field(ge=1, le=4000, strict=True)] | None = None
    off_permille: Annotated[int, Field(ge=1, le=900, strict=True)] | None = None
    off_fen: PositiveFen | None = None
    from_date: CalendarDate
    to_date: CalendarDate | None = None

    @model_validator(mode="after")
    def one_of_each(self) -> Self:
        """One threshold and one amount."""
        if (self.min_days is None) == (self.min_bottles is None):
            raise ValueError("give either min_days or min_bottles")
        if (self.off_permille is None) == (self.off_fen is None):
            raise ValueError("give either off_permille or off_fen")
        return self


class DiscountOut(Answer):
    """A period discount and its first and last day."""

    id: str
    name: str
    product_id: str | None
    min_days: int | None
    min_bottles: int | None
    off_permille: int | None
    off_fen: int | None
    from_date: date | None
    to_date: date | None


class PromotionIn(Request):
    """An offer from a day to come on: gifts for bottles bought, or less to pay, with its rule.

    Null products: every product; null channel: every channel. `forbids` names the changes that what
    is bought under it does not allow.
    """

    name: ShortText
    rule: LongText
    product_ids: Annotated[list[ShortText], Field(min_length=1, max_length=100)] | None = None
    channel: PriceChannel | None = None
    buy_bottles: Annotated[int, Field(ge=1, le=4000, strict=True)] | None = None
    gift_bottles: Annotated[int, Field(ge=1, le=400, strict=True)] | None = None
    gift_every: Annotated[int, Field(ge=2, le=90, strict=True)] | None = None
    """With every so manieth delivery comes a share of the gifts; null: they come last."""
    off_permille: Annotated[int, Field(ge=1, le=900, strict=True)] | None = None
    off_fen: PositiveFen | None = None
    forbids: Annotated[list[Ruled], Field(max_length=5)] = Field(default_factory=list)
    from_date: CalendarDate
    to_date: CalendarDate | None = None

    @model_validator(mode="after")
    def one_grant(self) -> Self:
        """Gifts or a discount."""
        gifts = (self.buy_bottles is not None, self.gift_bottles is not None)
        off = (self.off_permille is not None) + (self.off_fen is not None)
        if (all(gifts), any(gifts), off) not in {(True, True, 0), (False, False, 1)}:
            raise ValueError("give buy_bottles with gift_bottles, or off_permille, or off_fen")
        if self.gift_every is not None and self.gift_bottles is None:
            raise ValueError("gift_every goes with gift_bottles")
        return self


class PromotionOut(Answer):
    """A promotion and its first and last day."""

    id: str
    name: str
    rule: str
    product_ids: list[str] | None
    channel: PriceChannel | None
    buy_bottles: int | None
    gift_bottles: int | None
    gift_every: int | None
    off_permille: int | None
    off_fen: int | None
    forbids: list[Ruled]
    from_date: date | None
    to_date: date | None


class DepositRateIn(Request):
    """What is asked for a box, or for one bottle of a product, from a day on."""

    kind: DepositKind
    product_id: ShortText | None = None
    amount_fen: PositiveFen
    from_date: CalendarDate
    to_date: CalendarDate | None = None

    @model_validator(mode="after")
    def product_of_bottles(self) -> Self:
        """Bottles are those of a product, a box serves all."""
        if (self.kind is DepositKind.BOTTLES) != (self.product_id is not None):
            raise ValueError("bottles name their product, a box none")
        return self


class DepositRateOut(Answer):
    """A deposit rate and its first and last day."""

    id: str
    kind: DepositKind
    product_id: str | None
    amount_fen: int
    from_date: date | None
    to_date: date | None
