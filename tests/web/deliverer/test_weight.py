"""The page stays light, and the shell names nobody."""

import httpx

from app.web.common.assets import asset
from bench.weight import DELIVERER, in_kb, weigh
from tests.fixtures.site import Site

PARTS = ("deliverer.js", "deliverer-theme.js", "deliverer.css", "deliverer-icons.svg")


async def test_the_page_weighs_at_most_forty_kilobytes(site: Site) -> None:
    async with httpx.AsyncClient(base_url=site.url) as browser:
        weights = await weigh(browser, "/deliverer")
        shell = await browser.get("/deliverer")
        worker = await browser.get("/deliverer/sw.js")
        described = (await browser.get("/deliverer/manifest.webmanifest")).json()
        icons = [(await browser.get(icon["src"])).content for icon in described["icons"]]
    assert {asset(part) for part in PARTS} <= set(weights)
    assert 5 < in_kb(weights) <= DELIVERER.most_kb, weights
    assert shell.headers["cache-control"] == worker.headers["cache-control"] == "no-cache"
    assert worker.headers["service-worker-allowed"] == described["scope"] == "/deliverer"
    assert all(icon.startswith(b"\x89PNG") for icon in icons)
    assert "csrf" not in shell.text
