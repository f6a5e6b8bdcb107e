"""Orders that were paid on a marketplace before they reach us (S1 4.2.2.1 c)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.service import record_marketplace_payment
from app.catalog.discounts import Charged
from app.core.clock import local_date
from app.core.enqueueing import enqueue
from app.core.ids import named_id, new_id
from app.customers.service import Building
from app.orders import repository
from app.orders.depositing import ask
from app.orders.models import Order
from app.orders.pricing import LinePrice
from app.orders.service.paying import REVIEW_JOB
from app.orders.service.placing import (
    Placed,
    QuotedLine,
    WantedLine,
    line_row,
    quote,
    require_agreement,
    take_order_no,
)
from app.orders.states import AgreementChannel, ConfirmationKind, OrderSource, OrderStatus


@dataclass(frozen=True, slots=True)
class PaidOutside:
    """What was bought on a marketplace: lines with what each was paid, in fen.

    `account` is the shop that took the money; `canvasser_id` the deliverer the buyer named.
    """

    source: OrderSource
    number: str
    account: str
    lines: Sequence[tuple[WantedLine, int]]
    agreement_version: str
    agreed_through: AgreementChannel
    canvasser_id: UUID | None

    @property
    def registry_number(self) -> str:
        """Its number among all orders'."""
        return f"{self.source.value}:{self.number}"


async def place_paid_order(
    session: AsyncSession,
    *,
    customer_id: UUID,
    building: Building,
    bought: PaidOutside,
    actor: str,
    now: datetime,
) -> Placed | None:
    """Place an order that a marketplace has been paid for; it is reviewed like any other.

    None when the outside number has its order already. Lines keep what was paid for them, list
    prices stand beside; a marketplace takes no deposits, what would be asked is noted. Raises what `quote` raises, AgreementOutdated, AgreementMissing.
    """
    await require_agreement(session, bought.agreement_version, on=local_date(now))
    order_id = new_id()
    if not await repository.claim_number(
        session, bought.registry_number, customer_id=customer_id, order_id=order_id
    ):
        return None
    quoted = await quote(
        session,
        building=building,
        lines=[line for line, _ in bought.lines],
        source=bought.source,
        now=now,
        customer_id=customer_id,
    )
    order = _order(
        bought,
        building,
        customer_id=customer_id,
        order_id=order_id,
        order_no=await take_order_no(session, customer_id=customer_id, order_id=order_id),
        now=now,
    )
    rows = [
        line_row(order, replace(line, price=_paid(line, paid)))
        for line, (_, paid) in zip(quoted.lines, bought.lines, strict=True)
    ]
    await repository.insert_order(session, order, rows, at=now, actor=actor)
    deposits = await ask(session, order, quoted.deposits, now=now, on_marketplace=True)
    await record_marketplace_payment(
        session,
        customer_id=customer_id,
        payment_id=named_id(order_id, "marketplace"),
        reference_id=order_id,
        account=bought.account,
        outside_number=bought.registry_number,
        amount_fen=order.price_fen,
        now=now,
    )
    await enqueue(
        session,
        REVIEW_JOB,
        {"customer_id": str(customer_id), "order_id": str(order_id)},
        dedupe_key=f"{REVIEW_JOB}:{order_id}",
    )
    return Placed(order=order, lines=rows, deposits=deposits)


def _paid(line: QuotedLine, paid_fen: int) -> LinePrice:
    """What the marketplace took, without a discount of ours; gifts are ours to give."""
    charged, gifts = line.price.charged, line.price.gift_bottles
    promotion = charged.promotion if gifts else None
    return replace(line.price, charged=Charged(paid_fen, None, 0, promotion, gifts))


def _order(
    bought: PaidOutside,
    building: Building,
    *,
    customer_id: UUID,
    order_id: UUID,
    order_no: str,
    now: datetime,
) -> Order:
    return Order(
        customer_id=customer_id,
        order_id=order_id,
        order_no=order_no,
        status=OrderStatus.UNDER_REVIEW,
        confirmation=ConfirmationKind.ONLINE,
        source=bought.source,
        address_id=building.address_id,
        price_fen=sum(paid for _, paid in bought.lines),
        deposit_fen=0,
        agreement_version=bought.agreement_version,
        agreed_at=now,
        agreed_through=bought.agreed_through,
        deliverer_id=bought.canvasser_id,
        outside_number=bought.number,
        placed_at=now,
        paid_at=now,
        version=1,
    )
