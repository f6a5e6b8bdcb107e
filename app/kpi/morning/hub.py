"""The morning live: one look per tick for all viewers of a process, and none while nobody watches.

A viewer always gets the whole of his scope, so that whatever he missed is made up by the next event.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import BusinessClock, local_date
from app.core.db import Database
from app.core.errors import TooManyRequests
from app.kpi.morning.reading import Board, catch_up, load_board
from app.kpi.repository import mornings
from app.kpi.scopes import OPERATOR, Scope

Render = Callable[[Board], str]
"""What a viewer gets of his scope's board; equal renders are asked once per scope and look.

They must be hashable, and may not depend on anything but the board and themselves."""

log = structlog.get_logger()

TICK_SECONDS = 1.0
LOOK_AGAIN_SECONDS: Final = 10
"""Also without a change: rounds fall behind by the clock alone."""
LONGEST_SECONDS = 600.0
"""Then a stream ends; its viewer comes again by himself, and his rights are looked at anew."""
MOST_VIEWERS = 500
KEPT = 3
"""Dates whose boards are kept: yesterday, today, tomorrow."""
NAMES_HOLD: Final = timedelta(minutes=1)
"""So long a board is brought up to date by its changed blocks alone: a new name is no such change."""


class TooManyViewers(TooManyRequests):
    """This process has as many live viewers as it takes."""

    code = "too_many_viewers"
    title = "实时查看的人数过多，请稍后再试"


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """A scope's morning as text; equal ids mean equal content, whichever process made it."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class _Kept:
    """A board, what names its state, and when the whole of it was read."""

    name: str
    board: Board
    read_at: datetime


@dataclass(eq=False, slots=True)
class _Viewer:
    scope: Scope
    render: Render
    waiting: asyncio.Queue[LiveEvent] = field(default_factory=lambda: asyncio.Queue(maxsize=1))
    last_id: str | None = None

    async def next_until(self, ends: float) -> LiveEvent | None:
        """The next event, or None at a time of the loop."""
        try:
            async with asyncio.timeout_at(ends):
                return await self.waiting.get()
        except TimeoutError:
            return None

    def offer(self, event: LiveEvent) -> None:
        """Put the newest in place of one that was not fetched: nobody waits for a slow viewer."""
        if event.id == self.last_id:
            return
        with suppress(asyncio.QueueEmpty):
            self.waiting.get_nowait()
        self.waiting.put_nowait(event)
        self.last_id = event.id


class MorningHub:
    """Looks at today's morning once per tick while anybody watches, and tells every viewer."""

    def __init__(self, database: Database, clock: BusinessClock, *, render: Render) -> None:
        self.database = database
        self._clock = clock
        self._render = render
        self._viewers: set[_Viewer] = set()
        self._boards: dict[date, _Kept] = {}
        self._loading = asyncio.Lock()
        self._shown: tuple[str, Board] | None = None
        self._ticking: asyncio.Task[None] | None = None

    @property
    def viewers(self) -> int:
        """How many watch."""
        return len(self._viewers)

    async def watch(
        self,
        scope: Scope,
        *,
        render: Render | None = None,
        last_id: str | None = None,
        seconds: float = LONGEST_SECONDS,
    ) -> AsyncIterator[LiveEvent]:
        """Today's morning of a scope, at once and after every change, for some time.

        `render` in place of the hub's own; `last_id` is the event a viewer has already. The scope
        must exist and be the viewer's to see.
        """
        viewer = _Viewer(scope, render or self._render, last_id=last_id)
        self._viewers.add(viewer)
        try:
            if self._shown is not None and self._is_ticking():
                viewer.offer(self._event(*self._shown, viewer, {}))
            self._keep_ticking()
            ends = asyncio.get_running_loop().time() + seconds
            while (event := await viewer.next_until(ends)) is not None:
                yield event
        finally:
            self._viewers.discard(viewer)

    def require_room(self) -> None:
        """Raise TooManyViewers when this process has enough."""
        if self.viewers >= MOST_VIEWERS:
            raise TooManyViewers(retry_after_seconds=30)

    async def board(self, session: AsyncSession, *, day: date, now: datetime) -> tuple[str, Board]:
        """All blocks of a date, and what names this state of them; only what changed is read anew.

        Whoever asks at the same time waits for one reading.
        """
        async with self._loading:
            found = _name(day, await mornings.read_marker(session, day), now)
            kept = self._boards.get(day)
            if kept is not None and kept.name == found:
                return found, kept.board
            if kept is not None and timedelta() <= now - kept.read_at < NAMES_HOLD:
                board = await catch_up(session, kept.board, now=now)
                made = _Kept(found, board, kept.read_at)
            else:
                board = await load_board(session, scope=OPERATOR, day=day, now=now)
                made = _Kept(found, board, now)
            self._boards = dict(sorted((self._boards | {day: made}).items())[-KEPT:])
            return found, board

    async def tick(self) -> None:
        """Look once; tell everybody when something changed. One statement, three when it did."""
        now = self._clock.now()
        async with self.database.transaction() as session:
            found = await self.board(session, day=local_date(now), now=now)
        if self._shown is not None and self._shown[0] == found[0]:
            return
        self._shown = found
        made: dict[tuple[Scope, Render], LiveEvent] = {}
        for viewer in list(self._viewers):
            viewer.offer(self._event(*found, viewer, made))
            await asyncio.sleep(0)  # many scopes take a while: requests go on between them

    def _event(
        self, name: str, board: Board, viewer: _Viewer, made: dict[tuple[Scope, Render], LiveEvent]
    ) -> LiveEvent:
        wanted = (viewer.scope, viewer.render)
        if wanted not in made:
            made[wanted] = LiveEvent(name, viewer.render(board.narrowed(viewer.scope)))
        return made[wanted]

    def _is_ticking(self) -> bool:
        return self._ticking is not None and not self._ticking.done()

    def _keep_ticking(self) -> None:
        if not self._is_ticking():
            self._ticking = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while self._viewers:
            try:
                await self.tick()
            except (SQLAlchemyError, OSError) as error:
                log.warning("live.look_failed", error=type(error).__name__)
            await asyncio.sleep(TICK_SECONDS)
        self._shown = None


def _name(day: date, marker: int, now: datetime) -> str:
    return f"{day.isoformat()}.{marker}.{int(now.timestamp()) // LOOK_AGAIN_SECONDS}"
