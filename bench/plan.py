"""The daily plan beside the bare INSERT … SELECT of the same rows into the same tables."""

import statistics
import time
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import text

from app.core.db import Database
from app.delivery.service import plan_frozen_days
from bench.database import tidy
from bench.figures import Figure, against_time
from bench.milk_round import SeededCity, seed_city

LINES = 500_000
ROUNDS = 3
TABLES = ("deliveries", "stops", "route_sheets", "picking_totals")


async def run(database: Database, *, scale: float) -> list[Figure]:
    """Plan `LINES` x `scale` running lines in an empty, migrated database.

    Each round plans a date as the worker's job does, copies its rows aside under the next date,
    and inserts the copies; the medians are compared. Both begin in a tidy database: what one has
    written is neither vacuumed nor flushed at the cost of the other.
    """
    city = await seed_city(database, lines=int(LINES * scale))
    ours, bare = [], []
    for number in range(ROUNDS):
        ours.append(await _plan(database, city.date(2 * number)))
        await _copy_aside(database, city, number)
        await tidy(database)
        bare.append(await _insert_copies(database))
        await _drop_copies(database)
        await tidy(database)
    return [
        against_time(
            f"plan_{city.lines}_lines",
            ours=statistics.median(ours),
            bare=statistics.median(bare),
        )
    ]


async def _plan(database: Database, service_date: date) -> float:
    async with database.connection() as connection:
        await connection.execute(
            text("UPDATE plan_days SET state = 'frozen' WHERE service_date = :day"),
            {"day": service_date},
        )
    now = datetime.combine(service_date, datetime.min.time(), UTC) - timedelta(hours=15)
    started = time.perf_counter()
    planned = await plan_frozen_days(database, now=now)
    seconds = time.perf_counter() - started
    if not planned:
        raise AssertionError(f"nothing was planned for {service_date}")
    return seconds


async def _copy_aside(database: Database, city: SeededCity, number: int) -> None:
    day = city.date(2 * number)
    async with database.connection() as connection:
        for table in TABLES:
            columns = await connection.scalars(
                text(
                    "SELECT attname FROM pg_attribute WHERE attrelid = CAST(:table AS regclass)"
                    " AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
                ),
                {"table": table},
            )
            listed = ", ".join(
                f"{name} + 1 AS {name}" if name == "service_date" else name for name in columns
            )
            await connection.execute(
                text(
                    f"CREATE TABLE bare_{table} AS SELECT {listed} FROM {table}"
                    f" WHERE service_date = DATE '{day}'"
                )
            )


async def _insert_copies(database: Database) -> float:
    started = time.perf_counter()
    async with database.connection() as connection:
        for table in TABLES:
            await connection.execute(text(f"INSERT INTO {table} SELECT * FROM bare_{table}"))
    return time.perf_counter() - started


async def _drop_copies(database: Database) -> None:
    async with database.connection() as connection:
        for table in TABLES:
            await connection.execute(text(f"DROP TABLE IF EXISTS bare_{table}"))
