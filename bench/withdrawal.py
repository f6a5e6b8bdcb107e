"""An operator's withdrawal beside the bare statements that write the same rows, and its undo.

Every station is withdrawn for a day. What the act wrote is kept aside, the act is undone, and the
same rows are written once more by plain INSERT … SELECT, UPDATE and DELETE from the copies, with the
same settings, in a transaction that is rolled back.
"""

import statistics
import time
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from app.core.db import Database
from app.delivery.service.withdrawing import undo_withdrawal, withdraw
from app.orders.repository.withdrawals import Scope
from app.orders.states import WithdrawalSettle
from bench.database import tidy
from bench.figures import Figure, against_time
from bench.milk_round import seed_city

LINES = 200_000
ROUNDS = 3
_CUSTOMER_LINE = "b.customer_id = t.customer_id AND b.order_line_id = t.order_line_id"
_ASIDE = (
    "CREATE TABLE bare_lines AS SELECT * FROM withdrawn_lines WHERE state = 'taken'",
    "CREATE TABLE bare_stops AS SELECT * FROM stops",
    "CREATE TABLE bare_changes AS SELECT * FROM order_changes WHERE status = 'applied'",
    f"""CREATE TABLE bare_fresh AS SELECT t.* FROM order_terms t
        LEFT JOIN bare_before b ON {_CUSTOMER_LINE} AND b.first_date = t.first_date
        WHERE b.customer_id IS NULL""",
    f"""CREATE TABLE bare_cut AS SELECT t.customer_id, t.order_line_id, t.first_date, t.valid
        FROM order_terms t JOIN bare_before b ON {_CUSTOMER_LINE} AND b.first_date = t.first_date
        WHERE b.valid <> t.valid""",
    f"""CREATE TABLE bare_gone AS SELECT b.customer_id, b.order_line_id, b.first_date
        FROM bare_before b LEFT JOIN order_terms t ON {_CUSTOMER_LINE}
            AND b.first_date = t.first_date
        WHERE t.customer_id IS NULL""",
    "UPDATE bare_changes SET change_id = uuidv7()",
    "UPDATE bare_lines SET withdrawal_id = '00000000-0000-0000-0000-000000000001'",
)
_WITHDRAWAL = """
INSERT INTO withdrawals (id, station_ids, first_date, last_date, reason, settle, lines, households,
                         bottles, credit_fen, stops, make_ups, actor, at)
SELECT '00000000-0000-0000-0000-000000000001', station_ids, first_date, last_date, reason, settle,
       lines, households, bottles, credit_fen, stops, make_ups, actor, at FROM withdrawals LIMIT 1
"""
_SETTINGS = (
    "SELECT set_config('work_mem', '64MB', true), set_config('jit', 'off', true),"
    " set_config('enable_nestloop', 'off', true)"
)
_BARE = (
    """UPDATE orders o SET version = o.version + 1
       FROM (SELECT DISTINCT customer_id, order_id FROM bare_lines) b
       WHERE b.customer_id = o.customer_id AND b.order_id = o.order_id""",
    "INSERT INTO withdrawn_lines SELECT * FROM bare_lines",
    f"""DELETE FROM order_terms t USING bare_gone b
        WHERE {_CUSTOMER_LINE} AND b.first_date = t.first_date""",
    f"""UPDATE order_terms t SET valid = b.valid FROM bare_cut b
        WHERE {_CUSTOMER_LINE} AND b.first_date = t.first_date""",
    "INSERT INTO order_terms SELECT * FROM bare_fresh",
    "INSERT INTO order_changes SELECT * FROM bare_changes",
    "INSERT INTO stops SELECT * FROM bare_stops",
)
_TABLES = ("bare_lines", "bare_stops", "bare_changes", "bare_fresh", "bare_cut", "bare_gone")


async def run(database: Database, *, scale: float) -> list[Figure]:
    """Withdraw a day of `LINES` x `scale` running lines in an empty, migrated database."""
    city = await seed_city(database, lines=int(LINES * scale))
    now = datetime.combine(city.first_date - timedelta(days=1), datetime.min.time(), UTC)
    async with database.statement() as connection:
        await connection.execute(text("CREATE TABLE bare_before AS SELECT * FROM order_terms"))
        stations = list(await connection.scalars(text("SELECT id FROM stations")))
    ours, bare, undone = [], [], []
    for _ in range(ROUNDS):
        withdrawal_id, seconds = await _withdraw(database, stations, city.date(3), now=now)
        ours.append(seconds)
        await _copy_aside(database)
        undone.append(await _undo(database, withdrawal_id, now=now))
        await tidy(database)
        bare.append(await _write_bare(database))
        await _start_over(database)
    name = f"withdrawal_{city.lines}_lines"
    return [
        against_time(name, ours=statistics.median(ours), bare=statistics.median(bare)),
        against_time(f"{name}_undo", ours=statistics.median(undone), bare=statistics.median(bare)),
    ]


async def _withdraw(
    database: Database, stations: list[UUID], day: date, *, now: datetime
) -> tuple[UUID, float]:
    started = time.perf_counter()
    async with database.transaction() as session:
        made = await withdraw(
            session,
            Scope(stations=stations, first=day, last=day),
            settle=WithdrawalSettle.AS_CHOSEN,
            reason="台风",
            actor="bench",
            now=now,
        )
    seconds = time.perf_counter() - started
    if made.lines < made.households or not made.lines:
        raise AssertionError(f"{made.lines} lines were withdrawn")
    return made.id, seconds


async def _undo(database: Database, withdrawal_id: UUID, *, now: datetime) -> float:
    started = time.perf_counter()
    async with database.transaction() as session:
        undone = await undo_withdrawal(session, withdrawal_id=withdrawal_id, actor="bench", now=now)
    if undone.kept_lines:
        raise AssertionError(f"{undone.kept_lines} lines were not put back")
    return time.perf_counter() - started


async def _copy_aside(database: Database) -> None:
    async with database.connection() as connection:
        for statement in _ASIDE:
            await connection.execute(text(statement))


async def _write_bare(database: Database) -> float:
    async with database.engine.connect() as connection:
        await connection.execute(text(_WITHDRAWAL))
        started = time.perf_counter()
        await connection.execute(text(_SETTINGS))
        for statement in _BARE:
            await connection.execute(text(statement))
        seconds = time.perf_counter() - started
        await connection.rollback()
    return seconds


async def _start_over(database: Database) -> None:
    async with database.connection() as connection:
        for statement in (
            *(f"DROP TABLE {table}" for table in _TABLES),
            "TRUNCATE withdrawn_lines, order_change_history",
            "DELETE FROM order_changes",
            "DELETE FROM withdrawals",
        ):
            await connection.execute(text(statement))
    await tidy(database)
