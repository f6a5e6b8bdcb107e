"""From an outside order to an order of ours: judged, placed, or put before a person."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_date
from app.core.db import Database
from app.core.errors import AppError
from app.customers.service import AddressText, ensure_address, ensure_customer, get_address
from app.identity.errors import PhoneInvalid
from app.identity.rules import normalise_phone
from app.marketplaces.intake import OutsideLine, Receiver
from app.marketplaces.models import ExternalLine, ExternalOrder, Shop, SkuMapping
from app.marketplaces.repository import orders as rows
from app.marketplaces.repository import shops
from app.marketplaces.repository.orders import Key
from app.marketplaces.rules import Facts, is_deliverable, judge, spread_amount
from app.marketplaces.service import refunding
from app.marketplaces.service.claiming_links import send_claim
from app.marketplaces.service.sealing import open_receiver
from app.marketplaces.states import OPEN, WAITING, ExternalState, RefundOutcome
from app.network.service import list_cities
from app.orders.importing.addresses import cut_address
from app.orders.repository import current_version
from app.orders.rules import Pattern
from app.orders.service import PaidOutside, place_paid_order
from app.orders.service.placing import WantedLine
from app.orders.states import AgreementChannel, OrderSource

_JUDGED = OPEN | {ExternalState.REFUSED}
"""What a refund, a mapping or a newer word may move on."""


async def process_order(database: Database, key: Key, *, now: datetime) -> None:
    """Carry an outside order as far as it goes by itself, in steps that each stand alone.

    Killed in between, or run twice, it goes on where it stands.
    """
    async with database.transaction() as session:
        await _judge(session, key, now=now)
    try:
        async with database.transaction() as session:
            await _place_mapped(session, key, now=now)
    except AppError as error:
        async with database.transaction() as session:
            await _ask_a_person(session, key, error, now=now)
    await refunding.apply_refunds(database, key, now=now)


async def _judge(session: AsyncSession, key: Key, *, now: datetime) -> None:
    order = await rows.lock_order(session, key)
    if order is None or order.state not in _JUDGED:
        return
    shop = await shops.get_shop_by_id(session, order.shop_id)
    lines = await rows.list_lines(session, [key])
    mapped = await shops.find_skus(session, shop.shop_id, {line.sku for line in lines})
    refunds = await rows.list_refunds(session, key)
    agreement = await current_version(session, on=local_date(now))
    receiver = open_receiver(order)
    state, reason = judge(
        Facts(
            paid_fen=order.paid_fen,
            lines=[_said(line) for line in lines],
            refunded_fen=sum(refund.amount_fen for refund in refunds),
            mapped_skus=mapped,
            is_accepted=order.accepted_at is not None,
            has_address=await find_address(session, receiver, shop) is not None,
            has_agreement=agreement is not None and shop.listing_agreement == agreement,
        )
    )
    if state is order.state or (
        order.state is ExternalState.REFUSED and state is not ExternalState.REFUNDED_OUTSIDE
    ):
        return
    if order.state in WAITING and state is not ExternalState.REFUNDED_OUTSIDE:
        await rows.change_state(
            session, order, ExternalState.RECEIVED, at=now, actor="system", reason="reconsidered"
        )
    facts = {"paid_fen": order.paid_fen, "lines_fen": sum(line.paid_fen for line in lines)}
    await rows.change_state(
        session, order, state, at=now, actor="system", reason=reason, facts=facts
    )
    if state is ExternalState.NEEDS_ADDRESS and order.claim_round == 0:
        await send_claim(session, order, shop, only_by_sms=True, now=now)
    if state is ExternalState.REFUNDED_OUTSIDE:
        await rows.end_refunds(session, key, outcome=RefundOutcome.BEFORE_ORDER)


def _said(line: ExternalLine) -> OutsideLine:
    return OutsideLine(line.line_no, line.sku, line.title, line.units, line.paid_fen)


async def _place_mapped(session: AsyncSession, key: Key, *, now: datetime) -> None:
    order = await rows.lock_order(session, key)
    if order is None or order.state is not ExternalState.MAPPED:
        return
    shop = await shops.get_shop_by_id(session, order.shop_id)
    receiver = open_receiver(order)
    address = await find_address(session, receiver, shop)
    if address is None or shop.listing_agreement is None:
        raise LookupError("a mapped order lost its address")
    await place(
        session,
        order,
        shop,
        name=receiver.name,
        address=address,
        agreement=(shop.listing_agreement, AgreementChannel.MARKETPLACE),
        actor="system",
        now=now,
    )


async def place(
    session: AsyncSession,
    order: ExternalOrder,
    shop: Shop,
    *,
    name: str,
    address: AddressText,
    agreement: tuple[str, AgreementChannel],
    actor: str,
    now: datetime,
) -> None:
    """Place a locked outside order for the household of a phone; it goes on to its review.

    `agreement` is the version accepted and where. Raises what `place_paid_order` raises,
    TooManyAddresses, PhoneInvalid.
    """
    key = (order.source, order.number)
    lines = await rows.list_lines(session, [key])
    mapped = await shops.find_skus(session, shop.shop_id, {line.sku for line in lines})
    refunds = await rows.list_refunds(session, key)
    customer_id = await ensure_customer(
        session, phone=address.phone, name=name, now=now, heard_from=order.source.value
    )
    ref = await ensure_address(session, customer_id=customer_id, address=address, now=now)
    placed = await place_paid_order(
        session,
        customer_id=customer_id,
        building=await get_address(session, customer_id=customer_id, address_id=ref.address_id),
        bought=PaidOutside(
            source=OrderSource(order.source.value),
            number=order.number,
            account=f"{order.source.value}:{shop.code}",
            lines=_wanted(lines, mapped, order.paid_fen),
            agreement_version=agreement[0],
            agreed_through=agreement[1],
            canvasser_id=order.canvasser_id,
        ),
        actor=actor,
        now=now,
    )
    if placed is None:
        raise LookupError(f"outside order {order.external_id} has an order that it does not know")
    for line, ours in zip(lines, placed.lines, strict=True):
        line.order_line_id = ours.order_line_id
    order.customer_id, order.order_id = customer_id, placed.order.order_id
    await rows.change_state(
        session, order, ExternalState.PLACED, at=now, actor=actor, reason=placed.order.order_no
    )
    if refunds:
        await refunding.wake(session, key)


def _wanted(
    lines: Sequence[ExternalLine], mapped: Mapping[str, SkuMapping], paid_fen: int
) -> list[tuple[WantedLine, int]]:
    """What was bought, with the amount paid spread over it as the positions say."""
    spread = spread_amount(paid_fen, [line.paid_fen for line in lines])
    return [
        (
            WantedLine(
                product_id=mapped[line.sku].product_id,
                pattern=pattern_of(mapped[line.sku]),
                start_date=None,
                bottles=mapped[line.sku].bottles * line.units,
                cycle_days=None,
            ),
            paid,
        )
        for line, paid in zip(lines, spread, strict=True)
    ]


def pattern_of(mapping: SkuMapping) -> Pattern:
    """The pattern in a mapping's three columns."""
    weekdays = mapping.weekday_quantities
    return Pattern(
        quantity=mapping.quantity,
        interval_days=mapping.interval_days,
        weekday_quantities=None if weekdays is None else tuple(weekdays),
    )


async def find_address(session: AsyncSession, receiver: Receiver, shop: Shop) -> AddressText | None:
    """The receiver's address in our parts; None where a part is hidden or no door is named."""
    if not is_deliverable(receiver):
        return None
    parts = cut_address(f"{receiver.district}{receiver.address}")
    if not parts.district or not (parts.street or parts.compound):
        return None
    try:
        phone = normalise_phone(receiver.phone)
    except PhoneInvalid:
        return None
    return AddressText(
        city_code=await _city_code(session, receiver.city) or shop.city_code,
        district=parts.district,
        street=parts.street,
        house_no=parts.house_no,
        compound=parts.compound,
        longitude=None,
        latitude=None,
        door=parts.door,
        recipient=receiver.name,
        phone=phone,
    )


async def _city_code(session: AsyncSession, name: str) -> str | None:
    if not name:
        return None
    plain = name.removesuffix("市")
    return next(
        (city.code for city in await list_cities(session) if city.name.removesuffix("市") == plain),
        None,
    )


async def _ask_a_person(session: AsyncSession, key: Key, error: AppError, *, now: datetime) -> None:
    order = await rows.lock_order(session, key)
    if order is not None and order.state is ExternalState.MAPPED:
        await rows.change_state(
            session,
            order,
            ExternalState.NEEDS_REVIEW,
            at=now,
            actor="system",
            reason=error.code,
        )
