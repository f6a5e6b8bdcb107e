"""The link by which a household gives the address its marketplace hides."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import OPERATOR_ZONE
from app.core.ids import HOUSE
from app.links import service as links
from app.links.errors import LinkExpired, LinkUnknown
from app.links.states import LinkPurpose
from app.marketplaces.errors import ClaimLimitReached, NoAddressNeeded, NoClaimLink
from app.marketplaces.models import ExternalOrder, Shop
from app.marketplaces.repository import orders as rows
from app.marketplaces.repository import shops
from app.marketplaces.rules import CLAIM_LIFETIME, MOST_CLAIM_LINKS, reachable_phone
from app.marketplaces.service.sealing import open_receiver, open_token, seal_token
from app.marketplaces.states import ExternalState
from app.notifications.service import send_sms

TEMPLATE = "marketplace_claim"
SHOWN_DIGITS = 4


async def send_claim(
    session: AsyncSession,
    order: ExternalOrder,
    shop: Shop,
    *,
    only_by_sms: bool,
    now: datetime,
) -> bool:
    """Make a fresh link for a locked order that waits for its address; the one before ends.

    By SMS where its phone is whole, else an agent copies the text into the shop's chat. With
    `only_by_sms` nothing is made for the chat. True when it went by SMS. Raises ClaimLimitReached.
    """
    phone = reachable_phone(open_receiver(order))
    if phone is None and only_by_sms:
        return False
    if order.claim_round >= MOST_CLAIM_LINKS:
        raise ClaimLimitReached(limit=MOST_CLAIM_LINKS)
    order.claim_round += 1
    token = await links.make_link(
        session,
        purpose=LinkPurpose.MARKETPLACE_CLAIM,
        customer_id=HOUSE,
        subject_id=order.external_id,
        round_no=order.claim_round,
        lifetime=CLAIM_LIFETIME,
    )
    order.claim_token_sealed = seal_token(order, token)
    order.claimed_by_sms = phone is not None
    await session.flush()
    if phone is not None:
        await send_sms(
            session,
            customer_id=HOUSE,
            phone=phone,
            template=TEMPLATE,
            parameters={
                "shop": shop.name,
                "number": f"尾号{order.number[-SHOWN_DIGITS:]}",
                "until": _until(now),
                **links.sms_parameters(token),
            },
            cause=f"marketplace_claim:{order.external_id}:{order.claim_round}",
            now=now,
        )
    return phone is not None


def _until(now: datetime) -> str:
    local = (now + CLAIM_LIFETIME - timedelta(hours=1)).astimezone(OPERATOR_ZONE)
    return f"{local.month}月{local.day}日{local:%H:%M}"


async def make_claim_link(
    session: AsyncSession, *, external_id: UUID, now: datetime
) -> tuple[ExternalOrder, bool]:
    """A fresh link for an order that waits for its address, and whether it went by SMS.

    Raises ExternalOrderUnknown, NoAddressNeeded, ClaimLimitReached.
    """
    order = await rows.find_by_id(session, external_id, lock=True)
    if order.state is not ExternalState.NEEDS_ADDRESS:
        raise NoAddressNeeded(state=order.state.value)
    shop = await shops.get_shop_by_id(session, order.shop_id)
    return order, await send_claim(session, order, shop, only_by_sms=False, now=now)


async def get_claim_text(session: AsyncSession, *, external_id: UUID) -> str:
    """What an agent copies into the shop's chat: whoever has it may claim the order. Never to be
    logged or kept. Raises ExternalOrderUnknown, NoAddressNeeded, NoClaimLink.
    """
    order = await rows.find_by_id(session, external_id)
    if order.state is not ExternalState.NEEDS_ADDRESS:
        raise NoAddressNeeded(state=order.state.value)
    token = open_token(order)
    if token is None:
        raise NoClaimLink
    try:
        link = await links.read_link(session, token, purpose=LinkPurpose.MARKETPLACE_CLAIM)
    except (LinkUnknown, LinkExpired) as error:
        raise NoClaimLink from error
    until = link.expires_at.astimezone(OPERATOR_ZONE)
    site = links.sms_parameters(token)["site"]
    return (
        f"您好，感谢订购！为了把鲜奶准确送到您家，请在{until.month}月{until.day}日前打开 "
        f"{site}/l/{token} 填写收奶地址并确认订奶协议，提交后我们马上安排。"
    )
