"""The morning live, as server-sent events."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Header, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.core.unit import Router
from app.kpi.api.callers import KpiReader, scope_of
from app.kpi.api.hubs import HubDep
from app.kpi.scopes import Scope
from app.kpi.service import require_scope

router = Router()

COME_AGAIN_MS = 2000


async def watched_scope(
    caller: KpiReader,
    hub: HubDep,
    scope: Annotated[str, Query(max_length=60)],
) -> Scope:
    """The scope a viewer asks for, checked before the stream begins; no connection is kept."""
    hub.require_room()
    asked = scope_of(caller, scope)
    async with hub.database.transaction() as session:
        await require_scope(session, asked)
    return asked


@router.get("/kpi/stream", response_class=EventSourceResponse)
async def stream_morning(
    hub: HubDep,
    scope: Annotated[Scope, Depends(watched_scope)],
    last_event_id: Annotated[str | None, Header(max_length=100)] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Today's morning of a scope: event `morning` at once and after every change.

    The data is that of `GET /mornings/{date}` under `morning`, with the worst `blocks`. A comment
    every 15 seconds keeps proxies awake. The stream ends after ten minutes; browsers come again by
    themselves and, with `Last-Event-ID`, get nothing twice.
    """
    async for event in hub.watch(scope, last_id=last_event_id):
        yield ServerSentEvent(
            raw_data=event.text, event="morning", id=event.id, retry=COME_AGAIN_MS
        )
