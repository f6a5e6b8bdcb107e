"""What a channel keeps of a day's payments, booked by its own bill."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.bill_models import Bill
from app.billing.repository import ledger as ledger_rows
from app.billing.service.ledger import CHANNEL_FEE, Posting, channel_account, post_many
from app.billing.states import PaymentChannel
from app.core.ids import HOUSE, new_id

CAUSE = "channel_fee"


async def book_fees(session: AsyncSession, bill: Bill, *, now: datetime) -> None:
    """Book the fees of a bill, or what a bill that came again makes of them; it must be locked."""
    booked_fen = -await ledger_rows.find_balance(
        session, customer_id=HOUSE, account=CHANNEL_FEE, reference_id=bill.bill_id
    )
    change = bill.fee_fen - booked_fen
    if change == 0:
        return
    account = channel_account(PaymentChannel(bill.channel), bill.merchant_account)
    debit, credit = (CHANNEL_FEE, account) if change > 0 else (account, CHANNEL_FEE)
    fee = Posting(
        customer_id=HOUSE,
        amount_fen=abs(change),
        reference_id=bill.bill_id,
        source_id=bill.bill_id,
        part=new_id(),
    )
    await post_many(session, [fee], debit=debit, credit=credit, cause=CAUSE, now=now)
