"""A month of KPIs beside the bare aggregates over the same rows.

Two figures. `kpi_on_time_month`: the on-time rate as the API counts it, with everything that stands
beside it, against the one hand-written statement that answers only its numerator and denominator.
`kpi_eight_month`: all eight as one request counts them, against one bare aggregate for each set of
rows they are counted from.
"""

import statistics
import time
from datetime import UTC, date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import Database
from app.core.ids import HOUSE
from app.core.partitions import ensure_partitions
from app.core.runtime import leave_start_uncollected
from app.kpi.definitions import KpiKey
from app.kpi.rules import Period
from app.kpi.scopes import OPERATOR
from app.kpi.service import KpiResult, read_kpis
from bench.database import run_script, tidy
from bench.figures import Figure, against_time

HOUSEHOLDS = 20_000
MONTH = Period(date(2026, 4, 1), date(2026, 4, 30))
NOW = datetime(2026, 5, 4, 2, 0, tzinfo=UTC)
ROUNDS = 9
STATIONS = 10
BLOCKS = 200

_SEED = """
CREATE TEMP TABLE seed_blocks AS
    SELECT n, n / (:blocks / :stations) AS station, uuidv7() AS id, uuidv7() AS deliverer_id
    FROM generate_series(0, CAST(:blocks AS int) - 1) n;
CREATE TEMP TABLE seed_stations AS
    SELECT n, uuidv7() AS id, uuidv7() AS store_id, uuidv7() AS device_id, uuidv7() AS vehicle_id
    FROM generate_series(0, CAST(:stations AS int) - 1) n;
CREATE TEMP TABLE seed_households AS
    SELECT n, uuidv7() AS customer_id, uuidv7() AS address_id, uuidv7() AS version_id,
           n % CAST(:blocks AS int) AS block
    FROM generate_series(0, CAST(:households AS int) - 1) n;
INSERT INTO cities (code, name) VALUES ('310000', '上海市');
INSERT INTO stations (id, code, name, city_code, is_active, created_at)
    SELECT id, 'ST' || n, '奶站' || n, '310000', true, :at FROM seed_stations;
INSERT INTO blocks (id, code, name, station_id, is_active)
    SELECT b.id, 'B' || b.n, '区块' || b.n, s.id, true
    FROM seed_blocks b JOIN seed_stations s ON s.n = b.station;
INSERT INTO vehicles (id, plate, station_id, is_active)
    SELECT vehicle_id, '沪A' || n, id, true FROM seed_stations;
INSERT INTO cold_stores (id, station_id, name) SELECT store_id, id, '冷库' FROM seed_stations;
INSERT INTO devices (id, code, store_id, max_celsius, slot_seconds, in_service_from)
    SELECT device_id, 'T' || n, store_id, 6, 600, :at FROM seed_stations;
INSERT INTO devices (id, code, vehicle_id, max_celsius, slot_seconds, in_service_from)
    SELECT uuidv7(), 'V' || n, vehicle_id, 6, 600, :at FROM seed_stations;
INSERT INTO temperature_readings (device_id, at, celsius, received_at)
    SELECT d.id, t, 3.5 + (extract(minute FROM t)::int + d.n) % 30 / 10.0, t
    FROM (SELECT id, row_number() OVER () AS n FROM devices) d,
         generate_series(CAST(:starts_at AS timestamptz), :ends_at, interval '10 minutes') t
    ORDER BY t, d.n;
INSERT INTO trips (vehicle_id, service_date, trip_no, station_id, precool_celsius, precool_at,
                   precool_passed, cleaned, loaded_at, departed_at, arrived_at)
    SELECT s.vehicle_id, d::date, 1, s.id, 12, d - interval '7 hours', true, true,
           d - interval '6 hours 30 minutes', d - interval '6 hours', d - interval '4 hours'
    FROM seed_stations s, generate_series(CAST(:first AS date), :last, interval '1 day') d;
INSERT INTO trip_legs (vehicle_id, service_date, trip_no, leg_no, started_at, ended_at)
    SELECT vehicle_id, service_date, trip_no, leg_no, departed_at + (leg_no - 1) * interval '1 hour',
           departed_at + leg_no * interval '1 hour'
    FROM trips, generate_series(1, 2) leg_no;
INSERT INTO handover_checks (vehicle_id, service_date, trip_no, kind, block_id, check_no, celsius,
                             limit_celsius, passed, checked_at)
    SELECT vehicle_id, service_date, trip_no, k.kind, CAST(:nobody AS uuid), 0, 4, 6, true,
           arrived_at
    FROM trips, (VALUES ('loading'), ('vehicle_to_station')) AS k(kind);
INSERT INTO handover_checks (vehicle_id, service_date, trip_no, kind, block_id, check_no, celsius,
                             limit_celsius, passed, checked_at)
    SELECT t.vehicle_id, t.service_date, 1, 'station_to_deliverer', b.id, 0, 4, 6, true,
           t.arrived_at
    FROM trips t JOIN seed_stations s ON s.id = t.station_id
    JOIN seed_blocks b ON b.station = s.n;
INSERT INTO route_sheets (block_id, service_date, station_id, deliverer_id, stops, bottles,
                          planned_at)
    SELECT b.id, d::date, s.id, b.deliverer_id, 100, 100, d
    FROM seed_blocks b JOIN seed_stations s ON s.n = b.station,
         generate_series(CAST(:first AS date), :last, interval '1 day') d;
INSERT INTO customers (customer_id, kind, phone_sealed, phone_tail, created_at)
    SELECT customer_id, 'household', decode(repeat('5a', 44), 'hex'), '00', :at
    FROM seed_households;
INSERT INTO addresses (customer_id, address_id, current_version_id, created_at)
    SELECT customer_id, address_id, version_id, :at FROM seed_households;
INSERT INTO order_agreements (version, text, effective_date) VALUES ('1', '订奶协议', '2026-01-01');
INSERT INTO orders (customer_id, order_id, order_no, status, confirmation, source, address_id,
                    price_fen, agreement_version, placed_at, paid_at, confirmed_at, version)
    SELECT customer_id, uuidv7(), 'N' || n, 'delivering', 'online',
           CASE WHEN n % 3 = 0 THEN 'mini_program' WHEN n % 3 = 1 THEN 'door' ELSE 'phone' END,
           address_id, 31500, '1', t, t, t, 1
    FROM (SELECT *, CAST(:starts_at AS timestamptz) + make_interval(mins => n % 43000) AS t
          FROM seed_households) h;
INSERT INTO stops (customer_id, service_date, address_id, customer_kind, city_code, station_id,
                   block_id, deliverer_id, stop_no, bottles, state, made_at, bulk_marked)
    SELECT h.customer_id, d::date, h.address_id, 'household', '310000', s.id, b.id,
           b.deliverer_id, h.n / :blocks, 1, l.state,
           CASE l.state WHEN 'made' THEN (d::date + time '04:30') AT TIME ZONE 'Asia/Shanghai'
               + make_interval(secs => l.luck % 9300) END,
           l.luck % 97 = 0
    FROM generate_series(CAST(:first AS date), :last, interval '1 day') d
    CROSS JOIN seed_households h
    JOIN seed_blocks b ON b.n = h.block JOIN seed_stations s ON s.n = b.station
    CROSS JOIN LATERAL (
        SELECT q.luck, CASE WHEN q.luck % 100 < 98 THEN 'made' WHEN q.luck % 2 = 0 THEN 'failed'
                            ELSE 'partly' END AS state
        FROM (SELECT abs(hashint4(h.n) # hashint4(extract(day FROM d)::int))::bigint AS luck) q
    ) l
    ORDER BY d, b.n, h.n;
INSERT INTO tickets (customer_id, ticket_id, ticket_no, kind, severity, category, is_food_safety,
        channel, status, customer_kind, city_code, station_id, block_id, deliverer_id, subject,
        received_at, answer_due_at, due_at, first_answered_at, resolved_at, closed_at,
        reopened_count)
    SELECT h.customer_id, uuidv7(), 'T' || h.n, CASE WHEN h.n % 2 = 0 THEN 'complaint' ELSE
           'request' END, 'general', 'late', false, 'phone', 'closed', 'household', '310000',
           s.id, b.id, b.deliverer_id, '投诉：送达晚', t, t + interval '1 day',
           t + interval '1 day', t + interval '1 hour', t + interval '5 hours',
           t + interval '1 day', 0
    FROM (SELECT *, CAST(:starts_at AS timestamptz) + make_interval(mins => n % 43000) AS t
          FROM seed_households WHERE n % 10 = 0 OR n % 11 = 0) h
    JOIN seed_blocks b ON b.n = h.block JOIN seed_stations s ON s.n = b.station;
INSERT INTO return_visits (customer_id, visit_id, ticket_id, reached, visited_by, at)
    SELECT customer_id, ticket_id, ticket_id, true, ticket_id, closed_at FROM tickets;
INSERT INTO satisfaction_answers (customer_id, answer_id, kind, source_id, score, customer_kind,
        city_code, station_id, block_id, deliverer_id, at)
    SELECT customer_id, ticket_id, 'return_visit', ticket_id, 3 + reopened_count + 1,
           customer_kind, city_code, station_id, block_id, deliverer_id, closed_at FROM tickets;
DROP TABLE seed_blocks, seed_stations, seed_households
"""

BARE_ON_TIME = """
SELECT count(*) FILTER (WHERE state = 'made' AND NOT bulk_marked
                          AND made_at < service_date - interval '1 hour') AS on_time,
       count(*) FILTER (WHERE state <> 'withdrawn') AS due
FROM stops
WHERE service_date BETWEEN '2026-04-01' AND '2026-04-30' AND customer_kind = 'household'
"""
"""In a session whose zone is UTC, 07:00 in Shanghai is an hour before the date begins."""

BARE_OTHERS = """
SELECT max(first_answered_at - received_at), count(*) FROM tickets
    WHERE received_at >= '2026-03-31 16:00Z' AND received_at < '2026-04-30 16:00Z';
SELECT source, count(*) FROM orders
    WHERE confirmed_at >= '2026-03-31 16:00Z' AND confirmed_at < '2026-04-30 16:00Z' GROUP BY 1;
SELECT count(*), count(*) FILTER (WHERE score >= 4) FROM satisfaction_answers
    WHERE at >= '2026-03-31 16:00Z' AND at < '2026-04-30 16:00Z';
SELECT count(*), count(*) FILTER (WHERE reached) FROM return_visits
    WHERE at >= '2026-03-31 16:00Z' AND at < '2026-04-30 16:00Z';
SELECT d.id, h.readings, h.cold
    FROM devices d CROSS JOIN LATERAL (
        SELECT count(*) AS readings, count(*) FILTER (WHERE celsius <= 6) AS cold
        FROM temperature_readings
        WHERE device_id = d.id AND at >= '2026-03-31 16:00Z' AND at < '2026-04-30 16:00Z') h
    WHERE d.store_id IS NOT NULL;
SELECT sum(h.readings), sum(h.cold)
    FROM trip_legs l JOIN devices d ON d.vehicle_id = l.vehicle_id CROSS JOIN LATERAL (
        SELECT count(*) AS readings, count(*) FILTER (WHERE celsius <= 6) AS cold
        FROM temperature_readings
        WHERE device_id = d.id AND at BETWEEN l.started_at AND l.ended_at
          AND at >= '2026-03-31 16:00Z' AND at < '2026-04-30 16:00Z') h
    WHERE l.service_date BETWEEN '2026-04-01' AND '2026-04-30';
SELECT kind, count(*), count(*) FILTER (WHERE passed) FROM handover_checks
    WHERE service_date BETWEEN '2026-04-01' AND '2026-04-30' GROUP BY 1;
SELECT count(*) FROM route_sheets WHERE service_date BETWEEN '2026-04-01' AND '2026-04-30';
SELECT count(*), count(*) FILTER (WHERE precool_passed) FROM trips
    WHERE service_date BETWEEN '2026-04-01' AND '2026-04-30'
"""
"""One plain aggregate for each set of rows the other seven are counted from, and no logic.

Of the readings those of cold stores are read by one, those taken on a leg by another: a van that
stands still is no part of any KPI, and reading it too would make the limit too easy. Both are
written so that the key is read, which is faster than what the planner makes of a plain join.
"""


async def run(database: Database, *, scale: float) -> list[Figure]:
    """Measure a month of `HOUSEHOLDS` x `scale` households in an empty, migrated database.

    The product and the bare statements take turns in one session; the medians are compared.
    """
    households = max(BLOCKS, int(HOUSEHOLDS * scale))
    await seed_month(database, households=households)
    leave_start_uncollected()
    times: dict[str, list[float]] = {"on_time": [], "bare": [], "eight": [], "bare_eight": []}
    async with database.transaction() as session:
        await session.execute(text("SET LOCAL timezone = 'UTC'"))
        for number in range(ROUNDS + 1):
            taken = await _one_round(session)
            if number:
                for name, seconds in taken.items():
                    times[name].append(seconds)
    median = {name: statistics.median(taken) for name, taken in times.items()}
    stops = households * 30
    return [
        against_time(
            f"kpi_on_time_month_{stops}_stops", ours=median["on_time"], bare=median["bare"]
        ),
        against_time(
            f"kpi_eight_month_{stops}_stops", ours=median["eight"], bare=median["bare_eight"]
        ),
    ]


async def _one_round(session: AsyncSession) -> dict[str, float]:
    taken = {}
    started = time.perf_counter()
    bare = (await session.execute(text(BARE_ON_TIME))).one()
    taken["bare"] = time.perf_counter() - started

    started = time.perf_counter()
    (on_time,) = await _kpis(session, KpiKey.ON_TIME_RATE)
    taken["on_time"] = time.perf_counter() - started
    if (on_time.measured.numerator, on_time.measured.denominator) != (bare.on_time, bare.due):
        raise AssertionError(f"{on_time.measured} is not {bare}")

    started = time.perf_counter()
    for statement in (BARE_ON_TIME, *BARE_OTHERS.split(";\n")):
        (await session.execute(text(statement))).all()
    taken["bare_eight"] = time.perf_counter() - started

    started = time.perf_counter()
    found = await _kpis(session, *KpiKey)
    taken["eight"] = time.perf_counter() - started
    empty = [one.definition.key for one in found if not one.measured.denominator]
    if empty:
        raise AssertionError(f"nothing was counted for {empty}")
    return taken


async def _kpis(session: AsyncSession, *keys: KpiKey) -> list[KpiResult]:
    return await read_kpis(session, scope=OPERATOR, period=MONTH, now=NOW, keys=keys)


async def seed_month(database: Database, *, households: int) -> None:
    """Write a city's April: stops, orders, tickets, answers, readings, trips."""
    facts: dict[str, object] = {
        "households": households,
        "stations": STATIONS,
        "blocks": BLOCKS,
        "first": MONTH.first,
        "last": MONTH.last,
        "starts_at": MONTH.starts_at,
        "ends_at": MONTH.ends_at,
        "at": datetime(2026, 1, 1, tzinfo=UTC),
        "nobody": HOUSE,
    }
    async with database.connection() as connection:
        await ensure_partitions(connection, around=MONTH.first)
        await run_script(connection, _SEED, facts)
    await tidy(database)
