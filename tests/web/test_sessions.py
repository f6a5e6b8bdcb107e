"""The browser's cookie as a credential: what it opens, what it must prove, when it ends."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import httpx
import pytest
from sqlalchemy import text

from app.core.clock import wall_now
from app.core.db import Database
from app.core.runtime import Runtime
from app.identity.access import token_hash
from app.identity.browser import csrf_token
from app.identity.models import Role
from app.identity.rules import BROWSER_IDLE, STAFF_SESSION
from app.identity.service import create_staff
from tests.factories.world import MORNING, World, once
from tests.fixtures.application import app_over

ORIGIN = "https://milk.test"
COOKIE = "__Host-suixinding"
PASSWORD = "Gentle-Morning-Milk-26"
BROWSER = {"Accept": "text/html", "Origin": ORIGIN}
CITY = {"code": "320500", "name": "苏州市"}


@pytest.fixture
async def browser(runtime: Runtime) -> AsyncIterator[httpx.AsyncClient]:
    """A client with a cookie jar, over TLS."""
    transport = httpx.ASGITransport(app=app_over(runtime), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as opened:
        yield opened


@pytest.fixture
async def manager(world: World, database: Database) -> None:
    """A manager who can log in."""
    async with database.transaction() as session:
        await create_staff(
            session,
            login="limin",
            display_name="李敏",
            password=PASSWORD,
            roles=[Role.MANAGER],
            now=MORNING,
        )


async def log_in(browser: httpx.AsyncClient, **more: str) -> httpx.Response:
    form = {"login": "limin", "password": PASSWORD, **more}
    return await browser.post("/login", data=form, headers=BROWSER)


async def token_of(browser: httpx.AsyncClient) -> str:
    answer = await browser.get("/session")
    return str(answer.json()["csrf_token"])


async def count_cities(database: Database) -> int:
    async with database.transaction() as session:
        return int(await session.scalar(text("SELECT count(*) FROM cities")) or 0)


async def ends_at(database: Database, token: str) -> datetime:
    async with database.transaction() as session:
        found = await session.scalar(
            text("SELECT access_expires_at FROM sessions WHERE access_hash = :hash"),
            {"hash": token_hash(token)},
        )
    assert isinstance(found, datetime)
    return found


@pytest.mark.usefixtures("manager")
async def test_the_cookie_is_closed_to_scripts_and_other_sites(browser: httpx.AsyncClient) -> None:
    answer = await log_in(browser, next="/session")
    assert (answer.status_code, answer.headers["location"]) == (303, "/session")
    kept = answer.headers["set-cookie"].lower()
    assert kept.startswith(COOKIE.lower() + "=")
    for word in ("httponly", "secure", "samesite=lax", "path=/", f"max-age={12 * 3600}"):
        assert word in kept
    assert "domain" not in kept


@pytest.mark.usefixtures("manager")
async def test_the_cookie_opens_the_api_and_changes_need_proof(
    browser: httpx.AsyncClient, database: Database
) -> None:
    await log_in(browser)
    assert (await browser.get("/api/v1/auth/me")).json()["display_name"] == "李敏"
    token = await token_of(browser)
    own = {"Origin": ORIGIN, "X-CSRF-Token": token}
    refused = (
        {"Origin": ORIGIN},
        {"X-CSRF-Token": token},
        own | {"Origin": "https://evil.test"},
        own | {"Origin": "null"},
        own | {"X-CSRF-Token": token[:-4] + "AAAA"},
        own | {"X-CSRF-Token": "零"},
        own | {"X-CSRF-Token": ""},
    )
    before = await count_cities(database)
    for headers in refused:
        sent = httpx.Headers(headers | once(), encoding="utf-8")
        answer = await browser.post("/api/v1/cities", json=CITY, headers=sent)
        assert (answer.status_code, answer.json()["code"]) == (403, "request_not_meant"), headers
    assert await count_cities(database) == before
    answer = await browser.post("/api/v1/cities", json=CITY, headers=own | once())
    assert answer.status_code == 201
    assert await count_cities(database) == before + 1


@pytest.mark.usefixtures("manager")
async def test_a_token_belongs_to_one_session(browser: httpx.AsyncClient, world: World) -> None:
    await log_in(browser)
    stranger = csrf_token(world.staff[Role.ADMIN].account_id)
    answer = await browser.post(
        "/logout", data={"csrf_token": stranger}, headers={"Origin": ORIGIN}
    )
    assert answer.json()["code"] == "request_not_meant"
    assert (await browser.get("/session")).status_code == 200


async def test_a_bearer_token_needs_no_proof(browser: httpx.AsyncClient, world: World) -> None:
    headers = world.staff[Role.MANAGER].headers | once()
    answer = await browser.post("/api/v1/cities", json=CITY, headers=headers)
    assert answer.status_code == 201


@pytest.mark.usefixtures("manager")
async def test_logout_ends_the_session_for_every_copy_of_the_cookie(
    browser: httpx.AsyncClient,
) -> None:
    await log_in(browser)
    copy = browser.cookies[COOKIE]
    form = {"csrf_token": await token_of(browser)}
    answer = await browser.post("/logout", data=form, headers=BROWSER)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert COOKIE not in browser.cookies
    browser.cookies.set(COOKIE, copy)
    assert (await browser.get("/session")).status_code == 401


@pytest.mark.usefixtures("manager")
async def test_logging_in_again_ends_the_earlier_session(browser: httpx.AsyncClient) -> None:
    await log_in(browser)
    first = browser.cookies[COOKIE]
    await log_in(browser)
    assert browser.cookies[COOKIE] != first
    assert (await browser.get("/session")).status_code == 200
    browser.cookies.clear()
    browser.cookies.set(COOKIE, first)
    assert (await browser.get("/session")).status_code == 401


@pytest.mark.usefixtures("manager")
async def test_another_site_cannot_log_anybody_in(browser: httpx.AsyncClient) -> None:
    for headers in ({}, {"Origin": "https://evil.test"}, {"Origin": f"{ORIGIN}.evil.test"}):
        answer = await browser.post(
            "/login", data={"login": "limin", "password": PASSWORD}, headers=headers
        )
        assert answer.json()["code"] == "request_not_meant"
    assert not browser.cookies


@pytest.mark.usefixtures("manager")
async def test_use_moves_the_end_and_rest_does_not(
    browser: httpx.AsyncClient, database: Database
) -> None:
    await log_in(browser)
    token = browser.cookies[COOKIE]
    began = wall_now()
    async with database.transaction() as session:
        await session.execute(
            text("UPDATE sessions SET access_expires_at = :at WHERE access_hash = :hash"),
            {"at": began + timedelta(minutes=10), "hash": token_hash(token)},
        )
    assert (await browser.get("/session")).status_code == 200
    moved = await ends_at(database, token)
    assert moved >= began + BROWSER_IDLE
    assert browser.cookies[COOKIE] == token
    assert (await browser.get("/session")).status_code == 200
    assert await ends_at(database, token) == moved

    absolute = began + timedelta(minutes=30)
    async with database.transaction() as session:
        await session.execute(text("UPDATE refresh_tokens SET expires_at = :at"), {"at": absolute})
        await session.execute(
            text("UPDATE sessions SET access_expires_at = :at WHERE access_hash = :hash"),
            {"at": began + timedelta(minutes=10), "hash": token_hash(token)},
        )
    assert (await browser.get("/session")).status_code == 200
    assert await ends_at(database, token) == absolute

    async with database.transaction() as session:
        await session.execute(text("UPDATE sessions SET access_expires_at = :at"), {"at": began})
    assert (await browser.get("/session")).status_code == 401


async def test_a_deliverer_s_phone_may_rest_for_the_whole_shift(
    browser: httpx.AsyncClient, database: Database, world: World
) -> None:
    async with database.transaction() as session:
        await create_staff(
            session,
            login="limin",
            display_name="李敏",
            password=PASSWORD,
            roles=[Role.DELIVERER],
            station_id=world.station_id,
            deliverer_id=world.deliverers[0],
            now=MORNING,
        )
    began = wall_now()
    await log_in(browser)
    assert await ends_at(database, browser.cookies[COOKIE]) >= began + STAFF_SESSION - timedelta(
        seconds=1
    )


@pytest.mark.usefixtures("manager")
async def test_a_closed_account_s_cookie_opens_nothing(
    browser: httpx.AsyncClient, database: Database
) -> None:
    await log_in(browser)
    async with database.transaction() as session:
        await session.execute(text("UPDATE staff_accounts SET is_active = false"))
    assert (await browser.get("/session")).status_code == 401


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("/session", "/session"),
        ("/docs?x=1", "/docs?x=1"),
        ("https://evil.test/", "/"),
        ("//evil.test/", "/"),
        ("/\\evil.test", "/"),
        ("/%5Cevil.test\\x", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nSet-Cookie: x=1", "/"),
        ("/login?next=/login", "/"),
        ("/logout", "/"),
        ("", "/"),
    ],
)
@pytest.mark.usefixtures("manager")
async def test_a_login_goes_on_to_our_own_pages_only(
    browser: httpx.AsyncClient, given: str, taken: str
) -> None:
    answer = await log_in(browser, next=given)
    assert (answer.status_code, answer.headers["location"]) == (303, taken)


@pytest.mark.usefixtures("manager")
async def test_guessing_is_throttled_and_says_for_how_long(browser: httpx.AsyncClient) -> None:
    for _ in range(10):
        answer = await log_in(browser, password="wrong-password-1")
        assert answer.status_code == 401
        assert "账号或密码不正确" in answer.text
    answer = await log_in(browser)
    assert answer.status_code == 429
    assert "操作过于频繁" in answer.text
    assert int(answer.headers["retry-after"]) > 0
    assert not browser.cookies
