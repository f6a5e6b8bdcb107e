"""A customer logs in by SMS code; guessers do not."""

import asyncio
import json
import uuid
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import func, select, text, update

from app.core.clock import wall_now
from app.core.db import Database
from app.core.runtime import Runtime
from app.customers.models import Customer
from app.identity import service
from app.identity.config import LoginSettings
from app.identity.errors import LoginCodeRefused, Throttled
from app.identity.models import LoginCode, PhoneAccount, SessionRow
from app.notifications.models import SmsMessage
from tests.factories.identity import another_code, ask_code, code_of, counts_age, log_in_customer
from tests.factories.world import MORNING, World, bearer
from tests.fixtures.application import SetClock, make_test_runtime, test_keys

PHONE = "13611112222"


async def _try(
    client: httpx.AsyncClient, request_id: str, code: str, phone: str = PHONE
) -> httpx.Response:
    return await client.post(
        "/auth/sms-login", json={"request_id": request_id, "phone": phone, "code": code}
    )


async def test_the_first_login_opens_an_account_and_the_second_finds_it(
    client: httpx.AsyncClient, database: Database, runtime: Runtime
) -> None:
    first = await log_in_customer(client, database, runtime.keys, "+86 136-1111-2222")
    me = (await client.get("/me", headers=bearer(first["access_token"]))).json()
    assert me["phone"] == PHONE
    assert me["name"] is None
    assert first["token_type"] == "bearer"
    await counts_age(database, timedelta(seconds=62))
    second = await log_in_customer(client, database, runtime.keys, PHONE)
    who = await client.get("/auth/me", headers=bearer(second["access_token"]))
    assert who.json()["id"] == me["id"]
    assert who.json()["roles"] == ["customer"]
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Customer)) == 1


async def test_known_and_unknown_phones_get_the_same_answer(
    client: httpx.AsyncClient, world: World
) -> None:
    known = await client.post("/auth/sms-codes", json={"phone": world.household.phone})
    unknown = await client.post("/auth/sms-codes", json={"phone": PHONE})
    assert known.status_code == unknown.status_code == 202
    assert known.json().keys() == unknown.json().keys()
    assert known.json()["expires_in_seconds"] == unknown.json()["expires_in_seconds"] == 600


async def test_a_code_is_good_once(
    client: httpx.AsyncClient, database: Database, runtime: Runtime
) -> None:
    request_id = await ask_code(client, PHONE)
    code = await code_of(database, runtime.keys, request_id)
    assert (await _try(client, request_id, code)).status_code == 200
    again = await _try(client, request_id, code)
    assert (again.status_code, again.json()["code"]) == (401, "login_code_refused")


async def test_a_code_belongs_to_its_request_and_its_phone(
    client: httpx.AsyncClient, database: Database, runtime: Runtime
) -> None:
    mine = await ask_code(client, PHONE)
    other = await ask_code(client, "13622223333")
    code = await code_of(database, runtime.keys, mine)
    assert (await _try(client, mine, code, phone="13622223333")).status_code == 401
    if code != await code_of(database, runtime.keys, other):
        assert (await _try(client, other, code)).status_code == 401
    assert (await _try(client, str(uuid.uuid4()), code)).status_code == 401
    assert (await _try(client, mine, code)).status_code == 200


async def test_a_code_dies_after_ten_minutes(
    client: httpx.AsyncClient, database: Database, runtime: Runtime
) -> None:
    request_id = await ask_code(client, PHONE)
    code = await code_of(database, runtime.keys, request_id)
    await counts_age(database, timedelta(minutes=10))
    assert (await _try(client, request_id, code)).status_code == 401


async def test_five_wrong_tries_kill_a_code_although_each_was_refused(
    client: httpx.AsyncClient, database: Database, runtime: Runtime
) -> None:
    request_id = await ask_code(client, PHONE)
    code = await code_of(database, runtime.keys, request_id)
    for _ in range(5):
        assert (await _try(client, request_id, another_code(code))).status_code == 401
    async with database.transaction() as session:
        assert await session.scalar(select(LoginCode.tries)) == 5
    assert (await _try(client, request_id, code)).status_code == 401
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(SessionRow)) == 0
        assert await session.scalar(select(func.count()).select_from(PhoneAccount)) == 0


async def test_the_code_is_kept_neither_in_clear_nor_for_the_thief_of_the_table(
    client: httpx.AsyncClient, database: Database, runtime: Runtime
) -> None:
    request_id = await ask_code(client, PHONE)
    code = await code_of(database, runtime.keys, request_id)
    async with database.transaction() as session:
        kept = (await session.scalars(select(LoginCode))).one()
        message = (await session.scalars(select(SmsMessage))).one()
        job = await session.scalar(text("SELECT payload FROM pgqueuer"))
    assert len(kept.code_hash) == 32
    assert len(kept.salt) == 16
    for stored in (kept.code_hash, message.parameters_sealed, message.phone_sealed, job):
        assert code.encode() not in stored
        assert PHONE.encode() not in stored


async def test_a_phone_gets_one_code_a_minute_five_an_hour_and_ten_a_day(
    client: httpx.AsyncClient, database: Database
) -> None:
    await ask_code(client, PHONE)
    refused = await client.post("/auth/sms-codes", json={"phone": PHONE})
    assert (refused.status_code, refused.json()["code"]) == (429, "throttled")
    assert 55 <= int(refused.headers["retry-after"]) <= 62
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(LoginCode)) == 1
        assert await session.scalar(select(func.count()).select_from(SmsMessage)) == 1
    for _ in range(4):
        await counts_age(database, timedelta(seconds=62))
        await ask_code(client, PHONE)
    await counts_age(database, timedelta(seconds=62))
    refused = await client.post("/auth/sms-codes", json={"phone": PHONE})
    assert refused.json()["facts"]["limit"] == "code_hour"
    for _ in range(5):
        await counts_age(database, timedelta(hours=1, minutes=2))
        await ask_code(client, PHONE)
    await counts_age(database, timedelta(hours=1, minutes=2))
    refused = await client.post("/auth/sms-codes", json={"phone": PHONE})
    assert refused.json()["facts"]["limit"] == "code_day"
    assert int(refused.headers["retry-after"]) > 3600


async def test_one_client_cannot_pump_codes_to_many_phones(client: httpx.AsyncClient) -> None:
    for last in range(20):
        await ask_code(client, f"1370000{last:04}")
    refused = await client.post("/auth/sms-codes", json={"phone": "13700009999"})
    assert refused.status_code == 429
    assert refused.json()["facts"]["limit"] == "code_network"


async def test_the_spend_cap_stops_everybody_and_calls_a_person(
    client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGIN_CODES_PER_HOUR", "2")
    assert LoginSettings().codes_per_hour == 2
    for last in (1, 2):
        await ask_code(client, f"1370000000{last}")
    refused = await client.post("/auth/sms-codes", json={"phone": "13700000003"})
    assert refused.status_code == 429
    admin = next(member for role, member in world.staff.items() if role.value == "admin")
    alerts = (await client.get("/alerts", headers=admin.headers)).json()["items"]
    assert [alert["kind"] for alert in alerts] == ["login_code_cap_reached"]


@pytest.mark.parametrize(
    "phone",
    ["+1 415 555 2671", "12811112222", "1361111222", "\ud800", "1361111222\x00", 13611112222],
)
async def test_what_is_no_mainland_mobile_gets_no_code(
    client: httpx.AsyncClient, database: Database, phone: object
) -> None:
    body = json.dumps({"phone": phone}).encode()
    answer = await client.post(
        "/auth/sms-codes", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(LoginCode)) == 0


async def test_a_hundred_guesses_at_once_are_five_tries(
    live_database: Database, clock: SetClock, tmp_path: object
) -> None:
    make_test_runtime(live_database, clock, tmp_path)  # type: ignore[arg-type]  # a path
    ticket = await service.issue_code(live_database, phone=PHONE, client_host="203.0.113.1")
    code = int(await code_of(live_database, test_keys(), ticket.request_id))
    guesses = [f"{(code + 1 + step) % 1_000_000:06}" for step in range(24)]

    async def guess(number: int, text: str) -> bool:
        try:
            await service.log_in_by_code(
                live_database,
                request_id=ticket.request_id,
                phone=PHONE,
                code=text,
                client_host=f"203.0.113.{number % 200}",
                now=MORNING,
            )
        except LoginCodeRefused:
            return False
        return True

    results = await asyncio.gather(*(guess(n, text) for n, text in enumerate(guesses)))
    assert not any(results)
    async with live_database.transaction() as session:
        assert await session.scalar(select(LoginCode.tries)) == 5
    assert not await guess(0, f"{code:06}")


async def test_the_right_code_twice_at_once_is_one_login(
    live_database: Database, clock: SetClock, tmp_path: object
) -> None:
    make_test_runtime(live_database, clock, tmp_path)  # type: ignore[arg-type]  # a path
    ticket = await service.issue_code(live_database, phone=PHONE, client_host=None)
    code = await code_of(live_database, test_keys(), ticket.request_id)

    async def log_in() -> bool:
        try:
            await service.log_in_by_code(
                live_database,
                request_id=ticket.request_id,
                phone=PHONE,
                code=code,
                client_host=None,
                now=MORNING,
            )
        except LoginCodeRefused:
            return False
        return True

    results = await asyncio.gather(*(log_in() for _ in range(5)))
    assert sorted(results) == [False, False, False, False, True]


async def test_asking_at_once_sends_one_code(
    live_database: Database, clock: SetClock, tmp_path: object
) -> None:
    make_test_runtime(live_database, clock, tmp_path)  # type: ignore[arg-type]  # a path

    async def ask() -> bool:
        try:
            await service.issue_code(live_database, phone=PHONE, client_host=None)
        except Throttled:
            return False
        return True

    results = await asyncio.gather(*(ask() for _ in range(8)))
    assert results.count(True) == 1
    async with live_database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(SmsMessage)) == 1


async def test_two_first_logins_of_one_phone_open_one_account(
    live_database: Database, clock: SetClock, tmp_path: object
) -> None:
    make_test_runtime(live_database, clock, tmp_path)  # type: ignore[arg-type]  # a path

    async def open_account() -> tuple[uuid.UUID, bool]:
        async with live_database.transaction() as session:
            return await service.find_or_open_account(session, phone=PHONE, now=MORNING)

    results = await asyncio.gather(*(open_account() for _ in range(6)))
    assert len({account for account, _ in results}) == 1
    assert [opened for _, opened in results].count(True) == 1
    async with live_database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Customer)) == 1


async def test_old_codes_are_forgotten_after_a_day(
    client: httpx.AsyncClient, database: Database
) -> None:
    await ask_code(client, PHONE)
    async with database.transaction() as session:
        await service.prune(session)
        assert await session.scalar(select(func.count()).select_from(LoginCode)) == 1
    async with database.transaction() as session:
        await session.execute(
            update(LoginCode).values(created_at=wall_now() - timedelta(days=1, minutes=1))
        )
        await service.prune(session)
        assert await session.scalar(select(func.count()).select_from(LoginCode)) == 0
