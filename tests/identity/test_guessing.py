"""Guessed codes and spoilt tokens by the thousand: the odds stay what they should be."""

import base64
import json
import random
from collections.abc import Iterator
from datetime import timedelta

import httpx
from sqlalchemy import func, select, text

from app.core.db import Database
from app.identity import service
from app.identity.models import AccountKind, LoginCode, PhoneAccount, SessionRow
from app.notifications.models import SmsMessage
from tests.factories.identity import counts_age
from tests.factories.world import World, bearer
from tests.fixtures.doses import dose

PHONE = "13611113333"
GUESSES = dose(70, 10_000)
PHONES = dose(30, 1_000)
MUTATIONS = 50
ENDPOINTS = ("/auth/me", "/me", "/me/addresses", "/orders", "/tickets")


async def test_a_day_of_guessing_gets_fifty_tries(
    client: httpx.AsyncClient, database: Database, world: World
) -> None:
    """Ten codes a day, five tries each: the rest of the guesses meet a dead code."""
    chance = random.Random(20260315)
    asked: list[str] = []
    passed = timedelta()
    while passed < timedelta(days=1):
        answer = await client.post("/auth/sms-codes", json={"phone": PHONE})
        if answer.status_code == 202:
            asked.append(answer.json()["request_id"])
            for _ in range(GUESSES // 10):
                guess = {"request_id": asked[-1], "phone": PHONE, "code": _code(chance)}
                tried = await client.post("/auth/sms-login", json=guess)
                assert tried.status_code in {401, 429}, tried.text
        step = timedelta(minutes=61)
        await counts_age(database, step)
        passed += step
    assert len(asked) <= 10
    async with database.transaction() as session:
        tries = list(await session.scalars(select(LoginCode.tries)))
        assert sum(tries) <= 50
        assert max(tries) <= 5
        assert await session.scalar(select(func.count()).select_from(SmsMessage)) == len(asked)
        owner = select(PhoneAccount.account_id).where(
            PhoneAccount.phone_index == world.keys.blind_index("phone", PHONE)
        )
        assert await session.scalar(owner) is None


def _code(chance: random.Random) -> str:
    return f"{chance.randrange(1_000_000):06}"


async def test_many_phones_from_one_address_get_few_codes(
    client: httpx.AsyncClient, database: Database
) -> None:
    statuses = []
    for number in range(PHONES):
        answer = await client.post("/auth/sms-codes", json={"phone": f"138{number:08d}"})
        statuses.append(answer.status_code)
        assert answer.status_code in {202, 429}, answer.text
    async with database.transaction() as session:
        sent = await session.scalar(select(func.count()).select_from(SmsMessage))
    assert sent == statuses.count(202) < PHONES
    assert statuses[-1] == 429


def mutations(good: str, *, refresh: str) -> Iterator[str]:
    """Fifty tokens that are not the good one."""
    chance = random.Random(2026)

    def part(content: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")

    yield refresh
    yield from (good.upper(), good.lower(), good[::-1], good + "=", good[1:], good[:-1], good * 2)
    for header in (
        {"alg": "none"},
        {"alg": "HS256", "kid": "../../dev/null"},
        {"alg": "RS256", "jku": "http://169.254.169.254/"},
    ):
        yield f"{part(header)}.{part({'sub': good, 'roles': ['admin']})}."
    yield from ("null", "undefined", "0", "Bearer", good + "\t", good + "%00", "' OR 1=1--")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for _ in range(MUTATIONS - 18):
        place = chance.randrange(len(good))
        other = chance.choice(letters.replace(good[place], ""))
        yield good[:place] + other + good[place + 1 :]


async def test_no_mutation_of_a_token_opens_anything(
    client: httpx.AsyncClient, database: Database, world: World
) -> None:
    async with database.transaction() as session:
        tokens = await service.issue_tokens(
            session, account_id=world.household.customer_id, kind=AccountKind.CUSTOMER
        )
    good = tokens.access_token
    tried = [one for one in mutations(good, refresh=tokens.refresh_token) if one.strip() != good]
    assert len(tried) >= MUTATIONS - 2
    for token in tried:
        for endpoint in ENDPOINTS:
            answer = await client.get(endpoint, headers=bearer(token))
            assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated"), token
    for endpoint in ENDPOINTS:
        assert (await client.get(endpoint, headers=bearer(good))).status_code == 200, endpoint
    assert (await client.post("/auth/logout", headers=bearer(good))).status_code == 204
    for endpoint in ENDPOINTS:
        assert (await client.get(endpoint, headers=bearer(good))).status_code == 401
    async with database.transaction() as session:
        left = select(func.count()).where(SessionRow.account_id == world.household.customer_id)
        assert await session.scalar(left) == 1, "the world's own session is another one"
        assert await session.scalar(text("SELECT count(*) FROM security_events")) == 0
