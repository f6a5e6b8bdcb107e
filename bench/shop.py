"""A city that takes orders: stations, coverage, prices and logged-in households, seeded set-based."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.clock import local_date
from app.core.db import Database
from app.core.ids import public_pair, public_single
from bench.database import run_script, tidy

HOUSEHOLDS = 2_000
BLOCKS = 200
BLOCKS_PER_STATION = 20
PRODUCTS = 8
AGREEMENT = "2026-01"
DAYS = 120
"""Plan days ahead of today."""

_SEED = """
CREATE TEMP TABLE seed_stations AS
    SELECT n, uuidv7() AS id FROM generate_series(0, (CAST(:blocks AS int) - 1) / :per_station) n;
CREATE TEMP TABLE seed_blocks AS
    SELECT n, uuidv7() AS id, n / :per_station AS station
    FROM generate_series(0, CAST(:blocks AS int) - 1) n;
CREATE TEMP TABLE seed_households AS
    SELECT n, n % CAST(:blocks AS int) AS block, uuidv7() AS customer_id, uuidv7() AS address_id,
           uuidv7() AS version_id
    FROM generate_series(0, CAST(:households AS int) - 1) n;
INSERT INTO cities (code, name) VALUES ('310000', '上海市');
INSERT INTO stations (id, code, name, city_code, is_active, created_at)
    SELECT id, 'ST' || n, '奶站' || n, '310000', true, :at FROM seed_stations;
INSERT INTO station_cutoffs (id, station_id, valid, cutoff_time)
    SELECT uuidv7(), id, '[2020-01-01,)', time '16:00' FROM seed_stations;
INSERT INTO plan_days (station_id, service_date, state, cutoff_at)
    SELECT id, CAST(:today AS date) + d, 'open',
           (CAST(:today AS date) + d - 1 + time '08:00') AT TIME ZONE 'UTC'
    FROM seed_stations, generate_series(1, CAST(:days AS int)) d;
INSERT INTO blocks (id, code, name, station_id, is_active)
    SELECT b.id, 'B' || b.n, '区块' || b.n, s.id, true
    FROM seed_blocks b JOIN seed_stations s ON s.n = b.station;
INSERT INTO coverage_rules (id, block_id, city_code, kind, district, compound, parity,
                            first_stop_no, valid)
    SELECT uuidv7(), b.id, '310000', 'compound', '徐汇', '梅陇' || b.n || '村' || c, 'all', 100 * c,
           '[2020-01-01,)'
    FROM seed_blocks b, generate_series(1, 20) c;
INSERT INTO coverage_rules (id, block_id, city_code, kind, district, street, house_from, house_to,
                            parity, first_stop_no, valid)
    SELECT uuidv7(), b.id, '310000', 'street', '徐汇', '漕溪' || b.n || '路', 1, 999, p, 5000,
           '[2020-01-01,)'
    FROM seed_blocks b, unnest('{odd,even}'::text[]) p;
INSERT INTO products (id, code, name, specification, aliases, storage_class, max_celsius,
                      shelf_life_days, lead_days, on_sale, created_at)
    SELECT uuidv7(), 'P' || n, '鲜牛奶' || n, '195ml 玻璃瓶', '{}', 'chilled', 6.0, 7, 0, true, :at
    FROM generate_series(1, CAST(:products AS int)) n;
INSERT INTO product_prices (id, product_id, valid, price_fen)
    SELECT uuidv7(), id, '[2020-01-01,)', 350 FROM products;
INSERT INTO product_vat_rates (id, product_id, valid, permille)
    SELECT uuidv7(), id, '[2020-01-01,)', 90 FROM products;
INSERT INTO order_agreements (version, text, effective_date)
    VALUES (:agreement, repeat('订奶协议条款。', 400), '2026-01-01');
INSERT INTO customers (customer_id, kind, phone_sealed, phone_tail, created_at)
    SELECT customer_id, 'household', decode(repeat('5a', 44), 'hex'), '00', :at
    FROM seed_households;
INSERT INTO addresses (customer_id, address_id, current_version_id, created_at)
    SELECT customer_id, address_id, version_id, :at FROM seed_households;
INSERT INTO address_versions (customer_id, address_version_id, address_id, city_code, district,
        street, house_no, compound, door_sealed, recipient_sealed, phone_sealed, created_at)
    SELECT customer_id, version_id, address_id, '310000', '徐汇区', '漕溪' || block || '路',
           (n % 999 + 1) || '号', CASE WHEN n % 2 = 0 THEN '梅陇' || block || '村1' ELSE '' END,
           decode(repeat('5a', 40), 'hex'), decode(repeat('5a', 40), 'hex'),
           decode(repeat('5a', 44), 'hex'), :at FROM seed_households;
INSERT INTO sessions (access_hash, session_id, account_id, kind, access_expires_at)
    SELECT sha256(convert_to('household-' || n, 'UTF8')), uuidv7(), customer_id, 'customer',
           CAST(:at AS timestamptz) + interval '1 day' FROM seed_households;
DROP TABLE seed_stations, seed_blocks
"""
_BUILDINGS = """
SELECT h.customer_id, h.address_id, v.street, v.house_no, v.compound
FROM seed_households h
JOIN address_versions v ON v.customer_id = h.customer_id AND v.address_version_id = h.version_id
ORDER BY h.n
"""


@dataclass(frozen=True, slots=True)
class Household:
    """One customer with an address and a running login."""

    token: str
    customer_id: UUID
    address_id: UUID
    street: str
    house_no: str
    compound: str


@dataclass(frozen=True, slots=True)
class Shop:
    """What was seeded, and the request bodies of placing an order there."""

    households: list[Household]
    products: list[str]

    def quote_body(self, number: int) -> bytes:
        """Ask for the n-th order's days and price."""
        household = self.household(number)
        return _json(
            {
                "address": {
                    "city_code": "310000",
                    "district": "徐汇区",
                    "street": household.street,
                    "house_no": household.house_no,
                    "compound": household.compound,
                },
                "lines": self._lines(number),
            }
        )

    def order_body(self, number: int) -> bytes:
        """Place the n-th order."""
        household = self.household(number)
        return _json(
            {
                "address_id": public_pair("adr", household.customer_id, household.address_id),
                "agreement_version": AGREEMENT,
                "lines": self._lines(number),
            }
        )

    def household(self, number: int) -> Household:
        """Who places the n-th order."""
        return self.households[number % len(self.households)]

    def _lines(self, number: int) -> list[dict[str, Any]]:
        daily = {"kind": "every_days", "interval_days": 1, "quantity": 1}
        lines = [self._line(number, daily)]
        if number % 3 == 0:
            weekly = {"kind": "weekdays", "quantities": [1, 1, 1, 1, 1, 0, 0]}
            lines.append(self._line(number + 1, weekly))
        return lines

    def _line(self, number: int, pattern: dict[str, Any]) -> dict[str, Any]:
        product = self.products[number % len(self.products)]
        return {"product_id": product, "pattern": pattern, "cycle_days": 30}


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


async def open_shop(database: Database, *, now: datetime) -> Shop:
    """Write the city into an empty, migrated database; every token is valid for a day."""
    facts: dict[str, object] = {
        "blocks": BLOCKS,
        "per_station": BLOCKS_PER_STATION,
        "households": HOUSEHOLDS,
        "products": PRODUCTS,
        "agreement": AGREEMENT,
        "today": local_date(now),
        "days": DAYS,
        "at": now - timedelta(minutes=1),
    }
    async with database.connection() as connection:
        await run_script(connection, _SEED, facts)
        buildings = (await connection.execute(text(_BUILDINGS))).all()
        products = await connection.scalars(text("SELECT id FROM products ORDER BY code"))
        shop = Shop(
            households=[
                Household(f"household-{number}", *building)
                for number, building in enumerate(buildings)
            ],
            products=[public_single("prd", product_id) for product_id in products],
        )
        await connection.execute(text("DROP TABLE seed_households"))
    await tidy(database)
    return shop
