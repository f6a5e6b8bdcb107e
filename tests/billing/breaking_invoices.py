"""Rows of invoices that break an invariant, each one only its own."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import new_id
from app.invoices.models import InvoiceLine, InvoiceRequest
from app.invoices.states import InvoiceState, TitleKind
from app.orders.models import Order
from tests.billing.breaking import Plant, captured, order
from tests.factories.world import MORNING, World


def request(made: Order, **changed: Any) -> InvoiceRequest:
    facts: dict[str, Any] = {
        "customer_id": made.customer_id,
        "request_id": new_id(),
        "order_id": made.order_id,
        "order_no": made.order_no,
        "amount_fen": 1_090,
        "tax_fen": 90,
        "title_kind": TitleKind.PERSON,
        "title_sealed": b"",
        "phone_sealed": b"",
        "state": InvoiceState.REQUESTED,
        "asked_at": MORNING,
        "actor": "customer",
    }
    return InvoiceRequest(**facts | changed)


async def invoiced_for_nothing(session: AsyncSession, world: World) -> None:
    """Nobody has paid the order."""
    asked = request(await order(session, world))
    session.add(asked)
    await session.flush()
    session.add(
        InvoiceLine(
            customer_id=asked.customer_id,
            request_id=asked.request_id,
            line_no=1,
            product_id=world.milk_id,
            product_name="鲜牛奶",
            specification="195ml",
            vat_permille=90,
            amount_fen=asked.amount_fen,
            tax_fen=asked.tax_fen,
        )
    )


async def invoice_without_lines(session: AsyncSession, world: World) -> None:
    """It says what is paid, and not what for."""
    made = await order(session, world)
    await captured(session, world, reference_id=made.order_id)
    session.add(request(made, amount_fen=1_000, tax_fen=83))


PLANTS: list[tuple[Plant, str]] = [
    (invoiced_for_nothing, "I2 no order is invoiced for more than was ever paid"),
    (invoice_without_lines, "I2 the lines of an invoice add up to it"),
]
