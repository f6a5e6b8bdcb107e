"""JSON endpoints of the links that ask a customer about a result, and for a rating."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import Response

from app.aftersales import confirming, rating_links
from app.aftersales.link_schemas import (
    ConfirmIn,
    NotSolvedIn,
    RatedOut,
    RateIn,
    ResultAnswered,
)
from app.core.db import SessionDep
from app.core.idempotency import IdempotentDep
from app.core.unit import Router
from app.identity.access import OPEN, ClockDep
from app.links.access import Holder, Token, hold_link
from app.links.states import LinkPurpose

router = Router()


async def result_holder(request: Request, token: Token) -> Holder:
    """Who was sent a link about a result."""
    return await hold_link(request, token, purpose=LinkPurpose.TICKET_RESULT)


@router.post("/links/{token}/confirm", dependencies=[OPEN], response_model=ResultAnswered)
async def confirm_result(
    holder: Annotated[Holder, Depends(result_holder)],
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
    body: ConfirmIn,
) -> Response:
    """It is solved: the call-back stays due, or the score closes the ticket."""
    ticket = await confirming.confirm(
        session, token=holder.token, score=body.score, now=clock.now()
    )
    return await call.remember(session, 200, ResultAnswered.of(ticket))


@router.post("/links/{token}/not-solved", dependencies=[OPEN], response_model=ResultAnswered)
async def refuse_result(
    holder: Annotated[Holder, Depends(result_holder)],
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
    body: NotSolvedIn,
) -> Response:
    """It is not solved: the ticket is taken up again."""
    ticket = await confirming.refuse_result(
        session, token=holder.token, reason=body.reason, now=clock.now()
    )
    return await call.remember(session, 200, ResultAnswered.of(ticket))


async def rating_holder(request: Request, token: Token) -> Holder:
    """Who was sent a link that asks for a rating."""
    return await hold_link(request, token, purpose=LinkPurpose.TICKET_RATING)


@router.post("/links/{token}/rating", dependencies=[OPEN], response_model=RatedOut)
async def rate_ticket(
    holder: Annotated[Holder, Depends(rating_holder)],
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
    body: RateIn,
) -> Response:
    """How the closed ticket was handled, once."""
    ticket = await rating_links.rate_by_link(
        session, token=holder.token, score=body.score, now=clock.now()
    )
    return await call.remember(session, 200, RatedOut(ticket_no=ticket.ticket_no, score=body.score))
