"""Changes a deliverer writes down at the door, and what became of them."""

from dataclasses import replace
from uuid import UUID

from fastapi import Response

from app.core.db import SessionDep
from app.core.idempotency import IdempotentDep
from app.core.ids import read_pair
from app.core.pagination import Page, PageDep, cursor_of
from app.core.unit import Router
from app.delivery.service.recording import find_order_on_round
from app.identity.access import ClockDep, DelivererCaller
from app.orders import service as orders
from app.orders.changes.wanted import WantedChange
from app.orders.changes_presenting import wanted_change
from app.orders.recorded_schemas import RecordedOut, RecordIn, RecordPreviewOut
from app.orders.repository import get_order
from app.orders.repository.recorded import list_recorded

router = Router()


def _wanted(body: RecordIn) -> tuple[tuple[UUID, UUID], WantedChange]:
    line = read_pair("lin", body.line_id)
    wanted = wanted_change(line[0], body.change.model_copy(update={"line_id": None}))
    return line, wanted if body.whole_order else replace(wanted, line_id=line[1])


@router.post("/recorded-changes/preview")
async def preview(
    body: RecordIn, caller: DelivererCaller, session: SessionDep, clock: ClockDep
) -> RecordPreviewOut:
    """What a change asked for at the door would do; nothing is written down yet."""
    line, wanted = _wanted(body)
    now = clock.now()
    order_id = await find_order_on_round(
        session, line=line, deliverer_id=caller.own_deliverer_id, now=now
    )
    effect, waits = await orders.preview_recorded(
        session, customer_id=line[0], order_id=order_id, wanted=wanted, now=now
    )
    return RecordPreviewOut.of(line[0], effect, waits=waits)


@router.post("/recorded-changes", status_code=201, response_model=RecordedOut)
async def record(
    body: RecordIn,
    caller: DelivererCaller,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """Write down what a household of the caller's round asked for; it confirms by its SMS."""
    line, wanted = _wanted(body)
    now = clock.now()
    order_id = await find_order_on_round(
        session, line=line, deliverer_id=caller.own_deliverer_id, now=now
    )
    change = await orders.record_change(
        session,
        customer_id=line[0],
        order_id=order_id,
        wanted=wanted,
        deliverer_id=caller.own_deliverer_id,
        now=now,
    )
    order = await get_order(session, line[0], order_id)
    return await call.remember(session, 201, RecordedOut.of(change, order))


@router.get("/recorded-changes")
async def list_own(
    caller: DelivererCaller, session: SessionDep, page: PageDep
) -> Page[RecordedOut]:
    """What the caller has written down, newest first, and how far each is."""
    found = await list_recorded(
        session, caller.own_deliverer_id, limit=page.limit + 1, before=page.after_instant()
    )
    shown = found[: page.limit]
    last = shown[-1][0] if len(found) > page.limit else None
    return Page(
        items=[RecordedOut.of(change, order) for change, order in shown],
        next_cursor=cursor_of(last.at.isoformat(), str(last.change_id)) if last else None,
    )


@router.post(
    "/recorded-changes/{change_id}/withdrawal", status_code=201, response_model=RecordedOut
)
async def take_back(
    change_id: str,
    caller: DelivererCaller,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """Take back what the caller wrote down while it waits."""
    customer_id, row_id = read_pair("chg", change_id)
    change = await orders.withdraw_recorded(
        session,
        customer_id=customer_id,
        change_id=row_id,
        deliverer_id=caller.own_deliverer_id,
        now=clock.now(),
    )
    order = await get_order(session, customer_id, change.order_id)
    return await call.remember(session, 201, RecordedOut.of(change, order))
