"""The agreement of an order as a document: who agreed with whom on what, when and where.

S1 4.2.4, 4.2.2; Annex A, veto E: no order without an agreement.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.service import PaidFor, view_paid
from app.catalog.models import Product
from app.catalog.promoting import find_promotions
from app.core.clock import wall_now
from app.core.printing.font import find_font
from app.core.runtime import runtime
from app.customers.rules import building_text, mask_name, mask_phone
from app.customers.service import get_address_as_of, get_profile
from app.identity import service as identity
from app.identity.access import Principal
from app.identity.rules import Allowance
from app.links import service as links
from app.links.states import LinkPurpose
from app.orders import repository
from app.orders.changes.wanted import pattern_as_json
from app.orders.errors import OperatorUnnamed, OrderNotAgreed
from app.orders.models import Order, OrderAgreement, OrderLine
from app.orders.repository import pattern_of
from app.orders.repository.windows import list_named_lines
from app.orders.rules import end_date
from app.orders.service.placing import terms_for
from app.orders.wording import pattern_words

log = structlog.get_logger()

TAKEN_AN_HOUR = 30
"""A document costs half a second of a processor: so many a household may take in an hour."""


@dataclass(frozen=True, slots=True)
class Party:
    """The customer of an agreement: in full for the household itself, masked for all others."""

    name: str = field(repr=False)
    phone: str = field(repr=False)
    recipient: str = field(repr=False)
    recipient_phone: str = field(repr=False)
    address: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AgreedLine:
    """A line as it was agreed on; amounts in fen, changes that came later left out."""

    line: OrderLine
    product: Product
    pattern: str
    first_date: date
    last_date: date | None
    promotion: str | None
    """The promotion it was bought under, with its rule."""


@dataclass(frozen=True, slots=True)
class AgreementPaper:
    """All that the document says."""

    operator: str
    order: Order
    agreement: OrderAgreement
    party: Party
    lines: Sequence[AgreedLine]
    paid: PaidFor


def can_print() -> bool:
    """Whether documents can be made here: the operator has a name."""
    return bool(runtime().installation.operator)


async def print_agreement(
    session: AsyncSession, *, customer_id: UUID, order_id: UUID, caller: Principal, now: datetime
) -> tuple[str, bytes]:
    """`(order number, PDF)`: in full for the household, masked and noted for staff.

    Raises OrderUnknown, OrderNotAgreed, OperatorUnnamed, ReportFontMissing, Throttled.
    """
    is_own = caller.account_id == customer_id
    paper = await read_agreement(
        session, customer_id=customer_id, order_id=order_id, in_full=is_own
    )
    if is_own:
        await _count(session, customer_id)
    else:
        await identity.log_access(
            session,
            caller=caller,
            customer_id=customer_id,
            subject="order_agreement",
            reason=f"下载订奶协议 {paper.order.order_no}",
            now=now,
        )
    return await _print(paper, by=caller.actor)


async def print_by_link(session: AsyncSession, *, token: str) -> tuple[str, bytes]:
    """`(order number, PDF)` for the holder of a phone order's link: no name, no door, no phone.

    Raises LinkUnknown, LinkExpired and what `print_agreement` raises.
    """
    link = await links.read_link(session, token, purpose=LinkPurpose.PHONE_ORDER)
    paper = await read_agreement(
        session, customer_id=link.customer_id, order_id=link.subject_id, in_full=False
    )
    await _count(session, link.customer_id)
    return await _print(paper, by="link")


async def _count(session: AsyncSession, customer_id: UUID) -> None:
    limit = Allowance("agreement", str(customer_id), TAKEN_AN_HOUR, timedelta(hours=1))
    await identity.take(session, allowances=[limit], wall=wall_now())


async def _print(paper: AgreementPaper, *, by: str) -> tuple[str, bytes]:
    font = find_font()
    from app.orders.service.agreement_sheet import build_sheet  # noqa: PLC0415  # fpdf loads slowly

    body = await asyncio.to_thread(build_sheet, paper, font=font)
    log.info("orders.agreement_taken", order=str(paper.order.order_id), by=by)
    return paper.order.order_no, body


async def read_agreement(
    session: AsyncSession, *, customer_id: UUID, order_id: UUID, in_full: bool
) -> AgreementPaper:
    """What was agreed on: the lines of the order as placed, the address as written then.

    Raises OrderUnknown, OrderNotAgreed, OperatorUnnamed.
    """
    order = await repository.get_order(session, customer_id, order_id)
    if order.agreement_version is None:
        raise OrderNotAgreed
    operator = runtime().installation.operator
    if not operator:
        raise OperatorUnnamed
    return AgreementPaper(
        operator=operator,
        order=order,
        agreement=await session.get_one(OrderAgreement, order.agreement_version),
        party=await _party(session, order, in_full=in_full),
        lines=await _lines(session, order),
        paid=await view_paid(session, customer_id=customer_id, reference_id=order_id),
    )


async def _party(session: AsyncSession, order: Order, *, in_full: bool) -> Party:
    profile = await get_profile(session, customer_id=order.customer_id)
    address = await get_address_as_of(
        session,
        customer_id=order.customer_id,
        address_id=order.address_id,
        at=order.agreed_at or order.placed_at,
    )
    place, door = address.building, address.details
    building = building_text(
        district=place.district,
        street=place.street,
        house_no=place.house_no,
        compound=place.compound,
    )
    if in_full:
        return Party(
            name=profile.name or door.recipient,
            phone=profile.phone,
            recipient=door.recipient,
            recipient_phone=door.phone,
            address=f"{building} {door.door}".rstrip(),
        )
    return Party(
        name=mask_name(profile.name or door.recipient),
        phone=mask_phone(profile.phone),
        recipient=mask_name(door.recipient),
        recipient_phone=mask_phone(door.phone),
        address=building,
    )


async def _lines(session: AsyncSession, order: Order) -> list[AgreedLine]:
    changes = await repository.list_changes(session, order.customer_id, order.order_id)
    added = {
        line_id
        for change in changes
        if change.kind == "add_product" and change.footprint is not None
        for line_id in change.footprint["lines"]
    }
    rows = await list_named_lines(session, order.customer_id, order.order_id)
    agreed = [(line, product) for line, product in rows if str(line.order_line_id) not in added]
    promotions = await find_promotions(
        session, {line.promotion_id for line, _ in agreed if line.promotion_id is not None}
    )
    found = []
    for line, product in agreed:
        pattern = pattern_of(line)
        first = line.anchor_date or line.start_date
        bottles = line.bottles_bought + line.gift_bottles
        terms = terms_for(pattern, product_id=line.product_id, start=first, bottles=bottles)
        bought_under = None if line.promotion_id is None else promotions[line.promotion_id]
        found.append(
            AgreedLine(
                line=line,
                product=product,
                pattern=pattern_words(pattern_as_json(pattern)),
                first_date=first,
                last_date=end_date(terms),
                promotion=None
                if bought_under is None
                else f"{bought_under.name}：{bought_under.rule}",
            )
        )
    return found
