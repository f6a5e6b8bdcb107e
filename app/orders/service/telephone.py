"""Orders an agent enters for a caller, and what the caller does by the link of the SMS.

They count as online ordering (S1 4.2.2): paid, then reviewed. Nothing is paid before the caller
has accepted the order agreement.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.models import Payment, PaymentChannel
from app.catalog.models import Product
from app.core.clock import OPERATOR_ZONE, local_date
from app.core.ids import named_id
from app.core.money import yuan_text
from app.customers.service import (
    AddressText,
    Building,
    add_address,
    contact_phone,
    ensure_customer,
    get_address,
)
from app.links import service as links
from app.links.errors import LinkExpired, LinkUnknown
from app.links.states import LinkPurpose
from app.notifications.service import find_parameters, send_sms
from app.orders import repository
from app.orders.errors import (
    AddressNotNamed,
    AgreementOutdated,
    LinkLimitReached,
    OrderNotPayable,
    WindowTooEarly,
)
from app.orders.models import Order, OrderAgreement, OrderLine, PaymentWindow
from app.orders.repository import windows
from app.orders.service.paying import start_payment
from app.orders.service.placing import Placed, WantedLine, require_agreement, write_placed
from app.orders.states import AgreementChannel, OrderSource, OrderStatus

TEMPLATE = "phone_order_link"
MOST_LINKS = 5
"""How often the link of one order is sent."""


@dataclass(frozen=True, slots=True)
class PhoneOrder:
    """What a caller orders: for a new address, or for one of his, `(customer_id, address_id)`."""

    phone: str = field(repr=False)
    customer_name: str | None = field(repr=False)
    address: AddressText | tuple[UUID, UUID] = field(repr=False)
    lines: Sequence[WantedLine]
    heard_from: str | None = None


async def place_phone_order(
    session: AsyncSession, *, taken: PhoneOrder, actor: str, now: datetime
) -> Placed:
    """Enter an order for a caller, found or opened by phone, and send the link to pay it.

    It waits for its payment as long as the window of the day says. Raises what `quote` raises,
    PhoneInvalid, TooManyAddresses, AddressNotNamed, AddressUnknown.
    """
    customer_id = await ensure_customer(
        session,
        phone=taken.phone,
        name=taken.customer_name,
        now=now,
        heard_from=taken.heard_from,
    )
    building = await _building(session, customer_id, taken.address, now=now)
    placed = await write_placed(
        session,
        customer_id=customer_id,
        building=building,
        lines=taken.lines,
        source=OrderSource.PHONE,
        agreement_version=None,
        time_to_pay=await windows.window_on(session, local_date(now)),
        actor=actor,
        now=now,
    )
    await send_first_link(session, placed.order, now=now)
    return placed


async def _building(
    session: AsyncSession,
    customer_id: UUID,
    address: AddressText | tuple[UUID, UUID],
    *,
    now: datetime,
) -> Building:
    if isinstance(address, tuple):
        owner, address_id = address
        if owner != customer_id:
            raise AddressNotNamed
    else:
        written = await add_address(session, customer_id=customer_id, address=address, now=now)
        address_id = written.address_id
    return await get_address(session, customer_id=customer_id, address_id=address_id)


def _cause(order_id: UUID, round_no: int) -> str:
    return f"phone_order_link:{order_id}:{round_no}"


async def _send_link(session: AsyncSession, order: Order, *, round_no: int, now: datetime) -> None:
    until = order.pay_before_at or now
    token = await links.make_link(
        session,
        purpose=LinkPurpose.PHONE_ORDER,
        customer_id=order.customer_id,
        subject_id=order.order_id,
        round_no=round_no,
        lifetime=max(links.LIFETIME, until - now),
    )
    local = until.astimezone(OPERATOR_ZONE)
    await send_sms(
        session,
        customer_id=order.customer_id,
        phone=await contact_phone(session, customer_id=order.customer_id),
        template=TEMPLATE,
        parameters={
            "order": order.order_no,
            "amount": yuan_text(order.due_fen),
            "until": f"{local.month}月{local.day}日{local:%H:%M}",
            **links.sms_parameters(token),
        },
        cause=_cause(order.order_id, round_no),
        now=now,
        send_before=until,
    )


async def send_first_link(session: AsyncSession, order: Order, *, now: datetime) -> None:
    """Send the link to accept the agreement and pay an order that an agent has just placed."""
    await _send_link(session, order, round_no=1, now=now)


def _is_waiting(order: Order, *, now: datetime) -> bool:
    return (
        order.status is OrderStatus.PENDING_PAYMENT
        and order.pay_before_at is not None
        and order.pay_before_at > now
    )


async def send_link_again(
    session: AsyncSession, *, customer_id: UUID, order_id: UUID, now: datetime
) -> Order:
    """Send a fresh link for an unpaid phone order; the one before ends.

    Raises OrderUnknown, OrderNotPayable, LinkLimitReached.
    """
    order = await repository.lock_order(session, customer_id, order_id)
    if order.source is not OrderSource.PHONE or not _is_waiting(order, now=now):
        raise OrderNotPayable
    sent = await count_sent(session, customer_id=customer_id, order_id=order_id)
    if sent >= MOST_LINKS:
        raise LinkLimitReached(limit=MOST_LINKS)
    await _send_link(session, order, round_no=sent + 1, now=now)
    return order


async def count_sent(session: AsyncSession, *, customer_id: UUID, order_id: UUID) -> int:
    """How often the link of an order was sent."""
    return await links.count_links(
        session, purpose=LinkPurpose.PHONE_ORDER, customer_id=customer_id, subject_id=order_id
    )


async def find_pay_address(
    session: AsyncSession, *, customer_id: UUID, order_id: UUID
) -> str | None:
    """The address of an order's newest link, as its SMS carries it; None once that link has ended.

    Whoever has it may accept the agreement and pay: never to be logged or kept.
    """
    sent = await count_sent(session, customer_id=customer_id, order_id=order_id)
    said = await find_parameters(
        session, customer_id=customer_id, cause=_cause(order_id, sent), template=TEMPLATE
    )
    if not said:
        return None
    try:
        await links.read_link(session, said["token"], purpose=LinkPurpose.PHONE_ORDER)
    except (LinkUnknown, LinkExpired):
        return None
    return f"{said['site']}/l/{said['token']}"


@dataclass(frozen=True, slots=True)
class CallersView:
    """What the caller sees by his link: the order, its building, the agreement to accept."""

    order: Order
    lines: list[tuple[OrderLine, Product]]
    building: Building
    agreement: OrderAgreement | None
    can_pay: bool


async def view_by_link(
    session: AsyncSession, *, customer_id: UUID, order_id: UUID, now: datetime
) -> CallersView:
    """The order of a link, down to the building; changes nothing. Raises OrderUnknown."""
    order = await repository.get_order(session, customer_id, order_id)
    agreement = (
        await repository.current_agreement(session, on=local_date(now))
        if order.agreement_version is None
        else await session.get(OrderAgreement, order.agreement_version)
    )
    return CallersView(
        order=order,
        lines=await windows.list_named_lines(session, customer_id, order_id),
        building=await get_address(
            session, customer_id=customer_id, address_id=order.address_id, include_removed=True
        ),
        agreement=agreement,
        can_pay=_is_waiting(order, now=now),
    )


async def accept_by_link(
    session: AsyncSession, *, token: str, agreement_version: str, now: datetime
) -> Order:
    """The caller accepts the agreement in force; accepted twice is accepted once.

    Raises LinkUnknown, LinkExpired, OrderNotPayable, AgreementOutdated, AgreementMissing.
    """
    order = await _locked(session, token)
    if order.agreement_version is not None:
        if order.agreement_version != agreement_version:
            raise AgreementOutdated(current_version=order.agreement_version)
        return order
    if not _is_waiting(order, now=now):
        raise OrderNotPayable
    await require_agreement(session, agreement_version, on=local_date(now))
    order.agreement_version, order.agreed_at = agreement_version, now
    order.agreed_through = AgreementChannel.SMS_LINK
    order.version += 1
    await session.flush()
    return order


async def _locked(session: AsyncSession, token: str) -> Order:
    link = await links.read_link(session, token, purpose=LinkPurpose.PHONE_ORDER)
    return await repository.lock_order(session, link.customer_id, link.subject_id)


async def pay_by_link(
    session: AsyncSession,
    *,
    token: str,
    attempt: str,
    channel: PaymentChannel = PaymentChannel.WECHAT,
    method: str,
    openid: str | None,
    payer_address: str | None,
    now: datetime,
) -> Payment:
    """Open a payment attempt for the order of a link; call `ask_channel` after the commit.

    The same `attempt` again is the same payment.
    Raises LinkUnknown, LinkExpired and what `start_payment` raises.
    """
    link = await links.read_link(session, token, purpose=LinkPurpose.PHONE_ORDER)
    return await start_payment(
        session,
        customer_id=link.customer_id,
        order_id=link.subject_id,
        payment_id=named_id(link.subject_id, attempt),
        channel=channel,
        method=method,
        openid=openid,
        payer_address=payer_address,
        now=now,
    )


async def set_window(
    session: AsyncSession, *, minutes: int, from_date: date, today: date
) -> PaymentWindow:
    """Let phone orders wait `minutes` for their payment from a date on; placed ones keep theirs.

    Raises WindowTooEarly, WindowChangedMeanwhile.
    """
    if from_date < today:
        raise WindowTooEarly
    return await windows.replace_window(session, minutes=minutes, from_date=from_date)


async def list_windows(session: AsyncSession) -> list[PaymentWindow]:
    """Every window ever in force."""
    return await windows.list_windows(session)
