"""A deliverer's own page and the manager's own page, side by side, with nothing between them."""

from collections.abc import Callable

from playwright.async_api import Response, expect

from app.delivery.models import DeliveryStatus
from app.identity.models import Role
from tests.fixtures.site import Site
from tests.web.deliverer.round import open_phone, plan_round

WATCH_DONE = """() => {
  const done = () => [...document.querySelectorAll("#morning .counts div")]
    .find((one) => one.querySelector("dt").textContent === "已完成").querySelector("dd").textContent;
  window.openedOnce = true;
  new MutationObserver((_, self) => {
    if (done() !== "1") return;
    window.shownAt = Date.now();
    self.disconnect();
  }).observe(document.querySelector("#morning"), {childList: true, characterData: true, subtree: true});
}"""


def _is_upload(response: Response) -> bool:
    return response.url.endswith("/sync") and response.request.method == "POST"


async def test_a_door_held_on_the_phone_moves_the_managers_figure(
    site: Site, record_property: Callable[[str, object], None]
) -> None:
    phone = await open_phone(site, await plan_round(site, stops=4))
    manager = await site.page("/manager", Role.MANAGER)
    assert phone.context is not manager.context
    await expect(manager.locator("#live")).to_have_text("实时")
    done = manager.locator("#morning .counts div", has_text="已完成").locator("dd")
    await expect(done).to_have_text("0")
    await manager.evaluate(WATCH_DONE)

    async with phone.page.expect_response(_is_upload) as uploading:
        await phone.deliver(0)
    upload = await uploading.value
    assert upload.ok
    await upload.finished()
    await expect(done).to_have_text("1")
    await expect(manager.locator(".gauge-value")).to_contain_text("25.00")
    assert await manager.evaluate("window.openedOnce"), "the page was loaded again"
    assert await phone.deliveries(DeliveryStatus.DELIVERED) == 1

    timing = upload.request.timing
    answered_at = timing["startTime"] + timing["responseEnd"]
    shown_after_ms = round(await manager.evaluate("window.shownAt") - answered_at)
    record_property("shown_after_ms", shown_after_ms)
    print(f"shown {shown_after_ms} ms after the phone had its answer")  # noqa: T201  # for `-s`
