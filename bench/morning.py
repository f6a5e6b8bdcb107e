"""A city at ten past six: most doors reported, some rounds late, a few not begun, tickets waiting.

Subscriptions, plan and counts are those of `bench.milk_round`, the product's planner and the
product's own recount; the phones' reports are written set-based in between.
"""

from dataclasses import dataclass
from datetime import date, time, timedelta

from sqlalchemy import text

from app.core.clock import local_instant, wall_now
from app.core.db import Database
from app.delivery.repository.mornings import rebuild_day
from app.delivery.service import plan_frozen_days
from bench.database import run_script, tidy
from bench.milk_round import SeededCity, seed_city
from bench.phones import log_everybody_in

BEGINS, NOW = time(4, 30), time(6, 10)
TODAY = 2
"""Of the city's service dates."""

_REPORT = """
CREATE TEMP TABLE seed_taps AS
    SELECT s.customer_id, s.address_id, t.at, s.luck % 100 = 7 AS failed
    FROM (SELECT customer_id, address_id,
                 row_number() OVER (PARTITION BY block_id ORDER BY stop_no, address_id) AS place,
                 abs(hashtext(block_id::text)::bigint) % 100 AS pace,
                 abs(hashtext(address_id::text)::bigint) AS luck
          FROM stops WHERE service_date = :today) s
    CROSS JOIN LATERAL (SELECT CAST(:begins_at AS timestamptz)
        + make_interval(secs => s.pace * 12 + s.place * (60 + s.pace % 40)) AS at) t
    WHERE s.pace >= 3 AND t.at < :now;
ANALYZE seed_taps;
UPDATE deliveries d
    SET status = CASE WHEN t.failed THEN 'failed' ELSE 'delivered' END,
        quantity_delivered = CASE WHEN t.failed THEN 0 ELSE d.quantity END,
        reason = CASE WHEN t.failed THEN 'locked_gate' END,
        done_at = t.at, recorded_at = t.at, event_id = uuidv7()
    FROM seed_taps t
    WHERE d.customer_id = t.customer_id AND d.service_date = :today AND d.address_id = t.address_id;
UPDATE stops s
    SET state = CASE WHEN t.failed THEN 'failed' ELSE 'made' END,
        made_at = CASE WHEN NOT t.failed THEN t.at END
    FROM seed_taps t
    WHERE s.customer_id = t.customer_id AND s.service_date = :today AND s.address_id = t.address_id;
INSERT INTO tickets (customer_id, ticket_id, ticket_no, kind, severity, category, is_food_safety,
        channel, status, customer_kind, city_code, station_id, block_id, deliverer_id, subject,
        received_at, answer_due_at, due_at, first_answered_at, resolved_at, closed_at,
        reopened_count)
    SELECT s.customer_id, uuidv7(), 'T' || s.n, 'complaint', 'general', 'late', false, 'phone',
           CASE WHEN s.waits THEN 'open' ELSE 'closed' END, 'household', s.city_code,
           s.station_id, s.block_id, s.deliverer_id, '投诉：送达晚', s.at,
           s.at + interval '1 day', s.at + interval '1 day',
           CASE WHEN NOT s.waits THEN s.at + interval '1 hour' END,
           CASE WHEN NOT s.waits THEN s.at + interval '5 hours' END,
           CASE WHEN NOT s.waits THEN s.at + interval '1 day' END, 0
    FROM (SELECT *, n % 200 = 0 AS waits,
                 CAST(:now AS timestamptz)
                 - CASE WHEN n % 200 = 0 THEN make_interval(mins => (n / 200 % 1800)::int)
                        ELSE make_interval(days => 2 + (n % 700)::int) END AS at
          FROM (SELECT *, row_number() OVER (ORDER BY block_id, stop_no, address_id) AS n
                FROM stops WHERE service_date = :today) numbered
          WHERE n % 10 = 0) s;
DROP TABLE seed_taps
"""
_CLOCK = """
INSERT INTO business_clock (singleton, anchor_wall_at, anchor_business_at, speed)
VALUES (true, :wall, :business, 1)
"""


@dataclass(frozen=True, slots=True)
class SeededMorning:
    """What was seeded."""

    city: SeededCity
    households: int
    today: date


async def seed_morning(database: Database, *, households: int) -> SeededMorning:
    """Write a planned and half-made morning into an empty, migrated database; all are logged in.

    Every tenth stop once led to a ticket, of which every twentieth still waits. Processes that
    start from now on live at `NOW` of that day.
    """
    city = await seed_city(database, lines=households * 5 // 4)
    today = city.date(TODAY)
    now = local_instant(today, NOW)
    async with database.connection() as connection:
        await connection.execute(
            text("UPDATE plan_days SET state = 'frozen' WHERE service_date = :today"),
            {"today": today},
        )
    await plan_frozen_days(database, now=now - timedelta(hours=14))
    facts = {"today": today, "begins_at": local_instant(today, BEGINS), "now": now}
    async with database.transaction() as session:
        connection = await session.connection()
        await run_script(connection, _REPORT, facts)
        await connection.execute(text(_CLOCK), {"wall": wall_now(), "business": now})
        blocks = await session.scalars(text("SELECT id FROM blocks"))
        await rebuild_day(session, today, list(blocks))
    await log_everybody_in(database)
    await tidy(database)
    return SeededMorning(city=city, households=households, today=today)
