"""The customer's balance as a way of paying: captured at once, given back at once."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.errors import BalanceShort
from app.billing.models import Payment
from app.billing.repository import ledger as ledger_rows
from app.billing.repository import payments as rows
from app.billing.service.capturing import book_captured
from app.billing.service.ledger import BALANCE
from app.billing.states import PaymentChannel, PaymentMethod, PaymentStatus


async def pay_from_balance(
    session: AsyncSession,
    *,
    customer_id: UUID,
    payment_id: UUID,
    reference_id: UUID,
    amount_fen: int,
    description: str,
    now: datetime,
) -> Payment:
    """Take the whole amount from the balance; the same `payment_id` again is the same payment.

    Raises BalanceShort, with nothing taken.
    """
    added = await rows.add_payment(
        session,
        {
            "customer_id": customer_id,
            "payment_id": payment_id,
            "reference_id": reference_id,
            "channel": PaymentChannel.BALANCE,
            "method": PaymentMethod.BALANCE,
            "merchant_account": BALANCE,
            "out_trade_no": str(payment_id),
            "amount_fen": amount_fen,
            "description": description,
            "status": PaymentStatus.CAPTURED,
            "expires_at": now,
            "created_at": now,
            "captured_at": now,
            "captured_fen": amount_fen,
        },
    )
    payment = await rows.get_payment(session, customer_id, payment_id)
    if added:
        await require_balance(session, customer_id=customer_id, amount_fen=amount_fen)
        await book_captured(session, payment, amount_fen=amount_fen, at=now)
    return payment


async def require_balance(session: AsyncSession, *, customer_id: UUID, amount_fen: int) -> None:
    """Hold a customer's balance until commit; raises BalanceShort when it is less than that."""
    balance_fen = await ledger_rows.lock_balance(session, customer_id)
    if balance_fen < amount_fen:
        raise BalanceShort(balance_fen=balance_fen, needed_fen=amount_fen)


async def read_balance(session: AsyncSession, *, customer_id: UUID) -> int:
    """What a customer may spend, in fen."""
    return await ledger_rows.find_balance(session, customer_id=customer_id, account=BALANCE)
