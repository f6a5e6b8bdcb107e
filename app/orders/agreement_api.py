"""The agreement of an order, to be taken home as PDF."""

from typing import Annotated

from fastapi import Path, Response

from app.core.db import SessionDep
from app.core.printing.font import PDF_TYPE
from app.core.unit import Router
from app.identity.access import OPEN, ClockDep
from app.links.access import Token
from app.orders.callers import OrderReader, own_order
from app.orders.service import agreements

router = Router()


@router.get("/orders/{order_id}/agreement.pdf", response_class=Response)
async def take_agreement(
    order_id: Annotated[str, Path(max_length=80)],
    caller: OrderReader,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """What was agreed on, in Chinese: in full for the household, masked and noted for staff."""
    customer_id, row_id = own_order(caller, order_id)
    number, body = await agreements.print_agreement(
        session, customer_id=customer_id, order_id=row_id, caller=caller, now=clock.now()
    )
    return _file(number, body)


@router.get("/links/{token}/agreement.pdf", response_class=Response, dependencies=[OPEN])
async def take_agreement_by_link(token: Token, session: SessionDep) -> Response:
    """The same for the holder of a phone order's link, masked."""
    number, body = await agreements.print_by_link(session, token=token)
    answer = _file(number, body)
    answer.headers["X-Robots-Tag"] = "noindex, nofollow"
    return answer


def _file(order_no: str, body: bytes) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="agreement-{order_no}.pdf"'}
    return Response(body, media_type=PDF_TYPE, headers=headers)
