"""The phones' uploads."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends

from app.core.clock import wall_now
from app.core.db import SessionDep
from app.core.unit import Router
from app.delivery import service
from app.delivery.api.phone_schemas import EventAnswerOut, SyncIn, SyncOut, read_events
from app.delivery.rules import clock_offset_ms
from app.identity.access import Allow, ClockDep, Principal
from app.identity.models import Role

router = Router()
Deliverer = Annotated[Principal, Depends(Allow(Role.DELIVERER))]


@router.post("/sync", response_model_exclude_none=True)
async def sync(caller: Deliverer, session: SessionDep, clock: ClockDep, body: SyncIn) -> SyncOut:
    """Take in what happened at the doors: each event once, one answer per event.

    Events may come late, repeated and in any order; the later device time wins.
    """
    received_at = wall_now()
    events = read_events(body.events, deliverer_id=caller.own_deliverer_id)
    answers = await service.sync(
        session,
        service.Batch(
            deliverer_id=caller.own_deliverer_id,
            sent_at=body.sent_at,
            received_at=received_at,
            now=clock.now(),
            events=events,
            account_id=caller.account_id,
        ),
    )
    return SyncOut(
        batch_id=body.batch_id,
        clock_offset_ms=clock_offset_ms(sent_at=body.sent_at, received_at=received_at),
        answers=[
            _answer(event.event_id, answer) for event, answer in zip(events, answers, strict=True)
        ],
    )


def _answer(event_id: UUID | None, answer: service.EventAnswer) -> EventAnswerOut:
    status: Literal["accepted", "duplicate", "refused"] = answer.status
    if answer.repeated and status == "accepted":
        status = "duplicate"
    return EventAnswerOut(
        event_id=event_id,
        status=status,
        code=answer.code,
        title=answer.title,
        repeated=answer.repeated,
        facts=answer.facts,
    )
