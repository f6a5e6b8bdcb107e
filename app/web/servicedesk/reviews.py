"""The reviewer's queue: addresses that coverage alone does not decide (S1 4.3.1)."""

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import Form, Path, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from app.core.db import SessionDep
from app.core.ids import public_pair, public_single, read_pair, read_single
from app.core.pagination import PageDep, PageRequest, cursor_of
from app.core.schemas import LongText
from app.core.unit import Router
from app.customers.rules import building_text
from app.identity.access import ClockDep
from app.network import service as network
from app.orders import service as orders
from app.orders.api import Reviewer
from app.orders.changes_api import change_of
from app.orders.service.reviewing import REASON_LABELS, WaitingReview
from app.web.common.flash import see_other
from app.web.common.templating import is_htmx, render
from app.web.servicedesk.errors import BlockNotNamed, RejectionUnexplained

router = Router(prefix="/service", include_in_schema=False)
SOURCE_LABELS = {
    "web": "网站",
    "app": "APP",
    "mini_program": "小程序",
    "tmall": "天猫",
    "jd": "京东",
    "phone": "电话",
    "door": "上门",
    "shop": "门店",
}
MOST_BLOCKS = 2000


def _wished(one: WaitingReview) -> date | None:
    """From when a move is wished for."""
    said = None if one.change is None else one.change.request.get("first_date")
    return None if said is None else date.fromisoformat(said)


async def _values(
    session: AsyncSession, clock: ClockDep, page: PageRequest | None
) -> dict[str, Any]:
    limit = 50 if page is None else page.limit
    today = clock.today()
    waiting = await orders.list_waiting(
        session,
        limit=limit + 1,
        after=None if page is None else page.after_instant(),
        today=today,
    )
    kept = waiting[:limit]
    last = kept[-1].review if len(waiting) > limit else None
    blocks = await network.list_blocks(session, station_id=None, on=today, limit=MOST_BLOCKS)
    return {
        "waiting": kept,
        "blocks": [block for block, _ in blocks if block.is_active],
        "reason_labels": REASON_LABELS,
        "source_labels": SOURCE_LABELS,
        "building_text": building_text,
        "public_pair": public_pair,
        "wished": _wished,
        "public_single": public_single,
        "next_cursor": cursor_of(last.opened_at.isoformat(), str(last.review_id)) if last else None,
        "is_first": page is None or page.after is None,
    }


@router.get("/reviews")
async def list_reviews(
    request: Request, _: Reviewer, session: SessionDep, clock: ClockDep, page: PageDep
) -> Response:
    """Orders that wait, oldest first: why, and the blocks near the building."""
    return render(
        request, "servicedesk/reviews.html", done=None, **await _values(session, clock, page)
    )


@router.post("/reviews/{order_id}")
async def decide(
    request: Request,
    caller: Reviewer,
    session: SessionDep,
    clock: ClockDep,
    order_id: Annotated[str, Path(max_length=80)],
    decision: Annotated[Literal["approve", "reject"], Form()],
    block_id: Annotated[str | None, Form(max_length=80)] = None,
    stop_no: Annotated[int | None, Form(ge=0, le=100_000)] = None,
    reason: Annotated[LongText | None, Form()] = None,
    change_id: Annotated[str | None, Form(max_length=80)] = None,
) -> Response:
    """Approve an order or its move into a block, or reject it with a reason.

    A rejected order is refunded by itself, a rejected move leaves the order where it is.
    """
    if decision == "approve" and block_id is None:
        raise BlockNotNamed
    if decision == "reject" and reason is None:
        raise RejectionUnexplained
    customer_id, row_id = read_pair("ord", order_id)
    order = await orders.decide_review(
        session,
        customer_id=customer_id,
        order_id=row_id,
        approve=decision == "approve",
        block_id=None if block_id is None else read_single("blk", block_id),
        stop_no=stop_no,
        reason=reason,
        actor=caller.actor,
        now=clock.now(),
        change_id=None if change_id is None else change_of(customer_id, change_id),
    )
    verdict = "已通过" if decision == "approve" else "已拒绝，退款将原路退回"
    if change_id is not None:
        verdict = f"的搬家{'已通过' if decision == 'approve' else '已拒绝，仍送原地址'}"
    done = f"订单 {order.order_no} {verdict}，短信已通知顾客"
    if not is_htmx(request):
        return see_other("/service/reviews", flash=done)
    return render(
        request, "servicedesk/reviews_part.html", done=done, **await _values(session, clock, None)
    )
