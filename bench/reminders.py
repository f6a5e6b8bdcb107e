"""Renewal reminders beside the bare INSERT of the same rows.

The product's jobs run as a worker runs them: one notices the orders that end within a week, the next
ones seal and write down the messages of 500 households each, and wake the sending. The bare side
has copies of the very notices, messages (sealed as they are) and jobs in its memory and inserts them
as arrays, a table's rows in one statement, in as many transactions.
"""

import json
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from sqlalchemy import text

from app.core.clock import BusinessClock
from app.core.config import InstallationSettings
from app.core.crypto import Cell, load_keys, new_key_file
from app.core.db import Database, fetch
from app.core.runtime import Runtime, leave_start_uncollected, set_runtime
from app.orders.changes.telling import notice_renewals, send_reminders
from app.orders.repository.notices import BATCH
from bench.database import tidy
from bench.figures import Figure, against_time
from bench.milk_round import seed_city

LINES = 1_000_000
DUE = 30
"""One line in so many ends within the week."""
ROUNDS = 3
NOTICES = "renewal_notices"
TABLES = (NOTICES, "sms_messages", "pgqueuer")
Insert = tuple[str, list[list[object]]]
"""A statement and its columns."""
_COLUMNS = """
SELECT format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = CAST(CAST($1 AS text) AS regclass) AND attnum > 0 AND NOT attisdropped
ORDER BY attnum
"""
_ENDING = """
SELECT customer_id FROM (
    SELECT customer_id, row_number() OVER (ORDER BY customer_id) AS n FROM customers) c
WHERE c.n % CAST(:due AS int) = 0
"""
_ENDS = f"""
UPDATE order_terms t SET valid = daterange(t.first_date, t.first_date + 200)
FROM (
    SELECT customer_id, order_line_id, max(first_date) AS last
    FROM order_terms GROUP BY customer_id, order_line_id
) l
WHERE l.customer_id = t.customer_id AND l.order_line_id = t.order_line_id AND l.last = t.first_date
  AND l.customer_id NOT IN ({_ENDING})
"""


async def run(database: Database, *, scale: float) -> list[Figure]:
    """Remind the ending orders of `LINES` x `scale` running lines in an empty, migrated database."""
    city = await seed_city(database, lines=int(LINES * scale))
    with tempfile.TemporaryDirectory() as made:
        path = Path(made) / "keys.json"
        path.write_text(json.dumps(new_key_file()))
        keys = load_keys(path)
    async with httpx.AsyncClient() as http:
        set_runtime(
            Runtime(
                database=database,
                keys=keys,
                clock=BusinessClock(),
                http=http,
                installation=InstallationSettings(demo=False),
            )
        )
        async with database.connection() as connection:
            await connection.execute(text(_ENDS), {"due": DUE})
            found = list(await connection.scalars(text(_ENDING), {"due": DUE}))
            await connection.execute(
                text("UPDATE customers SET phone_sealed = :sealed WHERE customer_id = :customer"),
                [
                    {
                        "customer": one,
                        "sealed": keys.seal(
                            f"139{number % 10**8:08}", Cell("customers", "phone", one)
                        ),
                    }
                    for number, one in enumerate(found)
                ],
            )
        await tidy(database)
        leave_start_uncollected()
        now = datetime.combine(city.first_date + timedelta(days=40), datetime.min.time(), UTC)
        ours, bare = [], []
        for _ in range(ROUNDS):
            ours.append(await _remind(database, now=now))
            await _copy_aside(database)
            bare.append(await _insert_copies(database))
            told = await _start_over(database)
    return [
        against_time(
            f"reminders_{told}_of_{city.lines}_lines",
            ours=statistics.median(ours),
            bare=statistics.median(bare),
        )
    ]


async def _remind(database: Database, *, now: datetime) -> float:
    started = time.perf_counter()
    async with database.transaction() as session:
        batches = await notice_renewals(session, now=now)
    for batch in range(batches):
        async with database.transaction() as session:
            await send_reminders(session, noticed=now.date(), batch=batch, now=now)
    return time.perf_counter() - started


async def _copy_aside(database: Database) -> None:
    async with database.connection() as connection:
        for table in TABLES:
            await connection.execute(text(f"CREATE TABLE bare_{table} AS SELECT * FROM {table}"))
            await connection.execute(text(f"TRUNCATE {table} CASCADE"))
    await tidy(database)


async def _insert_copies(database: Database) -> float:
    batches = await _read_copies(database)
    started = time.perf_counter()
    for batch in batches:
        async with database.transaction() as session:
            for query, columns in batch:
                await fetch(session, query, *columns)
    return time.perf_counter() - started


async def _read_copies(database: Database) -> list[list[Insert]]:
    """What each transaction inserts: first the notices, then 500 messages with their jobs."""
    batches: list[list[Insert]] = []
    async with database.transaction() as session:
        for table in TABLES:
            types = await fetch(session, _COLUMNS, table)
            arrays = ", ".join(f"${place}::{kind[0]}[]" for place, kind in enumerate(types, 1))
            query = f"INSERT INTO {table} SELECT * FROM unnest({arrays})"
            rows = await fetch(session, f"SELECT * FROM bare_{table} t ORDER BY t")
            size = len(rows) if table == NOTICES else BATCH
            for number, first in enumerate(range(0, len(rows), size), table != NOTICES):
                batches.extend([] for _ in range(number + 1 - len(batches)))
                columns = zip(*rows[first : first + size], strict=True)
                batches[number].append((query, [list(column) for column in columns]))
    return batches


async def _start_over(database: Database) -> int:
    async with database.connection() as connection:
        told = int(await connection.scalar(text("SELECT count(*) FROM sms_messages")) or 0)
        for table in TABLES:
            await connection.execute(text(f"DROP TABLE bare_{table}"))
            await connection.execute(text(f"TRUNCATE {table} CASCADE"))
    await tidy(database)
    if not told:
        raise AssertionError("nobody was reminded")
    return told
