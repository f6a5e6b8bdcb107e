"""Logging in, as tests do it."""

import asyncio
import json
from datetime import timedelta
from uuid import UUID

import httpx
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.crypto import Cell, KeyRing
from app.core.db import Database
from app.identity import service
from app.identity.models import Role
from app.notifications.models import SmsMessage
from tests.factories.world import MORNING

PASSWORD = "correct-horse-battery"
_AWAY = timedelta(days=100_000)
"""Rows move together over this distance, so that none meets the key of its neighbour."""


async def code_of(database: Database, keys: KeyRing, request_id: str | UUID) -> str:
    """The code that was sent for a request, read from its SMS."""
    async with database.transaction() as session:
        message = (
            await session.scalars(
                select(SmsMessage).where(SmsMessage.cause == f"login_code:{request_id}")
            )
        ).one()
    plain = keys.open(
        message.parameters_sealed, Cell("sms_messages", "parameters", message.message_id)
    )
    code: str = json.loads(plain)["code"]
    return code


def another_code(code: str) -> str:
    """A code that is wrong for sure."""
    return f"{(int(code) + 1) % 1_000_000:06}"


async def ask_code(client: httpx.AsyncClient, phone: str) -> str:
    """Ask for a code; answers the request id."""
    answer = await client.post("/auth/sms-codes", json={"phone": phone})
    assert answer.status_code == 202, answer.text
    request_id: str = answer.json()["request_id"]
    return request_id


async def log_in_customer(
    client: httpx.AsyncClient, database: Database, keys: KeyRing, phone: str
) -> dict[str, str]:
    """The whole way from the phone to tokens."""
    request_id = await ask_code(client, phone)
    code = await code_of(database, keys, request_id)
    answer = await client.post(
        "/auth/sms-login", json={"request_id": request_id, "phone": phone, "code": code}
    )
    assert answer.status_code == 200, answer.text
    tokens: dict[str, str] = answer.json()
    return tokens


async def hire(
    session: AsyncSession, *roles: Role, login: str = "li.ming", password: str = PASSWORD
) -> UUID:
    """A member of staff with a password."""
    return await service.create_staff(
        session,
        login=login,
        display_name="李明",
        password=password,
        roles=roles or (Role.SERVICE_AGENT,),
        now=MORNING,
    )


async def counts_age(database: Database, by: timedelta) -> None:
    """Let time pass for throttles, codes and tokens: everything kept becomes older."""
    async with database.transaction() as session:
        for table, columns in (
            ("throttles", ("window_at",)),
            ("login_codes", ("created_at", "expires_at")),
            ("sessions", ("access_expires_at",)),
            ("refresh_tokens", ("expires_at",)),
        ):
            for step in (by + _AWAY, -_AWAY):
                moved = ", ".join(f"{name} = {name} - CAST(:step AS interval)" for name in columns)
                await session.execute(text(f"UPDATE {table} SET {moved}"), {"step": step})


async def until_someone_waits(database: Database) -> None:
    """Return as soon as another transaction waits for a lock; fails after ten seconds."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(10), database.statement() as connection:
        while not await connection.scalar(waiting):
            pass
