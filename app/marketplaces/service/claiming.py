"""What the household does by the link of its marketplace order: address, agreement, done."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.models import Product
from app.core.clock import local_date
from app.customers.service import AddressText
from app.links import service as links
from app.links.states import LinkPurpose
from app.marketplaces.errors import NoAddressNeeded
from app.marketplaces.models import ExternalLine, ExternalOrder, Shop, SkuMapping
from app.marketplaces.repository import orders as rows
from app.marketplaces.repository import shops
from app.marketplaces.service.placing import pattern_of, place
from app.marketplaces.states import ExternalState
from app.network.models import City
from app.network.service import list_cities
from app.orders.models import OrderAgreement
from app.orders.repository import current_agreement, get_order
from app.orders.rules import Pattern
from app.orders.service.placing import require_agreement
from app.orders.states import LABELS as ORDER_LABELS
from app.orders.states import AgreementChannel

CLAIMED = "claimed"


@dataclass(frozen=True, slots=True)
class ClaimedLine:
    """A position in our words; amounts in fen."""

    product: str
    specification: str
    pattern: Pattern
    bottles: int
    paid_fen: int


@dataclass(frozen=True, slots=True)
class ClaimView:
    """What the holder of the link sees: nothing of the receiver."""

    order: ExternalOrder
    shop: Shop
    lines: list[ClaimedLine]
    agreement: OrderAgreement | None
    cities: list[City]
    can_claim: bool
    order_no: str | None = None
    order_label: str | None = None
    city_code: str = field(default="")


async def view_claim(session: AsyncSession, *, external_id: UUID, now: datetime) -> ClaimView:
    """The order of a link; changes nothing. Raises ExternalOrderUnknown."""
    order = await rows.find_by_id(session, external_id)
    shop = await shops.get_shop_by_id(session, order.shop_id)
    lines = await rows.list_lines(session, [(order.source, order.number)])
    mapped = await shops.find_skus(session, shop.shop_id, {line.sku for line in lines})
    ours = None
    if order.customer_id is not None and order.order_id is not None:
        ours = await get_order(session, order.customer_id, order.order_id)
    return ClaimView(
        order=order,
        shop=shop,
        lines=[
            await _line(session, line, mapped[line.sku]) for line in lines if line.sku in mapped
        ],
        agreement=await current_agreement(session, on=local_date(now)),
        cities=await list_cities(session),
        can_claim=order.state is ExternalState.NEEDS_ADDRESS,
        order_no=None if ours is None else ours.order_no,
        order_label=None if ours is None else ORDER_LABELS[ours.status],
        city_code=shop.city_code,
    )


async def _line(session: AsyncSession, line: ExternalLine, mapping: SkuMapping) -> ClaimedLine:
    product = await session.get_one(Product, mapping.product_id)
    return ClaimedLine(
        product=product.name,
        specification=product.specification,
        pattern=pattern_of(mapping),
        bottles=mapping.bottles * line.units,
        paid_fen=line.paid_fen,
    )


async def claim_by_link(
    session: AsyncSession,
    *,
    token: str,
    address: AddressText,
    agreement_version: str,
    now: datetime,
) -> ExternalOrder:
    """The household names its door and accepts the agreement: the order is placed and reviewed.

    A second tap is the same order. Raises LinkUnknown, LinkExpired, NoAddressNeeded,
    AgreementOutdated, AgreementMissing, PhoneInvalid, and what placing raises.
    """
    named = await links.read_link(session, token, purpose=LinkPurpose.MARKETPLACE_CLAIM)
    order = await rows.find_by_id(session, named.subject_id, lock=True)
    link = await links.read_link(session, token, purpose=LinkPurpose.MARKETPLACE_CLAIM, lock=True)
    if order.state is ExternalState.PLACED and link.used_for == CLAIMED:
        return order
    if order.state is not ExternalState.NEEDS_ADDRESS:
        raise NoAddressNeeded(state=order.state.value)
    await require_agreement(session, agreement_version, on=local_date(now))
    await links.use_link(session, link, used_for=CLAIMED)
    await place(
        session,
        order,
        await shops.get_shop_by_id(session, order.shop_id),
        name=address.recipient,
        address=address,
        agreement=(agreement_version, AgreementChannel.SMS_LINK),
        actor="customer",
        now=now,
    )
    return order
