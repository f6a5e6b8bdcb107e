"""Milk boxes are hung up and deposits come back, recorded on pages by those who do it."""

from typing import Any

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.models import Refund
from app.core.db import Database
from app.core.ids import new_id, public_pair, public_single
from app.core.runtime import Runtime
from app.identity.browser import cookie_name
from app.identity.models import Role
from app.network.models import Block, Station
from app.orders.models import BoxInstallation, Deposit, OrderTerm
from app.orders.states import DepositState, InstallationState
from app.web.common.forms import once_key
from tests.factories import orders
from tests.factories.world import MORNING, World
from tests.fixtures.invariants import assert_invariants
from tests.orders.conftest import Deliver, paid_order
from tests.orders.test_deposits import MONEY, boxed

__all__ = ["boxed", "paid_order"]
SITE = "http://test"


class Desk:
    """The pages, as a member of staff sees them."""

    def __init__(self, client: httpx.AsyncClient, world: World, role: Role) -> None:
        self._client = client
        self._headers = world.staff[role].headers | {"Accept": "text/html"}

    async def get(self, path: str, **query: str) -> httpx.Response:
        """A page."""
        return await self._client.get(SITE + path, params=query or None, headers=self._headers)

    async def post(self, path: str, **form: Any) -> httpx.Response:
        """A form, sent once."""
        return await self._client.post(
            SITE + path, data={"once": once_key()} | form, headers=self._headers
        )


@pytest.fixture
def station(client: httpx.AsyncClient, world: World) -> Desk:
    return Desk(client, world, Role.STATION_MANAGER)


@pytest.fixture
def manager(client: httpx.AsyncClient, world: World) -> Desk:
    return Desk(client, world, Role.MANAGER)


@pytest.fixture
def finance(client: httpx.AsyncClient, world: World) -> Desk:
    return Desk(client, world, Role.FINANCE)


async def the_box(session: AsyncSession) -> BoxInstallation:
    session.expire_all()
    return (await session.scalars(select(BoxInstallation))).one()


async def box_path(database: Database) -> str:
    async with database.transaction() as session:
        box = await the_box(session)
        return f"/manager/boxes/{public_pair('box', box.customer_id, box.installation_id)}"


async def state_of(database: Database) -> tuple[InstallationState, str | None, int]:
    async with database.transaction() as session:
        box = await the_box(session)
        terms = await session.scalar(select(func.count()).select_from(OrderTerm)) or 0
        return box.state, box.note, terms


async def money_is_in_order(database: Database) -> None:
    async with database.transaction() as session:
        await assert_invariants(session, MORNING, only=MONEY)


@pytest.mark.usefixtures("boxed")
async def test_a_box_is_hung_up_once_and_taken_back(
    station: Desk, database: Database, paid_order: Deliver
) -> None:
    assert "没有待安装的奶箱" in (await station.get("/manager/boxes")).text
    order = await paid_order()
    shown = (await station.get("/manager/boxes")).text
    assert order["order_no"] in shown
    assert "梅陇一村" in shown
    for personal in ("王女士", "301室", "1380"):
        assert personal not in shown
    path = await box_path(database)
    form = {"once": once_key(), "note": "挂在门左侧", "back": "/manager/boxes?state=open"}
    for _ in range(2):
        answer = await station.post(f"{path}/done", **form)
        assert (answer.status_code, answer.headers["location"]) == (303, form["back"])
    state, note, terms = await state_of(database)
    assert (state, note) == (InstallationState.DONE, "挂在门左侧")
    assert terms > 0
    again = await station.post(f"{path}/done")
    assert again.status_code == 409
    done = (await station.get("/manager/boxes", state="done")).text
    assert "挂在门左侧" in done
    assert "2026-03-15 10:00" in done
    assert (await station.post(f"{path}/undo", note="装错门址")).status_code == 303
    assert await state_of(database) == (InstallationState.OPEN, "装错门址", 0)


@pytest.mark.usefixtures("boxed")
async def test_a_deposit_comes_back_is_kept_and_released(
    station: Desk,
    manager: Desk,
    finance: Desk,
    client: httpx.AsyncClient,
    database: Database,
    world: World,
    paid_order: Deliver,
) -> None:
    order = await paid_order()
    await station.post(f"{await box_path(database)}/done")
    assert "没有待归还的押金" in (await station.get("/manager/deposits")).text
    held = (await manager.get("/manager/deposits", state="held")).text
    assert "¥30.00" in held
    assert "已归还，退押金" not in held
    await orders.change(client, order["id"], world.household, kind="cancel", reason="搬家")
    due = (await station.get("/manager/deposits")).text
    assert due.count("已归还，退押金") >= 2
    assert "不退还" not in due
    paths = {one["kind"]: f"/manager/deposits/{one['id']}" for one in order["deposits"]}
    unexplained = await manager.post(f"{paths['bottles']}/keep", note=" ")
    assert unexplained.status_code == 422
    assert (await manager.post(f"{paths['bottles']}/keep", note="空瓶未归还")).status_code == 303
    kept = (await finance.get("/manager/deposits", state="kept")).text
    assert "空瓶未归还" in kept
    assert (await finance.post(f"{paths['bottles']}/release")).status_code == 303
    await money_is_in_order(database)
    form = {"once": once_key(), "note": "完好"}
    for path in paths.values():
        for _ in range(2):
            assert (await station.post(f"{path}/return", **form)).status_code == 303
        form["once"] = once_key()
    async with database.transaction() as session:
        states = [one.state for one in await session.scalars(select(Deposit))]
        refunds = await session.execute(
            select(func.count(), func.sum(Refund.amount_fen)).where(
                Refund.from_account == "deposit"
            )
        )
        assert refunds.one() == (2, 3_200)
    assert states == [DepositState.RETURNED] * 2
    assert (await state_of(database))[0] is InstallationState.REMOVED
    assert (await finance.post(f"{paths['box']}/return")).status_code == 409
    await money_is_in_order(database)


@pytest.mark.usefixtures("boxed")
async def test_another_station_s_doors_are_not_shown_nor_touched(
    station: Desk, manager: Desk, database: Database, world: World, paid_order: Deliver
) -> None:
    order = await paid_order()
    far = new_id()
    async with database.transaction() as session:
        session.add(
            Station(id=far, code="ST99", name="远站", city_code="310000", created_at=MORNING)
        )
    query = {"station": public_single("stn", far)}
    assert order["order_no"] in (await manager.get("/manager/boxes")).text
    own = {"station": public_single("stn", world.station_id)}
    assert order["order_no"] in (await manager.get("/manager/boxes", **own)).text
    assert order["order_no"] not in (await manager.get("/manager/boxes", **query)).text
    assert (
        order["order_no"]
        not in (await manager.get("/manager/deposits", state="held", **query)).text
    )
    # A station manager's wish for another station changes nothing: he sees his own.
    assert order["order_no"] in (await station.get("/manager/boxes", **query)).text
    async with database.transaction() as session:
        for block in await session.scalars(select(Block)):
            block.station_id = far
    path = await box_path(database)
    assert order["order_no"] not in (await station.get("/manager/boxes")).text
    assert (await station.post(f"{path}/done")).status_code == 404
    assert (await state_of(database))[0] is InstallationState.OPEN


@pytest.mark.usefixtures("boxed")
async def test_who_may_only_look_sees_no_buttons(
    client: httpx.AsyncClient, database: Database, world: World, paid_order: Deliver
) -> None:
    await paid_order()
    agent = Desk(client, world, Role.SERVICE_AGENT)
    page = (await agent.get("/manager/boxes")).text
    assert "已装好" not in page
    # He has no right to the order's page: its number is no link.
    assert "/manager/orders/" not in page
    path = await box_path(database)
    assert (await agent.post(f"{path}/done")).status_code == 403
    assert (await Desk(client, world, Role.FINANCE).get("/manager/boxes")).status_code == 403
    assert (await Desk(client, world, Role.QUALITY).get("/manager/deposits")).status_code == 403
    assert (await state_of(database))[0] is InstallationState.OPEN


@pytest.mark.usefixtures("boxed")
async def test_a_browser_s_form_must_be_meant(
    client: httpx.AsyncClient,
    database: Database,
    world: World,
    runtime: Runtime,
    paid_order: Deliver,
) -> None:
    await paid_order()
    path = await box_path(database)
    client.cookies.set(cookie_name(runtime.installation), world.staff[Role.STATION_MANAGER].token)
    answer = await client.post(
        f"{SITE}{path}/done",
        data={"once": once_key()},
        headers={"Origin": SITE, "Accept": "text/html"},
    )
    assert answer.status_code == 403
    assert (await state_of(database))[0] is InstallationState.OPEN


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/manager/boxes?station=stn_x", 404),
        ("/manager/boxes?cursor=WzFd", 400),
        ("/manager/deposits?cursor=WzFd", 400),
        ("/manager/boxes?state=%00", 200),
        ("/manager/deposits?state=lost", 200),
    ],
)
async def test_addresses_that_lead_nowhere(manager: Desk, path: str, status: int) -> None:
    assert (await manager.get(path)).status_code == status


@pytest.mark.usefixtures("boxed")
async def test_nobody_is_sent_elsewhere_after_a_form(
    station: Desk, database: Database, paid_order: Deliver
) -> None:
    await paid_order()
    answer = await station.post(f"{await box_path(database)}/done", back="https://evil.test/")
    assert answer.headers["location"] == "/"
