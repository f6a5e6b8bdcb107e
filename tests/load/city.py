"""The demo city as a template database, and the people of a clone with their logins."""

import hashlib
import os
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

import asyncpg
from sqlalchemy import text

from app.core.clock import local_date, wall_now
from app.core.db import Database
from app.core.ids import new_id, public_pair, public_single
from simulators.city import names
from simulators.city.load import load_city
from tests.fixtures.database import ensure_template
from tests.fixtures.doses import dose
from tests.fixtures.server import database_url
from tests.load.installation import open_folder, write_secrets

HOUSEHOLDS = dose(300, 20_000)
_LOCK = 7_300_702

_STAFF = """
INSERT INTO staff_accounts (id, login, display_name, password_hash, roles, station_id, deliverer_id,
                            is_active, created_at)
SELECT uuidv7(), d.id::text, '', '!', '{deliverer}', d.station_id, d.id, true, :now
FROM deliverers d
WHERE NOT EXISTS (SELECT FROM staff_accounts a WHERE a.deliverer_id = d.id)
"""
_SESSIONS = """
INSERT INTO sessions (access_hash, session_id, account_id, kind, access_expires_at)
SELECT sha256(convert_to('token-of-' || who.id, 'UTF8')), uuidv7(), who.id, who.kind, :until
FROM (SELECT customer_id AS id, 'customer' AS kind FROM customers
      UNION ALL SELECT id, 'staff' FROM staff_accounts) who
"""
_HOUSEHOLDS = """
SELECT o.customer_id, o.order_id, o.address_id, v.district, v.street, v.house_no, v.compound,
       o.source, o.price_fen, t.quantity = 1 AND t.interval_days = 1 AS is_plain
FROM orders o
JOIN addresses a ON a.customer_id = o.customer_id AND a.address_id = o.address_id
JOIN address_versions v
  ON v.customer_id = a.customer_id AND v.address_version_id = a.current_version_id
JOIN order_lines l ON l.customer_id = o.customer_id AND l.order_id = o.order_id
JOIN order_terms t ON t.customer_id = l.customer_id AND t.order_line_id = l.order_line_id
WHERE o.status = 'delivering' AND upper(t.valid) > CAST(:today AS date) + 14
ORDER BY o.customer_id
"""
_ROUNDS = """
SELECT a.id AS account_id, s.deliverer_id,
       array_agg((s.customer_id, s.address_id) ORDER BY s.stop_no) AS stops
FROM stops s JOIN staff_accounts a ON a.deliverer_id = s.deliverer_id
WHERE s.service_date = :day GROUP BY a.id, s.deliverer_id ORDER BY s.deliverer_id
"""


@dataclass(frozen=True, slots=True)
class Household:
    """A household with a running order, logged in."""

    customer_id: UUID
    order_id: UUID
    address_id: UUID
    district: str
    street: str
    house_no: str
    compound: str
    source: str
    price_fen: int
    is_plain: bool
    """Whether it has a bottle every day."""

    @property
    def token(self) -> str:
        """Its access token."""
        return token_of(self.customer_id)

    @property
    def order(self) -> str:
        """Its running order, as the API names it."""
        return public_pair("ord", self.customer_id, self.order_id)

    @property
    def building(self) -> dict[str, Any]:
        """Where it lives, as a quote asks for it."""
        return {
            "city_code": names.CITY_CODE,
            "district": self.district,
            "street": self.street,
            "house_no": self.house_no,
            "compound": self.compound,
        }

    def new_order(self, product: str) -> dict[str, Any]:
        """A month of a bottle a day."""
        return {
            "address_id": public_pair("adr", self.customer_id, self.address_id),
            "agreement_version": names.AGREEMENT_VERSION,
            "lines": [month_of(product)],
        }


def month_of(product: str) -> dict[str, Any]:
    """A line of a bottle a day."""
    pattern = {"kind": "every_days", "interval_days": 1, "quantity": 1}
    return {"product_id": product, "pattern": pattern, "cycle_days": 30}


@dataclass(frozen=True, slots=True)
class Round:
    """A deliverer's stops of today, logged in."""

    account_id: UUID
    deliverer_id: UUID
    stops: list[tuple[UUID, UUID]]

    @property
    def token(self) -> str:
        """The deliverer's access token."""
        return token_of(self.account_id)

    def batch(self, stops: list[tuple[UUID, UUID]], today: date) -> dict[str, Any]:
        """One upload: everything was brought a minute ago."""
        now = wall_now()
        return {
            "batch_id": str(new_id()),
            "sent_at": now.isoformat(),
            "events": [
                {
                    "event_id": str(new_id()),
                    "kind": "stop_done",
                    "device_at": (now - timedelta(minutes=1)).isoformat(),
                    "stop": public_pair("adr", *stop),
                    "service_date": today.isoformat(),
                    "outcome": "delivered",
                }
                for stop in stops
            ],
        }


@dataclass(frozen=True, slots=True)
class People:
    """Who uses a city's API."""

    today: date
    households: list[Household]
    rounds: list[Round]
    staff: dict[str, str]
    """Tokens by role."""
    products: list[str]
    devices: list[str]


def token_of(account_id: UUID) -> str:
    """The access token that `log_everybody_in` gave."""
    return f"token-of-{account_id}"


def _sources() -> str:
    paths = sorted(Path("simulators/city").rglob("*"))
    return "".join(path.read_text() for path in paths if path.suffix in {".py", ".sql"})


async def city_template() -> str:
    """Name of a database with today's demo city, made once for all processes of a run."""
    today = local_date(wall_now())
    digest = hashlib.sha256((await ensure_template() + _sources()).encode()).hexdigest()[:12]
    name = f"city_{digest}_{HOUSEHOLDS}_{today:%Y%m%d}"
    admin = await asyncpg.connect(database_url("postgres"))
    try:
        await admin.execute("SELECT pg_advisory_lock($1)", _LOCK)
        old = "SELECT datname FROM pg_database WHERE datname LIKE 'city\\_%' AND datname <> $1"
        for row in await admin.fetch(old, name):
            await admin.execute(f"DROP DATABASE IF EXISTS {row['datname']}")
        if not await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            template = await ensure_template()
            await admin.execute("DROP DATABASE IF EXISTS city_making")
            await admin.execute(f"CREATE DATABASE city_making TEMPLATE {template}")
            await write_city(database_url("city_making"), households=HOUSEHOLDS)
            await admin.execute(f"ALTER DATABASE city_making RENAME TO {name}")
    finally:
        await admin.close()
    return name


async def write_city(url: str, *, households: int) -> None:
    """The demo city with everybody logged in, in an empty and migrated database."""
    connection = await asyncpg.connect(url)
    await connection.execute(
        "INSERT INTO demo_mark (singleton, marked_at) VALUES (true, $1)", wall_now()
    )
    await connection.close()
    with open_folder() as var:
        write_secrets(var, sim_port=1)
        settings = {"DATABASE_URL": url, "VAR_DIR": str(var), "DEMO": "1"}
        with mock.patch.dict(os.environ, settings):
            await load_city(households=households, seed=1, districts=10)


async def log_everybody_in(database: Database) -> None:
    """Give every account a token that is valid for two days."""
    now = wall_now()
    async with database.connection() as connection:
        await connection.execute(text(_STAFF), {"now": now})
        await connection.execute(text(_SESSIONS), {"until": now + timedelta(days=2)})


async def people_of(database: Database) -> People:
    """Everybody in a demo city, logged in."""
    await log_everybody_in(database)
    today = local_date(wall_now())
    async with database.connection() as connection:
        households = await connection.execute(text(_HOUSEHOLDS), {"today": today})
        rounds = await connection.execute(text(_ROUNDS), {"day": today})
        staff = await connection.execute(
            text("SELECT id, roles[1] AS role FROM staff_accounts WHERE roles[1] <> 'deliverer'")
        )
        products = await connection.scalars(text("SELECT id FROM products ORDER BY code"))
        devices = await connection.scalars(text("SELECT code FROM devices ORDER BY code"))
        return People(
            today=today,
            households=[Household(*row) for row in households],
            rounds=[Round(row.account_id, row.deliverer_id, list(row.stops)) for row in rounds],
            staff={row.role: token_of(row.id) for row in staff},
            products=[public_single("prd", product_id) for product_id in products],
            devices=list(devices),
        )
