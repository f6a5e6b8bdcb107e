"""A push of an ERP: genuine, of now, and for the first time, or nothing is written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.marketplaces.channels.erp import check_push, orders_of, read_push, refunds_of
from app.marketplaces.errors import (
    ForeignNumber,
    PushForged,
    PushMalformed,
    PushReplayed,
    ShopUnknown,
)
from app.marketplaces.intake import OutsideOrder
from app.marketplaces.repository import shops
from app.marketplaces.rules import PUSH_SPAN
from app.marketplaces.service.receiving import Intake, receive
from app.marketplaces.service.sealing import open_push_secret
from app.marketplaces.states import IntakeWay

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Push:
    """What came over the wire; `headers` has lower-case names."""

    shop: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


async def take_push(session: AsyncSession, push: Push, *, wall: datetime, now: datetime) -> Intake:
    """Write a push's orders and refunds down, all or none.

    A repeated nonce is refused; the same orders under a fresh one are known. Raises ShopUnknown,
    PushSignatureMissing, PushForged, PushTooOld, PushReplayed, PushMalformed, ForeignNumber.
    """
    shop = await shops.get_shop(session, push.shop)
    secret = open_push_secret(shop)
    if secret is None or not shop.is_active:
        raise ShopUnknown
    try:
        nonce = check_push(push.headers, push.body, secret=secret, wall=wall, span=PUSH_SPAN)
    except PushForged:
        # anyone may knock here without end, so this leaves a line in the log and no row
        log.warning("security", kind="erp_push_forged", shop=shop.code)
        raise
    if not await shops.is_first_use(session, shop_id=shop.shop_id, nonce=nonce, at=wall):
        raise PushReplayed
    batch = read_push(push.body)
    intake = await receive(
        session,
        shop=shop,
        orders=_unique(orders_of(batch)),
        refunds=refunds_of(batch),
        way=IntakeWay.PUSH,
        now=now,
    )
    if intake.foreign:
        raise ForeignNumber(numbers=intake.foreign)
    return intake


def _unique(orders: list[OutsideOrder]) -> list[OutsideOrder]:
    for order in orders:
        if len({line.line_no for line in order.lines}) < len(order.lines):
            raise PushMalformed(fields=["orders.lines.line_no"])
    return orders
