"""Sessions: rotation, reuse, logout, and tokens that were tampered with."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import func, select, update

from app.core.clock import wall_now
from app.core.db import Database
from app.core.ids import new_id
from app.core.runtime import Runtime
from app.identity import service
from app.identity.access import token_hash
from app.identity.models import AccountKind, RefreshToken, Role, SecurityEvent, SessionRow
from app.identity.service import Tokens
from tests.factories.identity import counts_age, until_someone_waits
from tests.factories.world import World, bearer
from tests.fixtures.application import SetClock, make_test_runtime


@pytest.fixture
async def tokens(database: Database, world: World) -> Tokens:
    async with database.transaction() as session:
        return await service.issue_tokens(
            session, account_id=world.household.customer_id, kind=AccountKind.CUSTOMER
        )


async def _me(client: httpx.AsyncClient, access_token: str) -> int:
    return (await client.get("/auth/me", headers=bearer(access_token))).status_code


async def _refresh(client: httpx.AsyncClient, refresh_token: str) -> httpx.Response:
    return await client.post("/auth/refresh", json={"refresh_token": refresh_token})


async def test_refreshing_replaces_both_tokens(
    client: httpx.AsyncClient, tokens: Tokens, runtime: Runtime
) -> None:
    fresh = (await _refresh(client, tokens.refresh_token)).json()
    assert fresh["access_token"] != tokens.access_token
    assert fresh["refresh_token"] != tokens.refresh_token
    assert await _me(client, fresh["access_token"]) == 200
    assert await _me(client, tokens.access_token) == 401


async def test_a_refresh_token_used_twice_ends_the_whole_session(
    client: httpx.AsyncClient, tokens: Tokens, database: Database, world: World
) -> None:
    fresh = (await _refresh(client, tokens.refresh_token)).json()
    stolen = await _refresh(client, tokens.refresh_token)
    assert (stolen.status_code, stolen.json()["code"]) == (401, "refresh_refused")
    assert await _me(client, fresh["access_token"]) == 401
    assert (await _refresh(client, fresh["refresh_token"])).status_code == 401
    # the household's other session goes on
    assert await _me(client, world.household.token) == 200
    async with database.transaction() as session:
        kinds = (await session.scalars(select(SecurityEvent.kind))).all()
    assert kinds == ["refresh_token_reused"]


async def test_using_a_session_does_not_prolong_it(
    client: httpx.AsyncClient, tokens: Tokens, database: Database
) -> None:
    await counts_age(database, timedelta(days=29, hours=23, minutes=50))
    fresh = (await _refresh(client, tokens.refresh_token)).json()
    assert fresh["expires_in_seconds"] <= 600
    assert fresh["refresh_expires_in_seconds"] <= 600
    await counts_age(database, timedelta(minutes=10))
    assert await _me(client, fresh["access_token"]) == 401
    assert (await _refresh(client, fresh["refresh_token"])).status_code == 401


async def test_an_access_token_dies_after_a_quarter_of_an_hour(
    client: httpx.AsyncClient, tokens: Tokens, database: Database
) -> None:
    await counts_age(database, timedelta(minutes=15))
    assert await _me(client, tokens.access_token) == 401
    assert (await _refresh(client, tokens.refresh_token)).status_code == 200


async def test_logging_out_ends_access_and_refresh_of_this_session_only(
    client: httpx.AsyncClient, tokens: Tokens, world: World
) -> None:
    gone = await client.post("/auth/logout", headers=bearer(tokens.access_token))
    assert gone.status_code == 204
    assert await _me(client, tokens.access_token) == 401
    assert (await _refresh(client, tokens.refresh_token)).status_code == 401
    assert await _me(client, world.household.token) == 200


@pytest.mark.parametrize("spoil", ["flip", "cut", "grow", "empty", "foreign", "refresh"])
async def test_a_spoilt_token_opens_nothing(
    client: httpx.AsyncClient, tokens: Tokens, spoil: str
) -> None:
    good = tokens.access_token
    spoilt = {
        "flip": good[:-1] + ("A" if good[-1] != "A" else "B"),
        "cut": good[:-1],
        "grow": good + "A",
        "empty": "",
        "foreign": "中文",
        "refresh": tokens.refresh_token,
    }[spoil]
    answer = await client.get("/auth/me", headers={b"Authorization": f"Bearer {spoilt}".encode()})
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_deactivated_staff_is_out_at_once_and_stays_out(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    agent = world.staff[Role.SERVICE_AGENT]
    async with database.transaction() as session:
        tokens = await service.issue_tokens(
            session, account_id=agent.account_id, kind=AccountKind.STAFF
        )
        await service.change_staff(session, staff_id=agent.account_id, changes={"is_active": False})
    assert await _me(client, tokens.access_token) == 401
    assert (await _refresh(client, tokens.refresh_token)).status_code == 401
    async with database.transaction() as session:
        await service.change_staff(session, staff_id=agent.account_id, changes={"is_active": True})
    assert await _me(client, agent.token) == 401


async def test_refreshing_at_once_leaves_at_most_one_session_alive(
    live_database: Database, clock: SetClock, tmp_path: object
) -> None:
    make_test_runtime(live_database, clock, tmp_path)  # type: ignore[arg-type]  # a path
    account_id = new_id()
    async with live_database.transaction() as session:
        first = await service.issue_tokens(
            session, account_id=account_id, kind=AccountKind.CUSTOMER
        )

    async def refresh() -> Tokens | None:
        async with live_database.transaction() as session:
            return await service.rotate_tokens(session, refresh_token=first.refresh_token)

    results = await asyncio.gather(*(refresh() for _ in range(6)))
    assert sum(result is not None for result in results) == 1
    # the others used a spent token: the session is gone, the winner's new tokens with it
    async with live_database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(SessionRow)) == 0
        assert await session.scalar(select(func.count()).select_from(RefreshToken)) == 0


async def test_a_refresh_under_way_does_not_survive_a_logout(
    live_database: Database, clock: SetClock, tmp_path: object
) -> None:
    make_test_runtime(live_database, clock, tmp_path)  # type: ignore[arg-type]  # a path
    account_id = new_id()
    async with live_database.transaction() as session:
        first = await service.issue_tokens(
            session, account_id=account_id, kind=AccountKind.CUSTOMER
        )

    async def log_out() -> None:
        async with live_database.transaction() as session:
            await service.end_sessions(session, account_id=account_id)

    async with live_database.transaction() as session:
        second = await service.rotate_tokens(session, refresh_token=first.refresh_token)
    assert second is not None
    async with live_database.transaction() as session:
        assert await service.rotate_tokens(session, refresh_token=second.refresh_token) is not None
        leaving = asyncio.create_task(log_out())
        await until_someone_waits(live_database)
    await leaving
    async with live_database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(SessionRow)) == 0
        assert await session.scalar(select(func.count()).select_from(RefreshToken)) == 0


async def test_ended_sessions_are_forgotten(
    database: Database, tokens: Tokens, world: World
) -> None:
    async with database.transaction() as session:
        before = await session.scalar(select(func.count()).select_from(SessionRow))
        past = wall_now() - timedelta(seconds=1)
        await session.execute(update(RefreshToken).values(expires_at=past))
        await session.execute(
            update(SessionRow)
            .where(SessionRow.access_hash == token_hash(tokens.access_token))
            .values(access_expires_at=past)
        )
        await service.prune(session)
        assert await session.scalar(select(func.count()).select_from(RefreshToken)) == 0
        after = await session.scalar(select(func.count()).select_from(SessionRow))
    assert before is not None
    assert after == before - 1
