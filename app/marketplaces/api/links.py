"""The endpoint behind the link that asks a household for its address."""

from typing import Annotated

from fastapi import Depends, Request, Response

from app.core.db import SessionDep
from app.core.idempotency import IdempotentDep
from app.core.unit import Router
from app.identity.access import OPEN, ClockDep
from app.links.access import Holder, Token, hold_link
from app.links.states import LinkPurpose
from app.marketplaces import service
from app.marketplaces.claim_schemas import ClaimedOut, ClaimIn
from app.marketplaces.states import LABELS

router = Router()


async def claim_holder(request: Request, token: Token) -> Holder:
    """Who was sent a link about a marketplace order."""
    return await hold_link(request, token, purpose=LinkPurpose.MARKETPLACE_CLAIM)


@router.post("/links/{token}/claim", dependencies=[OPEN], response_model=ClaimedOut)
async def claim_order(
    holder: Annotated[Holder, Depends(claim_holder)],
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
    body: ClaimIn,
) -> Response:
    """Give the address and accept the agreement: the order is placed and reviewed."""
    order = await service.claim_by_link(
        session,
        token=holder.token,
        address=body.address.text(),
        agreement_version=body.agreement_version,
        now=clock.now(),
    )
    return await call.remember(
        session, 200, ClaimedOut(state=order.state, label=LABELS[order.state])
    )
