"""What every page says to browsers: policies, errors in words, files that are kept."""

import gzip
import re
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI, Request
from playwright.async_api import expect
from structlog.testing import capture_logs

from app.core.runtime import Runtime
from app.core.unit import Router
from app.identity.access import OPEN, Allow, Principal
from app.identity.models import Role
from app.main import attach, build_app
from app.web.common.assets import STATIC, asset, manifest
from app.web.common.headers import CONTENT_SECURITY_POLICY
from tests.fixtures.application import app_over
from tests.fixtures.site import Site, check_axe, shot

BROWSER = {"Accept": "text/html,application/xhtml+xml"}
HTMX = {"Accept": "text/html", "HX-Request": "true"}
ORIGIN = "https://milk.test"
ForAdmins = Annotated[Principal, Depends(Allow(Role.ADMIN))]


def browser_of(app: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=ORIGIN)


@pytest.fixture
def browser(runtime: Runtime) -> httpx.AsyncClient:
    """A client without a session."""
    return browser_of(app_over(runtime))


async def test_policies_stand_on_every_answer(browser: httpx.AsyncClient) -> None:
    for path in ("/login", "/api/v1/cities", "/nowhere", asset("staff.css"), "/docs"):
        answer = await browser.get(path, headers=BROWSER)
        assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert "unsafe" not in CONTENT_SECURITY_POLICY


async def test_built_files_are_kept_for_ever_and_come_gzipped(browser: httpx.AsyncClient) -> None:
    small = await browser.get(asset("common.js"), headers={"Accept-Encoding": "gzip"})
    plain = await browser.get(asset("common.js"), headers={"Accept-Encoding": "identity"})
    assert small.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert small.content == plain.content
    assert int(small.headers["content-length"]) < len(plain.content) / 2
    for answer in (small, plain):
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["vary"] == "accept-encoding"
        assert answer.headers["content-type"].startswith("text/javascript")
    unchanged = await browser.get(
        asset("common.js"),
        headers={"Accept-Encoding": "gzip", "If-None-Match": small.headers["etag"]},
    )
    assert unchanged.status_code == 304


async def test_only_built_files_are_served(browser: httpx.AsyncClient) -> None:
    hidden = ("manifest.json", f"{manifest()['common.js']}.gz", "../common/filters.py", "", "x.js")
    for name in hidden:
        answer = await browser.get(f"/static/{name}")
        assert answer.status_code == 404, name


async def test_pages_are_gzipped_and_never_kept(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/login", headers=BROWSER | {"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["cache-control"] == "no-store"


async def test_one_error_looks_right_to_each_caller(browser: httpx.AsyncClient) -> None:
    person = await browser.get("/nowhere", headers=BROWSER)
    assert person.status_code == 404
    assert person.headers["content-type"].startswith("text/html")
    assert "没有找到" in person.text
    assert person.headers["x-request-id"] in person.text
    part = await browser.get("/nowhere", headers=HTMX)
    assert part.status_code == 404
    assert 'data-code="not_found"' in part.text
    assert "<html" not in part.text
    for path, headers in (("/nowhere", {}), ("/api/v1/nowhere", BROWSER), ("/api/v1/x", HTMX)):
        answer = await browser.get(path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_without_a_session_a_page_leads_to_the_login(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/session?a=1&b=2", headers=BROWSER)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fsession%3Fa%3D1%26b%3D2"
    part = await browser.get("/session", headers=HTMX)
    assert part.status_code == 401
    assert "请先登录" in part.text
    sent = await browser.post(
        "/logout", headers=BROWSER | {"Referer": f"{ORIGIN}/docs", "Host": "milk.test"}
    )
    assert sent.headers["location"] == "/login?next=%2Fdocs"


async def test_a_bug_is_a_page_with_its_number(runtime: Runtime) -> None:
    router = Router()

    @router.get("/broken", dependencies=[OPEN])
    async def broken(request: Request) -> None:
        raise ZeroDivisionError(f"a secret at {request.url}")

    app = build_app()
    app.include_router(router)
    attach(app, runtime)
    async with browser_of(app) as client:
        with capture_logs() as logs:
            answer = await client.get("/broken", headers=BROWSER)
            machine = await client.get("/broken")
        large = await client.post("/login", content=b"x" * 2_000_001, headers=BROWSER)
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == [
        "request.bug"
    ] * 2
    assert answer.status_code == 500
    assert "系统" in answer.text
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"] in answer.text
    assert machine.json()["code"] == "internal_error"
    assert large.status_code == 413
    assert "提交的内容过大" in large.text


async def test_a_wrong_field_is_told_in_words(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/login", params={"next": "x" * 2001}, headers=BROWSER)
    assert answer.status_code == 422
    assert "太长" in answer.text


async def test_roles_without_a_page_are_refused_readably(site: Site) -> None:
    router = Router()
    app = build_app()

    @router.get("/admins")
    async def admins(_: ForAdmins) -> None:
        raise AssertionError

    app.include_router(router)
    attach(app, site.runtime)
    site.serve(app)
    site.expected = ["403", "404"]
    page = await site.page("/admins", Role.AUDITOR)
    await expect(page.get_by_role("heading", name="没有权限")).to_be_attached()
    await expect(page.get_by_text("请求编号")).to_be_visible()
    await expect(page.get_by_text("auditor", exact=True).first).to_be_visible()
    await check_axe(page)
    await shot(page, "problem-403")
    await page.goto("/nowhere")
    await expect(page.get_by_role("alert")).to_contain_text("没有找到")
    await check_axe(page)
    await page.get_by_role("link", name="回到首页").click()
    await expect(page).to_have_url(re.compile("/work$"))


async def test_the_api_can_be_read_and_tried_without_the_internet(site: Site) -> None:
    context = await site.context()
    page = await context.new_page()
    site.watch(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto("/docs")
    await expect(page.get_by_role("heading", name=re.compile("随心订"))).to_be_visible()
    await page.locator("#operations-tag-identity button").first.click()
    await page.locator("#operations-identity-who_am_i_api_v1_auth_me_get button").first.click()
    await page.get_by_role("button", name="Try it out").click()
    site.expected = ["401"]
    await page.get_by_role("button", name="Execute").click()
    await expect(page.get_by_text("not_authenticated").first).to_be_visible()
    assert all(url.startswith((site.url, "data:")) for url in asked), asked


def test_gzipped_copies_are_copies() -> None:
    copies = list(STATIC.glob("*.gz"))
    assert copies
    for copy in copies:
        assert gzip.decompress(copy.read_bytes()) == copy.with_suffix("").read_bytes()
