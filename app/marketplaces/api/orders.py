"""JSON endpoints of outside orders: work lists, decisions, claim links."""

from datetime import date
from typing import Annotated

from fastapi import Query, Response

from app.core.db import SessionDep
from app.core.idempotency import IdempotentDep
from app.core.ids import public_single, read_single
from app.core.pagination import Page, PageDep, cursor_of
from app.core.unit import Router
from app.identity.access import ClockDep
from app.marketplaces import service
from app.marketplaces.api.callers import Agent, ExternalId, Reader
from app.marketplaces.order_schemas import (
    ClaimLinkOut,
    ClaimTextOut,
    DecidedOut,
    DecisionIn,
    ExternalOut,
    ExternalStoryOut,
    RevealedOut,
    RevealIn,
)
from app.marketplaces.service import reading
from app.marketplaces.states import LABELS, ExternalState, Marketplace

router = Router()

Day = Annotated[date, Query(ge=date(2000, 1, 1), le=date(2100, 1, 1))]


@router.get("/marketplace-orders")
async def list_orders(
    _: Reader,
    page: PageDep,
    session: SessionDep,
    clock: ClockDep,
    *,
    state: ExternalState | None = None,
    source: Marketplace | None = None,
    shop: Annotated[str | None, Query(max_length=40)] = None,
    number: Annotated[str | None, Query(max_length=64)] = None,
    canvasser: Annotated[str | None, Query(max_length=60)] = None,
    from_date: Day | None = None,
    to_date: Day | None = None,
) -> Page[ExternalOut]:
    """Outside orders newest first; by state they are the work lists."""
    wanted = reading.Wanted(
        state=state,
        source=source,
        shop=shop,
        number=number,
        canvasser_id=None if canvasser is None else read_single("dlv", canvasser),
        from_date=from_date,
        to_date=to_date,
    )
    found = await reading.list_orders(
        session, wanted, after=page.after_instant(), limit=page.limit, now=clock.now()
    )
    last = found[-1].order if len(found) == page.limit else None
    return Page(
        items=[ExternalOut.of(view) for view in found],
        next_cursor=None
        if last is None
        else cursor_of(last.received_at.isoformat(), str(last.external_id)),
    )


@router.get("/marketplace-orders/{external_id}")
async def show_order(
    _: Reader, external_id: ExternalId, session: SessionDep, clock: ClockDep
) -> ExternalStoryOut:
    """One outside order with its moves and refunds."""
    story = await reading.show_order(
        session, external_id=read_single("mkt", external_id), now=clock.now()
    )
    return ExternalStoryOut.of_story(story)


@router.post("/marketplace-orders/{external_id}/reveal")
async def reveal(
    caller: Agent, external_id: ExternalId, session: SessionDep, clock: ClockDep, body: RevealIn
) -> RevealedOut:
    """The receiver and the message as it came, with an entry in the access log."""
    revealed = await reading.reveal(
        session,
        external_id=read_single("mkt", external_id),
        caller=caller,
        reason=body.reason,
        now=clock.now(),
    )
    return RevealedOut.of(revealed)


@router.post("/marketplace-orders/{external_id}/decision", response_model=DecidedOut)
async def decide(
    caller: Agent,
    call: IdempotentDep,
    external_id: ExternalId,
    session: SessionDep,
    clock: ClockDep,
    body: DecisionIn,
) -> Response:
    """Place an order with what was paid, or refuse it: the shop then refunds it over there."""
    row_id, now = read_single("mkt", external_id), clock.now()
    if body.decision == "place":
        order = await service.accept(
            session, external_id=row_id, actor=caller.actor, reason=body.reason, now=now
        )
    else:
        order = await service.refuse(
            session, external_id=row_id, actor=caller.actor, reason=body.reason or "", now=now
        )
    out = DecidedOut(id=external_id, state=order.state, label=LABELS[order.state])
    return await call.remember(session, 200, out)


@router.post(
    "/marketplace-orders/{external_id}/claim-link", status_code=201, response_model=ClaimLinkOut
)
async def make_claim_link(
    _: Agent, call: IdempotentDep, external_id: ExternalId, session: SessionDep, clock: ClockDep
) -> Response:
    """Make a fresh link to ask for the address; the one before ends."""
    order, by_sms = await service.make_claim_link(
        session, external_id=read_single("mkt", external_id), now=clock.now()
    )
    out = ClaimLinkOut(
        id=public_single("mkt", order.external_id),
        sent_by="sms" if by_sms else "chat",
        claim_links=order.claim_round,
    )
    return await call.remember(session, 201, out)


@router.get("/marketplace-orders/{external_id}/claim-text")
async def get_claim_text(
    _: Agent, external_id: ExternalId, session: SessionDep, response: Response
) -> ClaimTextOut:
    """The text with the link in force, to be copied into the shop's chat."""
    text = await service.get_claim_text(session, external_id=read_single("mkt", external_id))
    response.headers["Cache-Control"] = "no-store"
    return ClaimTextOut(text=text)
