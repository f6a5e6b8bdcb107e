"""What a web process asks of its database while it does nothing but tell its live viewers."""

from contextlib import ExitStack
from unittest import mock

from fastapi import FastAPI
from pydantic import BaseModel

from app.kpi.morning.hub import MorningHub
from bench.counting import Recorder, recorded

COUNTED = "/bench/ticks"


class Counted(BaseModel):
    """Looks of the hub, and the statements (without BEGIN and COMMIT) of the whole process."""

    ticks: int
    statements: int


def count_ticks(app: FastAPI) -> None:
    """Add an endpoint that tells what was counted since it was last asked, from the first time on."""
    stack = ExitStack()
    begun: list[Recorder] = []
    ticks = 0
    look = MorningHub.tick

    async def counted_look(hub: MorningHub) -> None:
        nonlocal ticks
        ticks += 1
        await look(hub)

    @app.get(COUNTED)
    async def take() -> Counted:
        """Tell, and begin anew."""
        nonlocal ticks
        if not begun:
            begun.append(stack.enter_context(recorded()))
            stack.enter_context(mock.patch.object(MorningHub, "tick", counted_look))
        statements = sum(len(one.statements) for one in begun[0].take())
        taken, ticks = Counted(ticks=ticks, statements=statements), 0
        return taken
