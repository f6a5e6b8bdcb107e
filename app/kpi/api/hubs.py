"""The process's hub, and what it shows its viewers."""

from typing import Annotated

from fastapi import Depends, Request

from app.identity.access import ClockDep
from app.kpi.api.morning_schemas import LiveOut, present_block, present_morning
from app.kpi.morning.hub import MorningHub
from app.kpi.morning.reading import Board
from app.kpi.morning.rules import limit_of

WORST_SHOWN = 20


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


HubDep = Annotated[MorningHub, Depends(live_hub)]
