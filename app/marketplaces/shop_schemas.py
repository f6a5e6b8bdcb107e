"""JSON shapes of shops, their SKUs, promotion codes and canvassers. Amounts are integer fen."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import StringConstraints, model_validator

from app.core.ids import public_single
from app.core.schemas import Answer, Request, ShortText
from app.marketplaces.claim_schemas import pattern_out
from app.marketplaces.models import PromotionCode, Shop, SkuMapping
from app.marketplaces.repository.reports import CanvasserRow
from app.marketplaces.service.placing import pattern_of
from app.marketplaces.service.shops import Credentials, ShopView
from app.marketplaces.states import Marketplace
from app.orders.schemas import Bottles, PatternIn

Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{1,39}$")]
Secret = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{6,200}$")]
PushSecret = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{32,200}$")]
Sku = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class ShopIn(Request):
    """A shop of ours on a marketplace."""

    code: Code
    name: ShortText
    source: Marketplace
    city_code: Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]
    listing_agreement: ShortText | None = None


class ShopPatch(Request):
    """What changes; absent fields stay, null clears the agreement."""

    name: ShortText | None = None
    is_active: bool | None = None
    listing_agreement: ShortText | None = None

    def changes(self) -> dict[str, Any]:
        """Only what the request names."""
        named = self.model_dump(include=self.model_fields_set)
        return {
            name: value
            for name, value in named.items()
            if value is not None or name == "listing_agreement"
        }


class CredentialsIn(Request):
    """Secrets of a shop; they are kept sealed and never shown again."""

    app_key: Secret | None = None
    app_secret: Secret | None = None
    session: Secret | None = None
    push_secret: PushSecret | None = None
    pull_from: datetime | None = None
    """From when on orders are read, at most 90 days back; now, unless said."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        keys = (self.app_key, self.app_secret, self.session)
        if any(keys) and not all(keys):
            raise ValueError("app_key, app_secret and session come together")
        if self.pull_from is not None and self.pull_from.tzinfo is None:
            raise ValueError("pull_from needs a time zone")
        return self

    def given(self) -> Credentials:
        """The domain's value."""
        return Credentials(self.app_key, self.app_secret, self.session, self.push_secret)


class ShopOut(Answer):
    """A shop, and how far it is pulled; secrets only as whether they are set."""

    code: str
    name: str
    source: Marketplace
    city_code: str
    listing_agreement: str | None
    is_active: bool
    is_pulled: bool
    takes_pushes: bool
    pulled_until: datetime | None = None
    succeeded_at: datetime | None = None
    failures: int = 0
    failure: str | None = None

    @classmethod
    def of(cls, shop: Shop) -> Self:
        """Of the row alone."""
        return cls(
            code=shop.code,
            name=shop.name,
            source=shop.source,
            city_code=shop.city_code,
            listing_agreement=shop.listing_agreement,
            is_active=shop.is_active,
            is_pulled=shop.credentials_sealed is not None,
            takes_pushes=shop.push_secret_sealed is not None,
        )

    @classmethod
    def of_view(cls, view: ShopView) -> Self:
        """With its cursor."""
        out, cursor = cls.of(view.shop), view.cursor
        if cursor is not None:
            out.pulled_until, out.succeeded_at = cursor.pulled_until, cursor.succeeded_at
            out.failures, out.failure = cursor.failures, cursor.failure
        return out


class ShopsOut(Answer):
    """Every shop."""

    items: list[ShopOut]


class SkuIn(Request):
    """What one unit of an outside SKU is."""

    sku: Sku
    product_id: ShortText
    bottles: Bottles
    pattern: PatternIn


class SkuOut(Answer):
    """A mapping; `released` orders went on because of it."""

    shop: str
    sku: str
    product_id: str
    bottles: int
    pattern: dict[str, Any]
    changed_at: datetime
    changed_by: str
    released: int | None = None

    @classmethod
    def of(cls, shop: str, mapping: SkuMapping, *, released: int | None = None) -> Self:
        """Of a row."""
        return cls(
            shop=shop,
            sku=mapping.sku,
            product_id=public_single("prd", mapping.product_id),
            bottles=mapping.bottles,
            pattern=pattern_out(pattern_of(mapping)),
            changed_at=mapping.changed_at,
            changed_by=mapping.changed_by,
            released=released,
        )


class SkusOut(Answer):
    """What a shop's SKUs are."""

    items: list[SkuOut]


class UnmappedOut(Answer):
    """An SKU orders wait for."""

    shop: str
    sku: str
    title: str
    orders: int
    since: datetime


class UnmappedListOut(Answer):
    """The work list, oldest first."""

    items: list[UnmappedOut]


class PromotionCodeIn(Request):
    """A code for buyers' remarks."""

    code: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z_-]{1,39}$")]
    deliverer_id: ShortText


class PromotionCodePatch(Request):
    """Whether it counts."""

    is_active: bool


class PromotionCodeOut(Answer):
    """A code and whose it is."""

    code: str
    deliverer_id: str
    is_active: bool
    created_at: datetime

    @classmethod
    def of(cls, row: PromotionCode) -> Self:
        """Of a row."""
        return cls(
            code=row.code,
            deliverer_id=public_single("dlv", row.deliverer_id),
            is_active=row.is_active,
            created_at=row.created_at,
        )


class PromotionCodesOut(Answer):
    """Every code."""

    items: list[PromotionCodeOut]


class CanvasserOut(Answer):
    """What one canvasser has won on marketplaces."""

    deliverer_id: str
    employee_no: str
    name: str
    orders: int
    placed: int
    confirmed: int
    bottles: int
    paid_fen: int
    refunded_fen: int

    @classmethod
    def of(cls, row: CanvasserRow) -> Self:
        """Of a row."""
        return cls(
            deliverer_id=public_single("dlv", row.canvasser_id),
            employee_no=row.employee_no,
            name=row.name,
            orders=row.orders,
            placed=row.placed,
            confirmed=row.confirmed,
            bottles=row.bottles,
            paid_fen=row.paid_fen,
            refunded_fen=row.refunded_fen,
        )


class CanvassersOut(Answer):
    """Rows by canvasser; `from_date` to `to_date`, both included, by receipt."""

    items: list[CanvasserOut]
