"""JSON endpoints of deposits and milk boxes: lists by state, what came back, what hangs."""

from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response

from app.billing.schemas import EvidenceIn
from app.core.db import SessionDep
from app.core.idempotency import IdempotentDep
from app.core.ids import public_pair, public_single, read_pair
from app.core.pagination import Page, PageDep, cursor_of
from app.core.unit import Router
from app.customers.models import AddressVersion
from app.customers.rules import building_text
from app.identity.access import Allow, ClockDep, Principal
from app.identity.models import Role
from app.network.service import list_blocks_of_deliverer
from app.orders import depositing
from app.orders.deposit_schemas import (
    DepositOut,
    InstallationOut,
    MovedDepositOut,
    NoteIn,
    ReasonIn,
)
from app.orders.depositing import Handling
from app.orders.models import BoxInstallation, Deposit
from app.orders.repository.deposits import AtDoors, list_deposits
from app.orders.repository.installations import list_installations
from app.orders.service import installing
from app.orders.states import (
    DEPOSIT_LABELS,
    INSTALLATION_LABELS,
    DepositState,
    InstallationState,
)

router = Router()

AT_DOORS = (Role.DELIVERER, Role.STATION_MANAGER)
DepositReader = Annotated[
    Principal,
    Depends(Allow(Role.FINANCE, Role.MANAGER, Role.SERVICE_AGENT, Role.AUDITOR, *AT_DOORS)),
]
Collector = Annotated[Principal, Depends(Allow(Role.FINANCE, *AT_DOORS))]
Keeper = Annotated[Principal, Depends(Allow(Role.FINANCE, Role.MANAGER))]
BoxReader = Annotated[
    Principal, Depends(Allow(Role.MANAGER, Role.SERVICE_AGENT, Role.AUDITOR, *AT_DOORS))
]
BoxFitter = Annotated[Principal, Depends(Allow(Role.MANAGER, *AT_DOORS))]


async def handled_by(session: SessionDep, caller: Principal, clock: ClockDep) -> Handling:
    """Whose doors a caller handles: a deliverer his blocks', a station manager the station's."""
    today = clock.today()
    doors, deliverer_id = AtDoors(today), None
    if caller.has(Role.DELIVERER):
        deliverer_id = caller.own_deliverer_id
        own = await list_blocks_of_deliverer(session, deliverer_id=deliverer_id, on=today)
        doors = AtDoors(today, block_ids=[block_id for block_id, _ in own])
    elif caller.has(Role.STATION_MANAGER):
        doors = AtDoors(today, station_id=caller.station_id or UUID(int=0))
    return Handling(doors, caller.account_id, caller.actor, clock.now(), deliverer_id)


def _place(place: AddressVersion) -> str:
    return building_text(
        district=place.district,
        street=place.street,
        house_no=place.house_no,
        compound=place.compound,
    )


@router.get("/deposits")
async def show_deposits(
    caller: DepositReader,
    session: SessionDep,
    clock: ClockDep,
    page: PageDep,
    state: DepositState = DepositState.DUE_BACK,
) -> Page[DepositOut]:
    """Deposits in a state, what waits longest first: all, a station's, or a deliverer's own."""
    found = await list_deposits(
        session,
        state=state,
        doors=(await handled_by(session, caller, clock)).doors,
        limit=page.limit + 1,
        after=page.after_instant(),
    )
    shown = found[: page.limit]
    cursor = None
    if len(found) > page.limit:
        last = shown[-1][0]
        cursor = cursor_of(last.moved_at.isoformat(), str(last.deposit_id))
    return Page(
        items=[
            DepositOut(
                id=public_pair("dep", one.customer_id, one.deposit_id),
                order_id=public_pair("ord", one.customer_id, one.order_id),
                order_no=order.order_no,
                kind=one.kind,
                product_id=None if one.product_id is None else public_single("prd", one.product_id),
                amount_fen=one.amount_fen,
                state=one.state,
                state_label=DEPOSIT_LABELS[one.state],
                moved_at=one.moved_at,
                reason=one.reason,
                building=_place(place),
            )
            for one, order, place in shown
        ],
        next_cursor=cursor,
    )


def _moved(deposit: Deposit) -> MovedDepositOut:
    return MovedDepositOut(
        id=public_pair("dep", deposit.customer_id, deposit.deposit_id),
        state=deposit.state,
        state_label=DEPOSIT_LABELS[deposit.state],
        amount_fen=deposit.amount_fen,
        reason=deposit.reason,
    )


async def _move(
    move: Callable[..., Awaitable[Deposit]],
    deposit: str,
    note: str | None,
    handling: Handling,
    session: SessionDep,
) -> MovedDepositOut:
    customer_id, deposit_id = read_pair("dep", deposit)
    moved = await move(
        session, customer_id=customer_id, deposit_id=deposit_id, handling=handling, note=note
    )
    return _moved(moved)


@router.post("/deposits/{deposit}/return", status_code=201, response_model=MovedDepositOut)
async def return_deposit(
    deposit: str,
    body: NoteIn,
    caller: Collector,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """The box or the bottles are back: refund to origin, cash by finance."""
    handling = await handled_by(session, caller, clock)
    moved = await _move(depositing.give_back, deposit, body.note, handling, session)
    return await call.remember(session, 201, moved)


@router.post("/deposits/{deposit}/paid-out", status_code=201, response_model=MovedDepositOut)
async def note_deposit_paid_out(
    deposit: str,
    body: EvidenceIn,
    caller: Collector,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """A deposit paid in cash is handed over in cash: out of a deliverer's hand, or the office's."""
    customer_id, deposit_id = read_pair("dep", deposit)
    paid = await depositing.pay_out(
        session,
        customer_id=customer_id,
        deposit_id=deposit_id,
        handling=await handled_by(session, caller, clock),
        evidence=body.evidence,
    )
    return await call.remember(session, 201, _moved(paid))


@router.post("/deposits/{deposit}/keep", status_code=201, response_model=MovedDepositOut)
async def keep_deposit(
    deposit: str,
    body: ReasonIn,
    caller: Keeper,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """What does not come back is kept, with its reason."""
    handling = await handled_by(session, caller, clock)
    moved = await _move(depositing.keep, deposit, body.reason, handling, session)
    return await call.remember(session, 201, moved)


@router.post("/deposits/{deposit}/release", status_code=201, response_model=MovedDepositOut)
async def release_deposit(
    deposit: str,
    body: NoteIn,
    caller: Keeper,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """Take a keeping back: the deposit is due back again."""
    handling = await handled_by(session, caller, clock)
    moved = await _move(depositing.release_kept, deposit, body.note, handling, session)
    return await call.remember(session, 201, moved)


def _box(box: BoxInstallation, place: AddressVersion | None = None) -> InstallationOut:
    return InstallationOut(
        id=public_pair("box", box.customer_id, box.installation_id),
        station_id=public_single("stn", box.station_id),
        due_date=box.due_date,
        state=box.state,
        state_label=INSTALLATION_LABELS[box.state],
        created_at=box.created_at,
        done_at=box.done_at,
        note=box.note,
        building=None if place is None else _place(place),
    )


@router.get("/box-installations")
async def show_installations(
    caller: BoxReader,
    session: SessionDep,
    clock: ClockDep,
    page: PageDep,
    state: Annotated[InstallationState, Query()] = InstallationState.OPEN,
) -> Page[InstallationOut]:
    """Milk boxes in a state, what is due first first: all, a station's, or a deliverer's own."""
    found = await list_installations(
        session,
        state=state,
        doors=(await handled_by(session, caller, clock)).doors,
        limit=page.limit + 1,
        after=page.after_date(),
    )
    shown = found[: page.limit]
    cursor = None
    if len(found) > page.limit:
        last = shown[-1][0]
        cursor = cursor_of(last.due_date.isoformat(), str(last.installation_id))
    return Page(items=[_box(box, place) for box, place in shown], next_cursor=cursor)


async def _act(
    act: Callable[..., Awaitable[BoxInstallation]],
    box: str,
    note: str | None,
    handling: Handling,
    session: SessionDep,
) -> InstallationOut:
    customer_id, box_id = read_pair("box", box)
    acted = await act(
        session, customer_id=customer_id, installation_id=box_id, handling=handling, note=note
    )
    return _box(acted)


@router.post("/box-installations/{box}/done", status_code=201, response_model=InstallationOut)
async def finish_installation(
    box: str,
    body: NoteIn,
    caller: BoxFitter,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """The box hangs: what waited for it begins on the first day still open."""
    handling = await handled_by(session, caller, clock)
    done = await _act(installing.finish_installation, box, body.note, handling, session)
    return await call.remember(session, 201, done)


@router.post("/box-installations/{box}/undo", status_code=201, response_model=InstallationOut)
async def reopen_installation(
    box: str,
    body: NoteIn,
    caller: BoxFitter,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """Take back that it hangs, before anything that began by it is frozen."""
    handling = await handled_by(session, caller, clock)
    again = await _act(installing.reopen_installation, box, body.note, handling, session)
    return await call.remember(session, 201, again)


@router.post("/box-installations/{box}/removed", status_code=201, response_model=InstallationOut)
async def remove_box(
    box: str,
    body: NoteIn,
    caller: BoxFitter,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """A box without a deposit is taken down, once nothing runs at its door."""
    handling = await handled_by(session, caller, clock)
    gone = await _act(installing.remove_box, box, body.note, handling, session)
    return await call.remember(session, 201, gone)
