"""Revenue of some mornings beside a bare insert of as many rows, and the trial balance's second.

Two figures. `revenue_posting`: the job as it runs after each morning (days due, lines valued,
remembered and booked, corrections looked for), against one plain INSERT … SELECT into the same
ledger of as many rows as there were deliveries. `trial_balance`: its whole request's read over a
year of transfers, of which those of today are not closed yet.
"""

import time
from datetime import date
from datetime import time as daytime

from sqlalchemy import text

from app.billing.service import close_past_dates, read_trial_balance
from app.core.clock import local_instant
from app.core.db import Database
from app.core.partitions import ensure_partitions
from app.delivery.service.earning import post_revenue
from bench.database import run_script, tidy
from bench.figures import Figure, against_limit, against_time
from bench.milk_round import SeededCity, seed_city

LINES = 200_000
MORNINGS = 5
"""The first one begins every line's account, the others go on with it."""
TRANSFERS = 10_000_000
A_YEAR = 365
LIMIT_MS = 1000.0

_BROUGHT = """
INSERT INTO entitlement_entries
        (customer_id, entry_id, order_line_id, kind, bottles, value_fen, product_id, at)
    SELECT l.customer_id, uuidv7(), l.order_line_id, k.kind, k.bottles, k.value_fen, NULL,
           CAST(:at AS timestamptz) - interval '3 days'
    FROM order_lines l
    CROSS JOIN (VALUES ('credited', 20, 3500), ('restored', 10, 1750)) k(kind, bottles, value_fen)
    WHERE abs(hashtext(l.order_line_id::text)::bigint) % 50 = 0;
INSERT INTO route_sheets (block_id, service_date, station_id, stops, bottles, planned_at)
    SELECT id, CAST(:first AS date) + n, station_id, 100, 125, :at
    FROM blocks, generate_series(0, CAST(:mornings AS int) - 1) n;
INSERT INTO deliveries (customer_id, service_date, order_line_id, delivery_no, product_id, quantity,
        quantity_delivered, address_id, address_version_id, station_id, block_id, stop_no, status,
        bulk_marked, recorded_at, restored_bottles)
    SELECT l.customer_id, d.day, l.order_line_id, 0, l.product_id, 1, 1, a.address_id,
           a.current_version_id, b.station_id, b.id, k.stop_no, 'delivered', false,
           (d.day + time '05:30') AT TIME ZONE 'Asia/Shanghai', 0
    FROM (SELECT CAST(:first AS date) + n AS day
          FROM generate_series(0, CAST(:mornings AS int) - 1) n) d
    CROSS JOIN order_lines l
    JOIN addresses a ON a.customer_id = l.customer_id
    JOIN address_blocks k ON k.customer_id = l.customer_id JOIN blocks b ON b.id = k.block_id
    ORDER BY d.day, b.id, k.stop_no
"""
_BARE_ROWS = """
CREATE UNLOGGED TABLE bare_transfers AS
    SELECT d.customer_id, d.service_date AS booked_date, uuidv7() AS transfer_id,
           'prepaid' AS debit_account, 'revenue' AS credit_account, 175::bigint AS amount_fen,
           'bare' AS cause, d.order_line_id AS reference_id, d.order_line_id AS source_id,
           d.recorded_at AS booked_at
    FROM deliveries d
    ORDER BY d.service_date, d.customer_id
"""
_BARE = """
INSERT INTO ledger_transfers (customer_id, booked_date, transfer_id, debit_account, credit_account,
        amount_fen, cause, reference_id, source_id, booked_at)
    SELECT * FROM bare_transfers WHERE booked_date = :day
"""
_YEAR = """
INSERT INTO ledger_transfers (customer_id, booked_date, transfer_id, debit_account, credit_account,
        amount_fen, cause, reference_id, source_id, booked_at)
    SELECT c.customer_id, CAST(:until AS date) - n, uuidv7(),
           CASE n % 3 WHEN 0 THEN 'cash:' || n % 300 ELSE 'prepaid' END,
           CASE n % 3 WHEN 0 THEN 'prepaid' ELSE 'revenue' END, 350, 'seed', c.customer_id,
           c.customer_id, (CAST(:until AS date) - n + time '04:00') AT TIME ZONE 'UTC'
    FROM generate_series(CAST(:begins AS int), CAST(:ends AS int), -1) n
    CROSS JOIN (SELECT customer_id FROM customers LIMIT :per_day) c
"""


async def run(database: Database, *, scale: float) -> list[Figure]:
    """Post `LINES` x `scale` lines' mornings, then read a ledger of `TRANSFERS` x `scale` rows.

    Raises AssertionError when a morning was not posted in full, or the totals differ.
    """
    city = await seed_city(database, lines=int(LINES * scale))
    posting = await _post_mornings(database, city)
    return [posting, await _read_year(database, city, rows=int(TRANSFERS * scale))]


async def _post_mornings(database: Database, city: SeededCity) -> Figure:
    facts: dict[str, object] = {
        "first": city.first_date,
        "mornings": MORNINGS,
        "at": local_instant(city.first_date, daytime(4)),
    }
    async with database.connection() as connection:
        await run_script(connection, _BROUGHT, facts)
        await connection.execute(text(_BARE_ROWS))
    await tidy(database)
    ours = bare = 0.0
    for number in range(MORNINGS):
        day = city.date(number)
        started = time.perf_counter()
        async with database.connection() as connection:
            await connection.execute(text(_BARE), {"day": day})
        bare += time.perf_counter() - started
        started = time.perf_counter()
        booked = await post_revenue(database, now=local_instant(day, daytime(12, 5)))
        ours += time.perf_counter() - started
        if booked.customers != city.lines * 4 // 5:
            raise AssertionError(f"{booked} are not all households of {day}")
        await tidy(database)
    return against_time(f"revenue_posting_{city.lines * MORNINGS}_deliveries", ours=ours, bare=bare)


async def _read_year(database: Database, city: SeededCity, *, rows: int) -> Figure:
    today = city.date(MORNINGS - 1)
    now = local_instant(today, daytime(13))
    await _seed_year(database, until=today, per_day=rows // A_YEAR)
    started = time.perf_counter()
    await close_past_dates(database, now=now)
    closing = time.perf_counter() - started
    await tidy(database)
    taken = []
    for _ in range(3):
        async with database.transaction() as session:
            started = time.perf_counter()
            read = await read_trial_balance(session, on=today, now=now)
            taken.append(time.perf_counter() - started)
            count, fen = (
                await session.execute(
                    text("SELECT count(*), sum(amount_fen)::bigint FROM ledger_transfers")
                )
            ).one()
        if (read.debit_fen, read.credit_fen) != (fen, fen):
            raise AssertionError(f"{read.debit_fen} and {read.credit_fen} are not {fen}")
    print_note = f"trial_balance_{count}_transfers_closed_in_{closing:.0f}_s"
    return against_limit(print_note, ours=max(taken) * 1000, limit=LIMIT_MS, unit="ms")


async def _seed_year(database: Database, *, until: date, per_day: int) -> None:
    async with database.connection() as connection:
        await ensure_partitions(connection, around=until)
    for begins in range(A_YEAR - 1, -1, -30):
        async with database.connection() as connection:
            await connection.execute(
                text(_YEAR),
                {
                    "until": until,
                    "begins": begins,
                    "ends": max(0, begins - 29),
                    "per_day": per_day,
                },
            )
    await tidy(database)
