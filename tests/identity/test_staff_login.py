"""Staff log in by password; guessers are held off."""

import asyncio
from datetime import timedelta
from typing import Literal

import httpx
import pytest
from argon2 import PasswordHasher
from sqlalchemy import func, select, text

from app.core.db import Database
from app.identity import service
from app.identity.errors import LoginFailed, Throttled
from app.identity.models import SecurityEvent, SessionRow, StaffAccount
from app.identity.service import _hashing
from tests.factories.identity import PASSWORD, counts_age, hire
from tests.factories.world import bearer
from tests.fixtures.application import SetClock, make_test_runtime


async def _log_in(client: httpx.AsyncClient, login: str, password: str) -> httpx.Response:
    return await client.post("/auth/login", json={"login": login, "password": password})


@pytest.fixture
async def employee(database: Database, runtime: object) -> None:
    async with database.transaction() as session:
        await hire(session)


async def test_the_right_password_opens_a_session(
    client: httpx.AsyncClient, employee: None, database: Database
) -> None:
    answer = await _log_in(client, "Li.Ming", PASSWORD)
    assert answer.status_code == 200
    tokens = answer.json()
    assert tokens["expires_in_seconds"] == 900
    assert tokens["refresh_expires_in_seconds"] == 12 * 3600
    me = (await client.get("/auth/me", headers=bearer(tokens["access_token"]))).json()
    assert (me["login"], me["display_name"], me["roles"]) == ("li.ming", "李明", ["service_agent"])
    async with database.transaction() as session:
        stored = (await session.scalars(select(SessionRow))).one()
        kept = (await session.scalars(select(StaffAccount))).one()
    assert tokens["access_token"].encode() not in stored.access_hash
    assert kept.password_hash.startswith("$argon2id$")


async def test_unknown_login_wrong_password_and_closed_account_look_the_same(
    client: httpx.AsyncClient, employee: None, database: Database
) -> None:
    wrong = await _log_in(client, "li.ming", "wrong-horse-battery")
    unknown = await _log_in(client, "nobody", PASSWORD)
    async with database.transaction() as session:
        await session.execute(text("UPDATE staff_accounts SET is_active = false"))
    closed = await _log_in(client, "li.ming", PASSWORD)
    bodies = []
    for answer in (wrong, unknown, closed):
        assert answer.status_code == 401
        body = answer.json()
        body.pop("request_id")
        bodies.append(body)
    assert bodies[0] == bodies[1] == bodies[2]
    assert bodies[0]["code"] == "login_failed"


async def test_an_unknown_login_costs_the_same_hash_as_a_known_one(
    client: httpx.AsyncClient,
    employee: None,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verified: list[str] = []

    class Watched(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002  # argon2's signature
            verified.append(str(hash))
            return super().verify(hash, password)

    made = _hashing._HASHER
    watched = Watched(time_cost=made.time_cost, memory_cost=made.memory_cost, parallelism=1)
    monkeypatch.setattr(_hashing, "_HASHER", watched)
    await _log_in(client, "li.ming", "wrong-horse-battery")
    await _log_in(client, "nobody", PASSWORD)
    async with database.transaction() as session:
        await session.execute(text("UPDATE staff_accounts SET password_hash = '!'"))
    await _log_in(client, "li.ming", PASSWORD)
    assert len(verified) == 3
    assert len({hashed.split("$")[3] for hashed in verified}) == 1
    assert len(set(verified)) == 2
    assert not any(_hashing.is_outdated(hashed) for hashed in verified)


async def test_ten_failures_close_the_login_for_a_while_even_for_the_right_password(
    client: httpx.AsyncClient, employee: None, database: Database
) -> None:
    for _ in range(10):
        assert (await _log_in(client, "li.ming", "wrong-horse-battery")).status_code == 401
    refused = await _log_in(client, "li.ming", PASSWORD)
    assert (refused.status_code, refused.json()["code"]) == (429, "throttled")
    assert 0 < int(refused.headers["retry-after"]) <= 15 * 60 + 16
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(SessionRow)) == 0
        failures = select(func.count()).where(SecurityEvent.kind == "login_failed")
        assert await session.scalar(failures) == 10
    await counts_age(database, timedelta(minutes=15, seconds=16))
    assert (await _log_in(client, "li.ming", PASSWORD)).status_code == 200


async def test_one_address_cannot_try_many_logins(
    client: httpx.AsyncClient, employee: None
) -> None:
    for number in range(10):
        assert (await _log_in(client, f"guess{number}", PASSWORD)).status_code == 401
    refused = await _log_in(client, "li.ming", PASSWORD)
    assert refused.status_code == 429
    assert refused.json()["facts"]["limit"] == "login_network"


async def test_right_passwords_do_not_use_up_the_tries(
    client: httpx.AsyncClient, employee: None
) -> None:
    for _ in range(12):
        assert (await _log_in(client, "li.ming", PASSWORD)).status_code == 200


async def test_guesses_at_once_are_all_counted(
    live_database: Database, clock: SetClock, tmp_path: object
) -> None:
    make_test_runtime(live_database, clock, tmp_path)  # type: ignore[arg-type]  # a path
    async with live_database.transaction() as session:
        await hire(session)

    async def guess(number: int) -> str:
        try:
            await service.log_in_staff(
                live_database,
                login="li.ming",
                password=f"wrong-horse-{number}",
                client_host=f"203.0.113.{number}",
            )
        except LoginFailed:
            return "failed"
        except Throttled:
            return "throttled"
        return "in"

    results = await asyncio.gather(*(guess(number) for number in range(25)))
    assert results.count("failed") == 10
    assert results.count("throttled") == 15


async def test_an_outdated_hash_is_replaced_at_login(
    client: httpx.AsyncClient, employee: None, database: Database
) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    async with database.transaction() as session:
        await session.execute(text("UPDATE staff_accounts SET password_hash = :h"), {"h": weak})
    assert (await _log_in(client, "li.ming", PASSWORD)).status_code == 200
    async with database.transaction() as session:
        kept = await session.scalar(select(StaffAccount.password_hash))
    assert kept is not None
    assert not _hashing.is_outdated(kept)


async def test_changing_ones_own_password_ends_the_other_sessions(
    client: httpx.AsyncClient, employee: None
) -> None:
    here = (await _log_in(client, "li.ming", PASSWORD)).json()["access_token"]
    there = (await _log_in(client, "li.ming", PASSWORD)).json()["access_token"]
    body = {"current_password": "wrong-horse-battery", "new_password": "another-horse-battery"}
    wrong = await client.post("/auth/password", json=body, headers=bearer(here))
    assert (wrong.status_code, wrong.json()["code"]) == (401, "login_failed")
    weak = {"current_password": PASSWORD, "new_password": "password1234"}
    refused = await client.post("/auth/password", json=weak, headers=bearer(here))
    assert (refused.status_code, refused.json()["code"]) == (400, "password_too_weak")
    assert (await client.get("/auth/me", headers=bearer(there))).status_code == 200
    body["current_password"] = PASSWORD
    done = await client.post("/auth/password", json=body, headers=bearer(here))
    assert done.status_code == 204
    assert (await client.get("/auth/me", headers=bearer(here))).status_code == 200
    assert (await client.get("/auth/me", headers=bearer(there))).status_code == 401
    assert (await _log_in(client, "li.ming", PASSWORD)).status_code == 401
    assert (await _log_in(client, "li.ming", "another-horse-battery")).status_code == 200
