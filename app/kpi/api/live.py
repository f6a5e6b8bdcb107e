"""The morning live, as server-sent events."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.identity.access import ClockDep
from app.kpi.api.callers import KpiReader, scope_of
from app.kpi.api.morning_schemas import LiveOut, present_block, present_morning
from app.kpi.morning.hub import MorningHub
from app.kpi.morning.reading import Board
from app.kpi.morning.rules import limit_of
from app.kpi.scopes import Scope
from app.kpi.service import require_scope

router = APIRouter()

WORST_SHOWN = 20
COME_AGAIN_MS = 2000


def render(board: Board) -> str:
    """What a viewer gets: the scope's morning and its worst blocks, as JSON."""
    worst = [row for row in board.rows if row.outlook.risks][:WORST_SHOWN]
    return LiveOut(
        morning=present_morning(
            board, deliverers=[], devices=[], limit_at=limit_of(board.service_date)
        ),
        blocks=[present_block(row) for row in worst],
    ).model_dump_json()


async def live_hub(request: Request, clock: ClockDep) -> MorningHub:
    """The process's one hub over its database."""
    state = request.app.state
    hub: MorningHub | None = getattr(state, "morning_hub", None)
    if hub is None or hub.database is not state.database:
        hub = state.morning_hub = MorningHub(state.database, clock, render=render)
    return hub


async def watched_scope(
    caller: KpiReader,
    hub: Annotated[MorningHub, Depends(live_hub)],
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
    hub: Annotated[MorningHub, Depends(live_hub)],
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
