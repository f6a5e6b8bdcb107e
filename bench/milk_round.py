"""A city's running subscriptions, seeded set-based: what the plan and the phones work on."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from app.core.db import Database
from app.core.partitions import ensure_partitions
from bench.database import run_script, tidy

FIRST_DATE = date(2026, 4, 6)
"""A Monday; the subscriptions began a month before."""
SEEDED_AT = datetime(2026, 4, 1, 2, 0, tzinfo=UTC)
LINES_PER_BLOCK = 125
BLOCKS_PER_STATION = 20
DAYS = 12

_SEED = """
CREATE TEMP TABLE seed_stations AS
    SELECT n, uuidv7() AS id FROM generate_series(0, (CAST(:blocks AS int) - 1) / :per_station) n;
CREATE TEMP TABLE seed_blocks AS
    SELECT n, uuidv7() AS id, uuidv7() AS deliverer_id, n / :per_station AS station
    FROM generate_series(0, CAST(:blocks AS int) - 1) n;
CREATE TEMP TABLE seed_customers AS
    SELECT n, uuidv7() AS customer_id, uuidv7() AS address_id, uuidv7() AS version_id,
           uuidv7() AS order_id, n % CAST(:blocks AS int) AS block
    FROM generate_series(0, CAST(:customers AS int) - 1) n;
CREATE TEMP TABLE seed_lines AS
    SELECT n, n % CAST(:customers AS int) AS customer, uuidv7() AS line_id,
           CASE WHEN n % 20 = 0 THEN 'weekdays' WHEN n % 10 = 1 THEN 'second_day' ELSE 'daily' END
               AS kind,
           n % 5 = 2 AS changed, 1 + (n % 7 = 0)::int AS quantity
    FROM generate_series(0, CAST(:lines AS int) - 1) n;
ANALYZE seed_customers;
ANALYZE seed_lines;
INSERT INTO cities (code, name) VALUES ('310000', '上海市');
INSERT INTO stations (id, code, name, city_code, is_active, created_at)
    SELECT id, 'ST' || n, '奶站' || n, '310000', true, :at FROM seed_stations;
INSERT INTO blocks (id, code, name, station_id, is_active)
    SELECT b.id, 'B' || b.n, '区块' || b.n, s.id, true
    FROM seed_blocks b JOIN seed_stations s ON s.n = b.station;
INSERT INTO deliverers (id, employee_no, name, is_active, created_at)
    SELECT deliverer_id, 'D' || n, '送奶员' || n, true, :at FROM seed_blocks;
INSERT INTO block_deliverers (id, block_id, deliverer_id, valid)
    SELECT uuidv7(), id, deliverer_id, '[2026-01-01,)' FROM seed_blocks;
INSERT INTO plan_days (station_id, service_date, state, cutoff_at)
    SELECT s.id, CAST(:first AS date) + d, 'open',
           (CAST(:first AS date) + d - 1 + time '08:00') AT TIME ZONE 'UTC'
    FROM seed_stations s, generate_series(0, CAST(:days AS int) - 1) d;
INSERT INTO products (id, code, name, specification, aliases, storage_class, shelf_life_days,
                      lead_days, on_sale, created_at)
    SELECT uuidv7(), 'P' || n, '鲜牛奶' || n, '195ml', '{}', 'chilled', 7, 0, true, :at
    FROM generate_series(1, 8) n;
CREATE TEMP TABLE seed_products AS
    SELECT row_number() OVER (ORDER BY code) - 1 AS n, id FROM products;
INSERT INTO customers (customer_id, kind, phone_sealed, phone_tail, created_at)
    SELECT customer_id, 'household', decode(repeat('5a', 44), 'hex'), '00', :at
    FROM seed_customers;
INSERT INTO addresses (customer_id, address_id, current_version_id, created_at)
    SELECT customer_id, address_id, version_id, :at FROM seed_customers;
INSERT INTO address_versions (customer_id, address_version_id, address_id, city_code, district,
        street, house_no, compound, door_sealed, recipient_sealed, phone_sealed, created_at)
    SELECT customer_id, version_id, address_id, '310000', '徐汇区', '漕溪北路', n::text, '',
           decode(repeat('5a', 40), 'hex'), decode(repeat('5a', 40), 'hex'),
           decode(repeat('5a', 44), 'hex'), :at FROM seed_customers;
INSERT INTO address_blocks (customer_id, address_id, valid_from, valid, block_id, stop_no)
    SELECT c.customer_id, c.address_id, '2026-01-01', '[2026-01-01,)', b.id, c.n
    FROM seed_customers c JOIN seed_blocks b ON b.n = c.block;
INSERT INTO orders (customer_id, order_id, order_no, status, confirmation, source, address_id,
                    price_fen, placed_at, paid_at, confirmed_at, version)
    SELECT customer_id, order_id, 'N' || n, 'delivering', 'online', 'web', address_id, 31500, :at,
           :at, :at, 1 FROM seed_customers;
INSERT INTO order_lines (customer_id, order_line_id, order_id, product_id, quantity, interval_days,
        weekday_quantities, start_date, anchor_date, bottles_bought, gift_bottles, paid_fen,
        unscheduled_bottles, vat_permille)
    SELECT c.customer_id, l.line_id, c.order_id, p.id,
           CASE WHEN l.kind <> 'weekdays' THEN l.quantity END,
           CASE l.kind WHEN 'daily' THEN 1 WHEN 'second_day' THEN 2 END,
           CASE WHEN l.kind = 'weekdays' THEN '{1,1,1,1,1,0,0}'::smallint[] END,
           CAST(:first AS date) - 30, CAST(:first AS date) - 30, 180, 0, 31500, 0, 90
    FROM seed_lines l JOIN seed_customers c ON c.n = l.customer
    JOIN seed_products p ON p.n = l.n % 8;
INSERT INTO order_terms (customer_id, order_line_id, first_date, valid, product_id, quantity,
        interval_days, anchor_date, weekday_quantities, address_id, address_version_id)
    SELECT l.customer_id, l.order_line_id, t.first, daterange(t.first, t.until), l.product_id,
           l.quantity, l.interval_days, l.start_date, l.weekday_quantities, c.address_id,
           c.version_id
    FROM order_lines l
    JOIN seed_customers c USING (customer_id)
    JOIN seed_lines s ON s.line_id = l.order_line_id
    CROSS JOIN LATERAL (VALUES
        (l.start_date, CASE WHEN s.changed THEN l.start_date + 10 ELSE l.start_date + 75 END, true),
        (l.start_date + 12, l.start_date + 20, s.changed),
        (l.start_date + 22, l.start_date + 79, s.changed)) t(first, until, wanted)
    WHERE t.wanted;
INSERT INTO entitlement_entries (customer_id, entry_id, order_line_id, kind, bottles, value_fen, at)
    SELECT customer_id, uuidv7(), order_line_id, 'bought', bottles_bought, paid_fen, :at
    FROM order_lines;
DROP TABLE seed_stations, seed_blocks, seed_customers, seed_lines, seed_products
"""


@dataclass(frozen=True, slots=True)
class SeededCity:
    """What was seeded."""

    lines: int
    first_date: date

    def date(self, number: int) -> date:
        """The n-th service date after the first."""
        return self.first_date + timedelta(days=number)


async def seed_city(database: Database, *, lines: int) -> SeededCity:
    """Write stations, blocks, deliverers, households and their running lines into an empty database.

    One fifth of the lines was changed twice, a tenth brings every second day, a twentieth on
    weekdays. Four households have five lines.
    """
    facts: dict[str, object] = {
        "lines": lines,
        "customers": max(1, lines * 4 // 5),
        "blocks": max(1, lines // LINES_PER_BLOCK),
        "per_station": BLOCKS_PER_STATION,
        "first": FIRST_DATE,
        "days": DAYS,
        "at": SEEDED_AT,
    }
    async with database.connection() as connection:
        await ensure_partitions(connection, around=FIRST_DATE)
        await run_script(connection, _SEED, facts)
    await tidy(database)
    return SeededCity(lines=lines, first_date=FIRST_DATE)
