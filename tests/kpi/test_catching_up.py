"""A board that is brought up to date by its changed blocks is the one that is read anew."""

import random
from datetime import timedelta
from decimal import Decimal

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_instant
from app.core.db import Database
from app.delivery.models import Stop, StopState
from app.delivery.repository.mornings import rebuild_mornings
from app.kpi.api.hubs import render
from app.kpi.definitions import KpiKey
from app.kpi.morning.hub import LOOK_AGAIN_SECONDS, NAMES_HOLD, MorningHub
from app.kpi.morning.reading import Board, catch_up, load_board
from app.kpi.morning.rules import Risk
from app.kpi.repository import mornings
from app.kpi.repository.targets import replace_target
from app.kpi.scopes import OPERATOR
from tests.factories.history import SEVEN, History
from tests.factories.world import TODAY, World
from tests.fixtures.application import SetClock

SEVEN_TODAY = local_instant(TODAY, SEVEN)


async def recount(session: AsyncSession, world: World, *blocks: int) -> None:
    await session.flush()
    await rebuild_mornings(session, [(world.blocks[block], TODAY) for block in blocks])


async def test_a_board_caught_up_is_one_read_anew(session: AsyncSession, world: World) -> None:
    """Doors reported and taken back at random while the clock passes seven; a block joins, and
    begins late.
    """
    chance = random.Random(20260315)
    history = History(session, world)
    stops = [await history.stop(TODAY, block=n % 2, state=StopState.PLANNED) for n in range(12)]
    await recount(session, world, 0)
    now = SEVEN_TODAY - timedelta(hours=2)
    board = await load_board(session, scope=OPERATOR, day=TODAY, now=now)
    assert len(board.rows) == 1
    seen = set()
    for number in range(60):
        now += timedelta(minutes=chance.randrange(6))
        if number == 5:
            await recount(session, world, 1)
        for stop in chance.sample(stops if number > 40 else stops[::2], chance.randrange(3)):
            stop.state = chance.choice(list(StopState))
            stop.made_at = now if stop.state is StopState.MADE else None
            await recount(session, world, world.blocks.index(stop.block_id))
        board = await catch_up(session, board, now=now)
        assert board == await load_board(session, scope=OPERATOR, day=TODAY, now=now)
        seen |= {risk for row in board.rows for risk in row.outlook.risks}
    assert {Risk.NOT_STARTED, Risk.BEHIND_PACE, Risk.FAILED_STOPS} <= seen


async def test_only_changed_blocks_are_read(session: AsyncSession, world: World) -> None:
    history = History(session, world)
    for block in (0, 1):
        await history.stop(TODAY, block=block)
    await recount(session, world, 0, 1)
    board = await load_board(session, scope=OPERATOR, day=TODAY, now=SEVEN_TODAY)
    await history.stop(TODAY, block=1)
    await recount(session, world, 1)
    known = {row.block_id: row.version for row in board.rows}
    (found,) = await mornings.list_blocks(session, scope=OPERATOR, day=TODAY, known=known)
    assert (found["block_id"], found["due"]) == (world.blocks[1], 2)
    after = await catch_up(session, board, now=SEVEN_TODAY)
    assert _rows(after)[world.blocks[0]] is _rows(board)[world.blocks[0]]


def _rows(board: Board) -> dict[object, object]:
    return {row.block_id: row for row in board.rows}


async def test_a_block_that_owes_nothing_any_more_leaves(
    session: AsyncSession, world: World
) -> None:
    history = History(session, world)
    for block in (0, 1):
        await history.stop(TODAY, block=block, state=StopState.PLANNED)
    await recount(session, world, 0, 1)
    board = await load_board(session, scope=OPERATOR, day=TODAY, now=SEVEN_TODAY)
    gone = await session.scalar(select(Stop).where(Stop.block_id == world.blocks[1]))
    await session.delete(gone)
    await recount(session, world, 1)
    board = await catch_up(session, board, now=SEVEN_TODAY)
    assert [row.block_id for row in board.rows] == [world.blocks[0]]


async def test_a_new_target_counts_for_every_block(session: AsyncSession, world: World) -> None:
    history = History(session, world)
    for number in range(10):
        state = StopState.FAILED if number == 0 else StopState.MADE
        await history.stop(TODAY, state=state)
    await recount(session, world, 0)
    board = await load_board(session, scope=OPERATOR, day=TODAY, now=SEVEN_TODAY)
    assert Risk.BEHIND_PACE in board.rows[0].outlook.risks
    await replace_target(
        session, key=KpiKey.ON_TIME_RATE, value=Decimal(80), from_date=TODAY - timedelta(days=1)
    )
    board = await catch_up(session, board, now=SEVEN_TODAY)
    assert board.target == 80
    assert Risk.BEHIND_PACE not in board.rows[0].outlook.risks


async def test_names_are_read_again_within_a_minute(
    database: Database, session: AsyncSession, world: World, clock: SetClock
) -> None:
    await History(session, world).stop(TODAY)
    await recount(session, world, 0)
    await session.execute(text("UPDATE blocks SET name = '新名'"))
    await session.commit()
    hub = MorningHub(database, clock, render=render)
    names = []
    for later in (timedelta(), timedelta(seconds=LOOK_AGAIN_SECONDS), NAMES_HOLD):
        async with database.transaction() as mine:
            _, board = await hub.board(mine, day=TODAY, now=SEVEN_TODAY + later)
            names.append(board.rows[0].name)
            await mine.execute(text("UPDATE blocks SET name = '改名'"))
    assert names == ["新名", "新名", "改名"]
