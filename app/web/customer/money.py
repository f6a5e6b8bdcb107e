"""The household's money: its balance and what moved it, payments, and refunds with their state."""

from fastapi import Request
from starlette.responses import Response

from app.billing import service as billing
from app.billing.states import CHANNEL_LABELS, PAYMENT_LABELS, REFUND_LABELS
from app.core.db import SessionDep
from app.core.unit import Router
from app.identity.access import CustomerCaller
from app.web.common.templating import render
from app.web.customer.words import PAYMENT_KINDS, REFUND_KINDS

router = Router(prefix="/my/money", include_in_schema=False)
SHOWN = 50
MOVE_LABELS = {
    "ticket_compensation": "售后补偿",
    "change_credited": "变更折算",
    "change_undone": "撤销变更，收回折算",
    "day_withdrawn": "停送折算",
    "day_withdrawn_undone": "恢复配送，收回折算",
    "order_cancelled": "余额退回",
}


@router.get("")
async def show_money(request: Request, caller: CustomerCaller, session: SessionDep) -> Response:
    """Balance, payments and refunds, newest first."""
    customer_id = caller.customer_id
    return render(
        request,
        "customer/money.html",
        purse=await billing.view_purse(session, customer_id=customer_id, limit=SHOWN),
        payments=await billing.list_payments(
            session, customer_id=customer_id, after=None, limit=SHOWN
        ),
        refunds=await billing.list_refunds(
            session, customer_id=customer_id, status=None, after=None, limit=SHOWN
        ),
        move_labels=MOVE_LABELS,
        channel_labels=CHANNEL_LABELS,
        payment_labels=PAYMENT_LABELS,
        payment_kinds=PAYMENT_KINDS,
        refund_labels=REFUND_LABELS,
        refund_kinds=REFUND_KINDS,
    )
