"""A planned morning for the phone's page: a round of many doors, and the phone that goes it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from playwright.async_api import BrowserContext, Locator, Page, Request, expect
from sqlalchemy import func, select, update

from app.coldchain.models import Trip
from app.core.crypto import Cell
from app.customers.models import AddressVersion
from app.delivery.models import Delivery, DeliveryStatus, SyncEvent
from app.delivery.service import plan_day
from app.identity.models import Role
from tests.factories.delivery import TOMORROW, RunningLine, add_line
from tests.factories.world import MORNING
from tests.fixtures.foundation import eventually
from tests.fixtures.site import PHONE, Site

SIX_IN_THE_MORNING = MORNING + timedelta(hours=20)
"""06:00 of the day that is planned."""
NOTE = "奶箱在门右侧，密码 0426"


@dataclass
class Phone:
    """The page on a phone of 360 px, and what the server has of it."""

    site: Site
    page: Page
    lines: list[RunningLine]
    batches: list[Request] = field(default_factory=list)

    @property
    def context(self) -> BrowserContext:
        """The browser of the phone."""
        return self.page.context

    def card(self, place: int) -> Locator:
        """The card of a stop, by its place in the round from 0."""
        return self.page.locator(f"[data-stop='{self.lines[place].public_address_id}']")

    async def deliver(self, place: int) -> None:
        """Hold the button of a stop until the ring has closed."""
        await hold(self.page, self.card(place).get_by_role("button", name="已送达"))

    async def queue(self, *states: str) -> list[dict[str, Any]]:
        """What the phone keeps."""
        kept: list[dict[str, Any]] = await self.page.evaluate(READ_OUTBOX)
        return [one for one in kept if not states or one["state"] in states]

    async def kept(self, key: str, *, saying: str = "") -> None:
        """Wait until the phone keeps a value that says so under a key that begins so."""

        async def is_kept() -> bool:
            keys: list[str] = await self.page.evaluate(READ_KEYS)
            values: list[object] = await self.page.evaluate(READ_VALUES)
            pairs = zip(keys, values, strict=False)
            return any(one.startswith(key) and saying in repr(value) for one, value in pairs)

        await eventually(is_kept)

    async def emptied(self, said: int = 0) -> None:
        """Wait until nothing waits on the phone, and so many events are with the server."""

        async def is_empty() -> bool:
            kept = await self.queue()
            return len(kept) >= said and all(one["state"] == "uploaded" for one in kept)

        await eventually(is_empty)
        await expect(self.page.locator("#net")).to_have_text("已全部上传", timeout=30_000)

    async def events(self) -> list[SyncEvent]:
        """What the server has accepted."""
        async with self.site.database.transaction() as session:
            return list(await session.scalars(select(SyncEvent).order_by(SyncEvent.event_id)))

    async def deliveries(self, *statuses: DeliveryStatus) -> int:
        """Deliveries of the round in some state."""
        async with self.site.database.transaction() as session:
            query = select(func.count()).select_from(Delivery).where(Delivery.status.in_(statuses))
            return await session.scalar(query) or 0


_READ = """() => new Promise((done, failed) => {
  const opening = indexedDB.open("suixinding-deliverer");
  opening.onerror = () => failed(opening.error);
  opening.onsuccess = () => {
    const reading = opening.result.transaction("STORE").objectStore("STORE").ASKED;
    reading.onsuccess = () => { opening.result.close(); done(reading.result); };
  };
})"""
READ_OUTBOX = _READ.replace("STORE", "outbox").replace("ASKED", "index('seq').getAll()")
READ_KEYS = _READ.replace("STORE", "kept").replace("ASKED", "getAllKeys()")
READ_VALUES = _READ.replace("STORE", "kept").replace("ASKED", "getAll()")


async def hold(page: Page, button: Locator) -> None:
    """Press a button until its ring has closed."""
    await button.scroll_into_view_if_needed()
    await button.hover()
    await page.mouse.down()
    await expect(page.locator(".holding")).to_have_count(1)
    await expect(page.locator(".holding")).to_have_count(0)
    await page.mouse.up()


async def plan_round(site: Site, *, stops: int, next_block: int = 0) -> list[RunningLine]:
    """A round of so many doors for the first deliverer, planned; it is six in the morning.

    The last `next_block` of them belong to the second deliverer's block.
    """
    world = site.world
    async with site.database.transaction() as session:
        lines: list[RunningLine] = []
        for number in range(stops):
            household = await world.add_household(
                session,
                house_no=f"{number // 4 + 1}号楼",
                stop_no=(number + 1) * 10,
                block=1 if number >= stops - next_block else 0,
            )
            await rename_door(session, site, household.address_version_id, number)
            lines.append(await add_line(session, household, world.milk_id, quantity=1 + number % 3))
            if number % 4 == 1:
                await add_line(session, household, world.yogurt_id)
        await plan_day(
            session,
            stations=[world.station_id],
            service_date=TOMORROW,
            now=MORNING + timedelta(hours=7),
        )
        session.add(
            Trip(
                vehicle_id=world.vehicle_id,
                service_date=TOMORROW,
                trip_no=1,
                station_id=world.station_id,
                precool_celsius=Decimal("8.0"),
                precool_at=SIX_IN_THE_MORNING - timedelta(hours=4),
                precool_passed=True,
                cleaned=True,
                loaded_at=SIX_IN_THE_MORNING - timedelta(hours=3),
            )
        )
    site.clock.set(SIX_IN_THE_MORNING)
    return lines


async def rename_door(session: Any, site: Site, version_id: UUID, number: int) -> None:
    """Doors and people that can be told apart; every third has a note."""
    names = ("王女士", "李先生", "陈阿姨", "赵师傅")
    values = {
        "door_sealed": f"{number % 6 + 1}0{number % 4 + 1}室",
        "recipient_sealed": names[number % 4],
    }
    if number % 3 == 0:
        values["note_sealed"] = NOTE
    sealed = {
        column: site.keys.seal(
            plain, Cell("address_versions", column.removesuffix("_sealed"), version_id)
        )
        for column, plain in values.items()
    }
    await session.execute(
        update(AddressVersion)
        .where(AddressVersion.address_version_id == version_id)
        .values(**sealed)
    )


async def open_phone(
    site: Site, lines: Sequence[RunningLine], *, context: BrowserContext | None = None
) -> Phone:
    """The page, logged in and kept for mornings without network."""
    page = await site.page("/deliverer", Role.DELIVERER, size=PHONE, context=context)
    await page.evaluate("navigator.serviceWorker.ready.then(() => 1)")
    phone = Phone(site, page, list(lines))
    page.context.on(
        "request", lambda sent: phone.batches.append(sent) if sent.url.endswith("/sync") else None
    )
    return phone
