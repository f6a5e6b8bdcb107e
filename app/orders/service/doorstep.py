"""Orders taken at the door, confirmed on site (S1 4.2.3, 4.3.2)."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.models import PaymentChannel
from app.billing.service import record_door_payment
from app.catalog.deposits import DepositNeed
from app.catalog.markets import Market
from app.catalog.models import DepositKind
from app.catalog.service import Offer, get_offers
from app.core.clock import local_date
from app.core.ids import new_id, public_pair
from app.core.money import yuan_text
from app.customers.service import AddressText, add_address, ensure_customer, get_address
from app.network.service import check_coverage, list_blocks_of_deliverer
from app.notifications.service import send_sms
from app.orders import repository
from app.orders.changes.destinations import DEFAULT_STOP_NO, ServedBy
from app.orders.deposit_errors import DepositAboveAmount
from app.orders.depositing import ask, take
from app.orders.errors import AmountTooLarge, NotServedByDeliverer
from app.orders.markets import CHANNELS
from app.orders.models import Order, OrderLine
from app.orders.rules import MAX_BOTTLES, Pattern
from app.orders.service.confirming import confirm_order
from app.orders.service.placing import require_agreement, take_order_no
from app.orders.states import AgreementChannel, ConfirmationKind, OrderSource, OrderStatus


@dataclass(frozen=True)
class DoorOrder:
    """What the deliverer wrote down; `client_order_id` was made on the phone. Amounts in fen:
    `amount_fen` is all that was collected, `deposit_fen` of it for the box.
    """

    deliverer_id: UUID
    client_order_id: UUID
    customer_name: str
    phone: str
    address: AddressText
    product_id: UUID
    pattern: Pattern
    start_date: date | None
    bottles: int
    amount_fen: int
    deposit_fen: int
    pay_channel: PaymentChannel
    receipt_no: str
    pos_slip: dict[str, Any] | None
    agreement_version: str
    taken_at: datetime


@dataclass(frozen=True)
class PlacedDoorOrder:
    """What the deliverer tells the household."""

    order_public_id: str
    order_no: str
    first_date: date
    is_repeat: bool = False


async def place_door_order(
    session: AsyncSession, *, taken: DoorOrder, now: datetime
) -> PlacedDoorOrder:
    """Log, take the money for and confirm an order at the door; safe to send twice.

    `amount_fen` is what was collected. The block is the one that covers the address if it is the
    deliverer's, else the deliverer's own. Raises AgreementOutdated, NotServedByDeliverer,
    AmountTooLarge, DepositAboveAmount, product errors and those of the receipt.
    """
    customer_id = await ensure_customer(
        session, phone=taken.phone, name=taken.customer_name, now=now, heard_from="door"
    )
    order_id = new_id()
    repeat_key = f"door:{taken.client_order_id}"
    if not await repository.claim_number(
        session, repeat_key, customer_id=customer_id, order_id=order_id
    ):
        return await _answer_again(session, repeat_key)
    order = await _write_order(session, taken, customer_id=customer_id, order_id=order_id, now=now)
    await record_door_payment(
        session,
        customer_id=customer_id,
        reference_id=order_id,
        channel=taken.pay_channel,
        amount_fen=taken.amount_fen,
        collector_id=taken.deliverer_id,
        receipt_no=taken.receipt_no,
        pos_slip=taken.pos_slip,
        collected_at=taken.taken_at,
        payment_id=taken.client_order_id,
        now=now,
    )
    await take(session, order, now=now)
    first = await confirm_order(
        session,
        order,
        served_by=await _served_by(session, order, deliverer_id=taken.deliverer_id, now=now),
        actor=f"deliverer:{taken.deliverer_id}",
        now=now,
        reason="confirmed on site",
    )
    await _send_receipt(session, order, taken, now=now)
    return PlacedDoorOrder(public_pair("ord", customer_id, order_id), order.order_no, first)


async def _write_order(
    session: AsyncSession, taken: DoorOrder, *, customer_id: UUID, order_id: UUID, now: datetime
) -> Order:
    taken_date = local_date(taken.taken_at)
    await require_agreement(session, taken.agreement_version, on=taken_date)
    if not 0 < taken.bottles <= MAX_BOTTLES:
        raise AmountTooLarge(bottles=taken.bottles, most=MAX_BOTTLES)
    if taken.deposit_fen >= taken.amount_fen:
        raise DepositAboveAmount
    offers = await get_offers(
        session,
        product_ids={taken.product_id},
        on=taken_date,
        market=Market(taken.address.city_code, CHANNELS[OrderSource.DOOR]),
    )
    place = await add_address(session, customer_id=customer_id, address=taken.address, now=now)
    order = Order(
        customer_id=customer_id,
        order_id=order_id,
        order_no=await take_order_no(session, customer_id=customer_id, order_id=order_id),
        status=OrderStatus.UNDER_REVIEW,
        confirmation=ConfirmationKind.OFFLINE,
        source=OrderSource.DOOR,
        address_id=place.address_id,
        price_fen=taken.amount_fen - taken.deposit_fen,
        deposit_fen=taken.deposit_fen,
        agreement_version=taken.agreement_version,
        agreed_at=taken.taken_at,
        agreed_through=AgreementChannel.DOOR,
        deliverer_id=taken.deliverer_id,
        placed_at=taken.taken_at,
        paid_at=taken.taken_at,
        version=1,
    )
    session.add(order)
    await session.flush()
    session.add(_line(taken, order, offers[taken.product_id]))
    await session.flush()
    if taken.deposit_fen:
        box = DepositNeed(DepositKind.BOX, None, taken.deposit_fen)
        await ask(session, order, [box], now=now)
    return order


def _line(taken: DoorOrder, order: Order, offer: Offer) -> OrderLine:
    weekdays = taken.pattern.weekday_quantities
    return OrderLine(
        customer_id=order.customer_id,
        order_line_id=new_id(),
        order_id=order.order_id,
        product_id=taken.product_id,
        quantity=taken.pattern.quantity,
        interval_days=taken.pattern.interval_days,
        weekday_quantities=None if weekdays is None else list(weekdays),
        start_date=taken.start_date or local_date(taken.taken_at),
        bottles_bought=taken.bottles,
        gift_bottles=0,
        paid_fen=taken.amount_fen - taken.deposit_fen,
        unit_price_fen=offer.price_fen,
        vat_permille=offer.vat_permille,
    )


async def _send_receipt(
    session: AsyncSession, order: Order, taken: DoorOrder, *, now: datetime
) -> None:
    await send_sms(
        session,
        customer_id=order.customer_id,
        phone=taken.phone,
        template="offline_receipt",
        parameters={
            "order": order.order_no,
            "amount": yuan_text(taken.amount_fen),
            "receipt": taken.receipt_no,
        },
        cause=f"offline_receipt:{order.order_id}",
        now=now,
    )


async def _answer_again(session: AsyncSession, repeat_key: str) -> PlacedDoorOrder:
    found = await repository.find_number(session, repeat_key)
    if found is None:
        raise LookupError(repeat_key)
    customer_id, order_id = found
    order = await repository.get_order(session, customer_id, order_id)
    lines = await repository.list_lines(session, customer_id, [order_id])
    first = min(line.anchor_date or line.start_date for line in lines)
    return PlacedDoorOrder(
        public_pair("ord", customer_id, order_id), order.order_no, first, is_repeat=True
    )


async def _served_by(
    session: AsyncSession, order: Order, *, deliverer_id: UUID, now: datetime
) -> ServedBy:
    today = local_date(now)
    own = await list_blocks_of_deliverer(session, deliverer_id=deliverer_id, on=today)
    if not own:
        raise NotServedByDeliverer
    building = await get_address(
        session, customer_id=order.customer_id, address_id=order.address_id
    )
    coverage = await check_coverage(session, building=building, on=today)
    by_id = dict(own)
    if coverage.block_id is not None and coverage.block_id in by_id:
        stop_no = DEFAULT_STOP_NO if coverage.stop_no is None else coverage.stop_no
        return ServedBy(by_id[coverage.block_id], coverage.block_id, stop_no)
    block_id, station_id = own[0]
    return ServedBy(station_id, block_id, DEFAULT_STOP_NO)
