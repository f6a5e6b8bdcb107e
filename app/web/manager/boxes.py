"""Routes: milk boxes to be hung up, and deposits that are held, due back, returned or kept."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Form, Query, Request
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.models import DepositKind
from app.catalog.service import list_products
from app.core.db import SessionDep
from app.core.ids import public_pair, read_pair, read_single
from app.core.pagination import PageDep, cursor_of
from app.core.schemas import LongText, OptionalText
from app.core.unit import Router
from app.customers.models import AddressVersion
from app.customers.rules import building_text
from app.identity.access import ClockDep, Principal
from app.identity.models import Role
from app.kpi.api.callers import SEES_ALL
from app.network.models import Station
from app.network.service import list_stations
from app.orders import depositing
from app.orders.depositing import Handling
from app.orders.deposits_api import (
    BoxFitter,
    BoxReader,
    Collector,
    DepositReader,
    Keeper,
    handled_by,
)
from app.orders.repository.box_orders import list_orders_of_boxes
from app.orders.repository.deposits import AtDoors, list_deposits
from app.orders.repository.installations import list_installations
from app.orders.service import installing
from app.orders.states import (
    DEPOSIT_LABELS,
    INSTALLATION_LABELS,
    DepositState,
    InstallationState,
)
from app.web.common.forms import carry_out, once_key
from app.web.common.templating import is_htmx
from app.web.manager.asking import HOME
from app.web.manager.showing import show

BOXES: Final = f"{HOME}/boxes"
DEPOSITS: Final = f"{HOME}/deposits"
router = Router(include_in_schema=False)
ROWS_A_PAGE = 30
BOX_KINDS: Final[Mapping[InstallationState, str]] = {
    InstallationState.OPEN: "warn",
    InstallationState.DONE: "ok",
    InstallationState.CANCELLED: "idle",
    InstallationState.REMOVED: "idle",
}
DEPOSIT_KINDS: Final[Mapping[DepositState, str]] = {
    DepositState.ASKED: "info",
    DepositState.HELD: "ok",
    DepositState.DUE_BACK: "warn",
    DepositState.RETURNED: "idle",
    DepositState.KEPT: "bad",
    DepositState.DROPPED: "idle",
}
FITTERS: Final = (Role.MANAGER, Role.DELIVERER, Role.STATION_MANAGER)
COLLECTORS: Final = (Role.FINANCE, Role.DELIVERER, Role.STATION_MANAGER)
KEEPERS: Final = (Role.FINANCE, Role.MANAGER)
BOX_READERS: Final = (Role.SERVICE_AGENT, Role.AUDITOR, *FITTERS)
StateText = Annotated[str, Query(max_length=20)]
StationText = Annotated[str, Query(max_length=60)]
Back = Annotated[str, Form(max_length=2000)]
Note = Annotated[OptionalText, Form()]


@dataclass(frozen=True, slots=True)
class Place:
    """Whose doors are shown, and which stations one may choose from."""

    doors: AtDoors
    stations: list[Station]
    station: str

    def name(self, station_id: UUID) -> str:
        """A station's name, where several are shown."""
        return next((one.name for one in self.stations if one.id == station_id), "")


async def _place(session: AsyncSession, caller: Principal, clock: ClockDep, station: str) -> Place:
    """Those who see every door may choose a station; the others keep to their own."""
    doors = (await handled_by(session, caller, clock)).doors
    if doors.station_id is not None or doors.block_ids is not None:
        return Place(doors, [], "")
    stations = await list_stations(session)
    if station:
        doors = replace(doors, station_id=read_single("stn", station))
    return Place(doors, stations, station)


def _building(place: AddressVersion) -> str:
    return building_text(
        district=place.district,
        street=place.street,
        house_no=place.house_no,
        compound=place.compound,
    )


def _values(caller: Principal, place: Place, path: str, state: str) -> dict[str, Any]:
    said = {"state": state, "station": place.station}
    return {
        "place": place,
        "state": state,
        "station": place.station,
        "path_here": path,
        "public_pair": public_pair,
        "building": _building,
        "once_key": once_key,
        "sees_boxes": caller.has(*BOX_READERS),
        "sees_orders": caller.has(*SEES_ALL, Role.STATION_MANAGER),
        "may_fit": caller.has(*FITTERS),
        "may_collect": caller.has(*COLLECTORS),
        "may_keep": caller.has(*KEEPERS),
        "address": f"{path}?{urlencode({name: one for name, one in said.items() if one})}",
    }


@router.get("/manager/boxes")
async def boxes_page(
    request: Request,
    caller: BoxReader,
    session: SessionDep,
    clock: ClockDep,
    page: PageDep,
    state: StateText = InstallationState.OPEN,
    station: StationText = "",
) -> Response:
    """Milk boxes in a state, what is due first first, with the orders that wait for them."""
    chosen = next((one for one in InstallationState if one == state), InstallationState.OPEN)
    place = await _place(session, caller, clock, station)
    found = await list_installations(
        session,
        state=chosen,
        doors=place.doors,
        limit=ROWS_A_PAGE + 1,
        after=page.after_date(),
    )
    shown = found[:ROWS_A_PAGE]
    cursor = None
    if len(found) > ROWS_A_PAGE:
        last = shown[-1][0]
        cursor = cursor_of(last.due_date.isoformat(), str(last.installation_id))
    return show(
        request,
        "box_rows.html" if is_htmx(request) else "boxes.html",
        rows=shown,
        orders=await list_orders_of_boxes(session, [box for box, _ in shown]),
        states=INSTALLATION_LABELS,
        kinds=BOX_KINDS,
        today=clock.today(),
        next_cursor=cursor,
        is_first=page.after is None,
        **_values(caller, place, BOXES, chosen),
    )


def _on_box(
    act: Callable[..., Awaitable[object]],
    session: AsyncSession,
    box: str,
    handling: Handling,
    note: str,
) -> Callable[[], Awaitable[object]]:
    """An act on the box that an address names."""
    customer_id, row_id = read_pair("box", box)
    return partial(
        act,
        session,
        customer_id=customer_id,
        installation_id=row_id,
        handling=handling,
        note=note or None,
    )


def _on_deposit(
    act: Callable[..., Awaitable[object]],
    session: AsyncSession,
    deposit: str,
    handling: Handling,
    note: str,
) -> Callable[[], Awaitable[object]]:
    """An act on the deposit that an address names."""
    customer_id, row_id = read_pair("dep", deposit)
    return partial(
        act,
        session,
        customer_id=customer_id,
        deposit_id=row_id,
        handling=handling,
        note=note or None,
    )


@router.post("/manager/boxes/{box}/done")
async def finish(
    request: Request,
    box: str,
    caller: BoxFitter,
    session: SessionDep,
    clock: ClockDep,
    note: Note = "",
    back: Back = BOXES,
) -> Response:
    """The box hangs: what waited for it begins on the first day still open."""
    handling = await handled_by(session, caller, clock)
    act = _on_box(installing.finish_installation, session, box, handling, note)
    return await carry_out(
        request, caller, session, act, back=back, told="已记为安装，等待的订单从最早可送的一天开始"
    )


@router.post("/manager/boxes/{box}/undo")
async def reopen(
    request: Request,
    box: str,
    caller: BoxFitter,
    session: SessionDep,
    clock: ClockDep,
    note: Note = "",
    back: Back = BOXES,
) -> Response:
    """Take back that it hangs, before anything that began by it is frozen."""
    handling = await handled_by(session, caller, clock)
    act = _on_box(installing.reopen_installation, session, box, handling, note)
    return await carry_out(
        request, caller, session, act, back=back, told="已撤销安装，任务回到待安装"
    )


@router.get("/manager/deposits")
async def deposits_page(
    request: Request,
    caller: DepositReader,
    session: SessionDep,
    clock: ClockDep,
    page: PageDep,
    state: StateText = DepositState.DUE_BACK,
    station: StationText = "",
) -> Response:
    """Deposits in a state, what waits longest first."""
    chosen = next((one for one in DepositState if one == state), DepositState.DUE_BACK)
    place = await _place(session, caller, clock, station)
    found = await list_deposits(
        session,
        state=chosen,
        doors=place.doors,
        limit=ROWS_A_PAGE + 1,
        after=page.after_instant(),
    )
    shown = found[:ROWS_A_PAGE]
    cursor = None
    if len(found) > ROWS_A_PAGE:
        last = shown[-1][0]
        cursor = cursor_of(last.moved_at.isoformat(), str(last.deposit_id))
    named = {one.product_id for one, _, _ in shown if one.product_id is not None}
    products = await list_products(session, product_ids=named, on=clock.today())
    return show(
        request,
        "deposit_rows.html" if is_htmx(request) else "deposits.html",
        rows=shown,
        products=products,
        is_box=DepositKind.BOX,
        states=DEPOSIT_LABELS,
        kinds=DEPOSIT_KINDS,
        next_cursor=cursor,
        is_first=page.after is None,
        **_values(caller, place, DEPOSITS, chosen),
    )


@router.post("/manager/deposits/{deposit}/return")
async def give_back(
    request: Request,
    deposit: str,
    caller: Collector,
    session: SessionDep,
    clock: ClockDep,
    note: Note = "",
    back: Back = DEPOSITS,
) -> Response:
    """The box or the bottles are back: the deposit goes the way it came."""
    handling = await handled_by(session, caller, clock)
    act = _on_deposit(depositing.give_back, session, deposit, handling, note)
    return await carry_out(
        request, caller, session, act, back=back, told="已记为归还，押金按原渠道退回"
    )


@router.post("/manager/deposits/{deposit}/keep")
async def keep(
    request: Request,
    deposit: str,
    caller: Keeper,
    session: SessionDep,
    clock: ClockDep,
    note: Annotated[LongText, Form()],
    back: Back = DEPOSITS,
) -> Response:
    """What does not come back is kept, with its reason."""
    handling = await handled_by(session, caller, clock)
    act = _on_deposit(depositing.keep, session, deposit, handling, note)
    return await carry_out(
        request, caller, session, act, back=back, told="已记为不退；需要时可在“不退”中撤销"
    )


@router.post("/manager/deposits/{deposit}/release")
async def release(
    request: Request,
    deposit: str,
    caller: Keeper,
    session: SessionDep,
    clock: ClockDep,
    note: Note = "",
    back: Back = DEPOSITS,
) -> Response:
    """Take a keeping back: the deposit is due back again."""
    handling = await handled_by(session, caller, clock)
    act = _on_deposit(depositing.release_kept, session, deposit, handling, note)
    return await carry_out(
        request, caller, session, act, back=back, told="已撤销不退，押金回到待归还"
    )
