"""A channel's bill of a day, brought as a file and matched, beside bare COPY and one join.

The product's side begins with the packed bytes of the file: unpacked, read, checked, its rows kept,
laid beside the books, every difference put into the work list. The bare side has the very rows in
its memory as PostgreSQL writes them, COPYs them into the same table, and finds those that differ
from the books of the day by one full join. Both sides roll back.
"""

import gzip
import io
import statistics
import time
from datetime import date, timedelta
from datetime import time as daytime
from uuid import UUID

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from app.billing.service import import_bill
from app.core.clock import local_instant
from app.core.db import Database
from app.core.ids import new_id
from app.core.runtime import leave_start_uncollected
from bench.database import run_script, tidy
from bench.figures import Figure, against_time
from simulators.channels.wechat.bills import TRADE_COLUMNS, TRADE_SUMMARY, encode

ROWS = 1_000_000
ROUNDS = 3
DAY = date(2026, 4, 6)
MERCHANT = "9900000001"
SET = 1_000
"""Rows among which one is bad, and each way to differ is planted:"""
PLANTED = {"amount_differs": 2, "date_differs": 2, "only_ours": 3, "only_theirs": 2}

_BOOKS = """
CREATE TABLE bench_rows AS
    SELECT n, uuidv7() AS row_id, uuidv7() AS customer_id, uuidv7() AS payment_id,
           n % 10 = 0 AS is_refund, 1000 + n % 9000 AS fen,
           CAST(:since AS timestamptz) + n * interval '86399 seconds' / CAST(:rows AS int) AS at,
           CASE n % CAST(:set AS int)
               WHEN 11 THEN 'amount' WHEN 12 THEN 'only_ours' WHEN 13 THEN 'not_captured'
               WHEN 14 THEN 'stranger' WHEN 15 THEN 'booked_late' WHEN 16 THEN 'day_before'
               WHEN 17 THEN 'bad' WHEN 20 THEN 'amount' WHEN 30 THEN 'only_ours' END AS plant,
           CASE WHEN n % 10 = 0 THEN 'R' ELSE 'P' END
               || left(upper(replace(uuidv7()::text, '-', '')), 26) AS number
    FROM generate_series(0, CAST(:rows AS int) - 1) n;
CREATE TABLE bench_history AS
    SELECT n, uuidv7() AS customer_id, uuidv7() AS payment_id, 1000 + n % 9000 AS fen,
           CAST(:day AS date) - 1 - n % 10 AS day,
           'P' || left(upper(replace(uuidv7()::text, '-', '')), 26) AS number
    FROM generate_series(0, CAST(:rows AS int) - 1) n;
UPDATE bench_rows r SET customer_id = h.customer_id, payment_id = h.payment_id
    FROM bench_history h WHERE r.is_refund AND h.n = r.n;
INSERT INTO payments (customer_id, payment_id, reference_id, channel, method, merchant_account,
        out_trade_no, amount_fen, description, status, expires_at, created_at, asked_at, tries,
        captured_at, captured_fen, channel_transaction_id)
    SELECT customer_id, payment_id, payment_id, 'wechat', 'native', :merchant, number, fen, '随心订',
           'captured', day + time '13:00', day + time '12:00', day + time '12:00', 1,
           day + time '12:00', fen, '42' || number
    FROM bench_history;
INSERT INTO payments (customer_id, payment_id, reference_id, channel, method, merchant_account,
        out_trade_no, amount_fen, description, status, expires_at, created_at, asked_at, tries,
        captured_at, captured_fen, channel_transaction_id)
    SELECT customer_id, row_id, row_id, 'wechat', 'native', :merchant, number, fen, '随心订',
           CASE WHEN plant = 'not_captured' THEN 'closed' ELSE 'captured' END, at, at, at, 1,
           CASE plant WHEN 'not_captured' THEN NULL WHEN 'booked_late' THEN at + interval '1 day'
               WHEN 'day_before' THEN CAST(:since AS timestamptz) - interval '1 second'
               ELSE at END,
           CASE WHEN plant = 'not_captured' THEN NULL ELSE fen END, '42' || number
    FROM bench_rows WHERE NOT is_refund AND plant IS DISTINCT FROM 'stranger';
INSERT INTO refunds (customer_id, refund_id, payment_id, reference_id, cause, out_refund_no,
        amount_fen, from_account, to_origin, status, created_at, asked_at, tries, finished_at)
    SELECT customer_id, row_id, payment_id, payment_id, 'order_rejected', number, fen, 'prepaid',
           true, 'succeeded', at, at, 1, at
    FROM bench_rows WHERE is_refund;
INSERT INTO channel_numbers (channel, number, kind, customer_id, row_id)
    SELECT 'wechat', number, 'payment', customer_id, payment_id FROM bench_history;
INSERT INTO channel_numbers (channel, number, kind, customer_id, row_id)
    SELECT 'wechat', number, CASE WHEN is_refund THEN 'refund' ELSE 'payment' END, customer_id,
           row_id
    FROM bench_rows WHERE plant IS DISTINCT FROM 'stranger';
INSERT INTO channel_bills (bill_id, channel, merchant_account, bill_date, status, origin,
        created_at, tries, taken_at, line_count, bad_count, paid_count, paid_fen, refund_count,
        refunded_fen, fee_fen, matched_at, matched_count, ours_paid_fen, ours_refunded_fen)
    SELECT uuidv7(), 'wechat', :merchant, day, 'loaded', 'channel', :since, 1, :since, count(*), 0,
           count(*), sum(fen), 0, 0, 0, :since, count(*), sum(fen), 0
    FROM bench_history GROUP BY day ORDER BY day;
INSERT INTO channel_bill_lines (bill_id, entry, number, channel_no, happened_at, amount_fen,
        fee_fen, moves_money, line_no)
    SELECT b.bill_id, 'payment', h.number, '42' || h.number, h.day + time '12:00', h.fen, 0, true,
           2 + h.n / 10
    FROM bench_history h JOIN channel_bills b ON b.bill_date = h.day ORDER BY b.bill_date, h.n;
INSERT INTO channel_bills (bill_id, channel, merchant_account, bill_date, status, created_at, tries,
        line_count, bad_count, paid_count, paid_fen, refund_count, refunded_fen, fee_fen,
        matched_count, ours_paid_fen, ours_refunded_fen)
    SELECT :bill, 'wechat', :merchant, :day, 'waiting', :since, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
"""
_FILE_ROWS = """
SELECT '`' || concat_ws(',`',
    to_char(at AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD HH24:MI:SS'), 'wx0000000000000001',
    $1::text, '0', '', '42000' || lpad(n::text, 23, '0'), CASE WHEN is_refund THEN 'P0' ELSE number END,
    'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o', 'NATIVE', CASE WHEN is_refund THEN 'REFUND' ELSE 'SUCCESS' END,
    'OTHERS', 'CNY', CASE WHEN is_refund THEN '0.00' ELSE yuan END, '0.00',
    CASE WHEN is_refund THEN '50300' || lpad(n::text, 23, '0') ELSE '0' END,
    CASE WHEN is_refund THEN number ELSE '0' END, CASE WHEN is_refund THEN yuan ELSE '0.00' END,
    '0.00', CASE WHEN is_refund THEN 'ORIGINAL' ELSE '' END,
    CASE WHEN is_refund THEN 'SUCCESS' ELSE '' END, '随心订 鲜牛奶, 酸奶', '',
    CASE WHEN is_refund THEN '-0.06000' ELSE '0.63000' END, '0.60%',
    CASE WHEN is_refund THEN '0.00' ELSE yuan END, CASE WHEN is_refund THEN yuan ELSE '0.00' END, '')
FROM (SELECT *, CASE planted WHEN 'bad' THEN '1.234'
             ELSE to_char((fen + (planted = 'amount')::int) / 100.0, 'FM9999990.00') END AS yuan
      FROM (SELECT *, coalesce(plant, '') AS planted FROM bench_rows)) r
WHERE planted <> 'only_ours' ORDER BY n
"""
_KINDS = """
SELECT kind, count(*) FROM channel_bill_differences WHERE ended_at IS NULL GROUP BY kind
ORDER BY kind
"""
_BARE_JOIN = """
SELECT count(*) FROM (SELECT * FROM channel_bill_lines WHERE bill_id = $1) l
FULL JOIN (
    SELECT 'payment' AS entry, out_trade_no AS number, captured_fen AS fen FROM payments
    WHERE merchant_account = $2 AND captured_at >= $3 AND captured_at < $4
    UNION ALL
    SELECT 'refund', out_refund_no, amount_fen FROM refunds
    WHERE asked_at >= $3 AND asked_at < $4
) o ON o.entry = l.entry AND o.number = l.number
WHERE o.fen IS DISTINCT FROM l.amount_fen
"""
_KEPT = "SELECT * FROM channel_bill_lines WHERE bill_id = $1 ORDER BY line_no"
_SINCE, _UNTIL = local_instant(DAY, daytime()), local_instant(date(2026, 4, 7), daytime())


async def run(database: Database, *, scale: float) -> list[Figure]:
    """Bring a bill of `ROWS` x `scale` rows into an empty, migrated database.

    Raises AssertionError where the differences are not those that were planted.
    """
    rows, bill_id = int(ROWS * scale), new_id()
    facts: dict[str, object] = {
        "rows": rows,
        "set": SET,
        "day": DAY,
        "since": _SINCE,
        "merchant": MERCHANT,
        "bill": bill_id,
    }
    async with database.connection() as connection:
        await run_script(connection, _BOOKS, facts)
    file = await _make_file(database)
    leave_start_uncollected()
    ours, bare = [], []
    for _ in range(ROUNDS):
        await tidy(database)
        seconds, kept = await _bring(database, bill_id, file, sets=rows // SET)
        ours.append(seconds)
        await tidy(database)
        bare.append(await _find_bare(database, bill_id, kept, sets=rows // SET))
    return [
        against_time(
            f"bill_{rows}_rows", ours=statistics.median(ours), bare=statistics.median(bare)
        )
    ]


async def _make_file(database: Database) -> bytes:
    """The day's bill as the platform packs it."""
    written = io.BytesIO()
    async with database.engine.connect() as connection:
        driver = await _driver_of(connection)
        await driver.copy_from_query(_FILE_ROWS, MERCHANT, output=written)
    body = written.getvalue().replace(b"\n", b"\r\n")
    counted = [str(body.count(b"\n")), *["0.00"] * 6]
    titles, _, summary = encode(TRADE_COLUMNS["ALL"], [], TRADE_SUMMARY, counted).partition(b"\n")
    return gzip.compress(titles + b"\n" + body + summary, compresslevel=6)


async def _bring(
    database: Database, bill_id: UUID, file: bytes, *, sets: int
) -> tuple[float, bytes]:
    """How long the product takes, and the rows that it kept."""
    kept = io.BytesIO()
    async with AsyncSession(database.engine) as session:
        started = time.perf_counter()
        bill = await import_bill(
            session, bill_id=bill_id, content=file, by=new_id(), now=_UNTIL + timedelta(hours=10)
        )
        seconds = time.perf_counter() - started
        found = [tuple(kind) for kind in await session.execute(text(_KINDS))]
        planted = [(kind, count * sets) for kind, count in PLANTED.items()]
        if found != planted or bill.bad_count != sets:
            raise AssertionError(f"{found} and {bill.bad_count} bad rows were not planted")
        driver = await _driver_of(await session.connection())
        await driver.copy_from_query(_KEPT, bill_id, output=kept)
        await session.rollback()
    return seconds, kept.getvalue()


async def _find_bare(database: Database, bill_id: UUID, kept: bytes, *, sets: int) -> float:
    async with database.engine.connect() as connection:
        driver = await _driver_of(connection)
        transaction = driver.transaction()
        await transaction.start()
        started = time.perf_counter()
        await driver.copy_to_table("channel_bill_lines", source=io.BytesIO(kept))
        found = await driver.fetchval(_BARE_JOIN, bill_id, MERCHANT, _SINCE, _UNTIL)
        seconds = time.perf_counter() - started
        await transaction.rollback()
    if found != sets * sum(PLANTED.values()):
        raise AssertionError(f"{found} differences were not planted")
    return seconds


async def _driver_of(connection: AsyncConnection) -> asyncpg.Connection:
    driver = (await connection.get_raw_connection()).driver_connection
    if driver is None:
        raise RuntimeError("the connection has been closed")
    return driver
