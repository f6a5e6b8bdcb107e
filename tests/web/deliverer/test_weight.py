"""The page stays light, and the shell names nobody."""

import gzip

import httpx

from app.web.common.assets import STATIC, manifest
from tests.fixtures.site import Site

MOST_BYTES = 40 * 1024
PARTS = ("deliverer.js", "deliverer-theme.js", "deliverer.css", "deliverer-icons.svg")


async def test_the_page_weighs_at_most_forty_kilobytes(site: Site) -> None:
    async with httpx.AsyncClient(base_url=site.url) as browser:
        shell = await browser.get("/deliverer")
        worker = await browser.get("/deliverer/sw.js")
        described = (await browser.get("/deliverer/manifest.webmanifest")).json()
        icons = [(await browser.get(icon["src"])).content for icon in described["icons"]]
    small = {"shell": len(gzip.compress(shell.content, 9))}
    for part in PARTS:
        small[part] = len(gzip.compress((STATIC / manifest()[part]).read_bytes(), 9))
    assert sum(small.values()) <= MOST_BYTES, small
    assert shell.headers["cache-control"] == worker.headers["cache-control"] == "no-cache"
    assert worker.headers["service-worker-allowed"] == described["scope"] == "/deliverer"
    assert all(icon.startswith(b"\x89PNG") for icon in icons)
    assert "csrf" not in shell.text
