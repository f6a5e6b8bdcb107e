"""How the phone's page looks and reads, at 360 and 1440 px, light and dark."""

from playwright.async_api import expect

from tests.fixtures.site import Site, check_axe, shot
from tests.web.deliverer.round import open_phone, plan_round

VIEWS = ("route", "handover", "order", "me")


async def test_every_view_is_readable(site: Site) -> None:
    phone = await open_phone(site, await plan_round(site, stops=9))
    page = phone.page
    for theme in ("light", "dark"):
        await page.emulate_media(color_scheme=theme)
        await page.evaluate(
            "theme => { localStorage.theme = theme; dispatchEvent(new Event('theme')) }", theme
        )
        for view in VIEWS:
            await page.goto(f"/deliverer#{view}")
            await expect(page.locator(f"[data-view={view}]")).to_be_visible()
            await check_axe(page)
            await shot(page, f"deliverer-{view}-{theme}")
    await page.goto("/deliverer#route")
    await page.set_viewport_size({"width": 360, "height": 780})
    await phone.card(1).get_by_role("button", name="其他").click()
    await page.get_by_label("少送").check()
    await check_axe(page)
    await shot(page, "deliverer-stop-dark")
