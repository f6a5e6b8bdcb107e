"""Everybody who works on a seeded round, logged in: deliverers with their stops, and a manager."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.clock import wall_now
from app.core.db import Database
from app.core.ids import new_id, public_pair

MANAGER = "manager"

_STAFF = """
INSERT INTO staff_accounts (id, login, display_name, password_hash, roles, deliverer_id, is_active,
                            created_at)
SELECT uuidv7(), id::text, '', '!', '{deliverer}', id, true, :at FROM deliverers
"""
_MANAGER = """
INSERT INTO staff_accounts (id, login, display_name, password_hash, roles, is_active, created_at)
VALUES (uuidv7(), :login, '运营经理', '!', '{manager}', true, :at)
"""
_SESSIONS = """
INSERT INTO sessions (access_hash, session_id, account_id, kind, access_expires_at)
SELECT sha256(convert_to('token-of-' || login, 'UTF8')), uuidv7(), id, 'staff', :until
FROM staff_accounts
"""
_ROUNDS = """
SELECT deliverer_id, customer_id, address_id, order_line_id FROM deliveries
WHERE service_date = :day AND status = 'planned' ORDER BY block_id, stop_no
"""

Stop = tuple[UUID, UUID]
"""Customer, address."""


@dataclass(frozen=True, slots=True)
class Round:
    """A deliverer's stops that are still open, and the deliveries they stand for."""

    token: str
    addresses: list[Stop]
    lines: list[tuple[UUID, UUID]]


def token_of(login: str) -> str:
    """The access token that `open_sessions` gave; a deliverer's login is his id."""
    return f"token-of-{login}"


async def log_everybody_in(database: Database) -> None:
    """An account and a session for every deliverer, and for one manager."""
    at = wall_now()
    async with database.connection() as connection:
        await connection.execute(text(_STAFF), {"at": at})
        await connection.execute(text(_MANAGER), {"login": MANAGER, "at": at})
    await open_sessions(database)


async def open_sessions(database: Database) -> None:
    """A session of a day for all staff there is."""
    async with database.connection() as connection:
        await connection.execute(text(_SESSIONS), {"until": wall_now() + timedelta(days=1)})


async def list_rounds(database: Database, service_date: date) -> list[Round]:
    """Every deliverer's open stops of a planned date, in the order of the round."""
    addresses: dict[UUID, list[Stop]] = {}
    lines: dict[UUID, list[tuple[UUID, UUID]]] = {}
    async with database.connection() as connection:
        for row in await connection.execute(text(_ROUNDS), {"day": service_date}):
            stops = addresses.setdefault(row.deliverer_id, [])
            if (row.customer_id, row.address_id) not in stops:
                stops.append((row.customer_id, row.address_id))
            lines.setdefault(row.deliverer_id, []).append((row.customer_id, row.order_line_id))
    return [
        Round(token_of(str(deliverer_id)), stops, lines[deliverer_id])
        for deliverer_id, stops in addresses.items()
    ]


def batch_of(stops: Sequence[Stop], service_date: date, *, sent_at: datetime) -> dict[str, Any]:
    """What a phone uploads for stops made in full, the last of them first: a minute each."""
    return {
        "batch_id": str(new_id()),
        "sent_at": sent_at.isoformat(),
        "events": [
            {
                "event_id": str(new_id()),
                "kind": "stop_done",
                "device_at": (sent_at - timedelta(minutes=number)).isoformat(),
                "stop": public_pair("adr", customer_id, address_id),
                "service_date": service_date.isoformat(),
                "outcome": "delivered",
            }
            for number, (customer_id, address_id) in enumerate(stops)
        ],
    }
