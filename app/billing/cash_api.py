"""JSON endpoints of cash: hand-ins, bank deposits, days, where it stands (S1 5.2.7 奶款核销)."""

from datetime import date
from typing import Annotated, Final
from uuid import UUID

from fastapi import Path, Query, Response

from app.billing.cash_errors import HandInUnknown
from app.billing.cash_rights import (
    Cashiers,
    Confirmers,
    Finance,
    HandReaders,
    LimitReaders,
    LimitSetters,
    Readers,
    hand_filter,
    own_station,
    station_filter,
    station_for,
)
from app.billing.cash_schemas import (
    BankDepositIn,
    BankDepositOut,
    CashDayLine,
    CashDayOut,
    CustomerStandingOut,
    DelivererStandingOut,
    DifferenceLimitIn,
    DifferenceLimits,
    HandInIn,
    HandInOut,
    ReasonIn,
    StandingBy,
    StationStandingOut,
)
from app.billing.cash_states import HandInState
from app.billing.service import cash
from app.billing.service.cash.limits import DEFAULT_DIFFERENCE_LIMIT_FEN
from app.core.clock import local_date
from app.core.db import SessionDep
from app.core.idempotency import IdempotentDep
from app.core.ids import HOUSE, named_id, read_single
from app.core.pagination import Page, PageDep, cursor_of
from app.core.unit import Router
from app.identity.access import ClockDep
from app.identity.models import Role

router = Router(prefix="/cash", tags=["cash"])

FIRST_DATE: Final = date(2000, 1, 1)
LAST_DATE: Final = date(2199, 12, 31)

PublicId = Annotated[str | None, Query(max_length=60)]
Day = Annotated[date, Path(ge=FIRST_DATE, le=LAST_DATE)]


@router.post("/hand-ins", response_model=HandInOut, status_code=201)
async def count_hand_in(
    caller: Cashiers, call: IdempotentDep, body: HandInIn, session: SessionDep, clock: ClockDep
) -> Response:
    """Write down what a deliverer handed in, under the station's next receipt number."""
    found = await cash.count_hand_in(
        session,
        hand_in_id=named_id(HOUSE, call.name),
        station_id=await station_for(session, caller, body.station),
        deliverer_id=read_single("dlv", body.deliverer),
        due_fen=body.due_fen,
        counted_fen=body.counted_fen,
        reason=body.reason,
        is_signed=body.is_signed,
        by=caller.account_id,
        own_deliverer_id=caller.deliverer_id,
        now=clock.now(),
    )
    return await call.remember(session, 201, HandInOut.of(found))


@router.get("/hand-ins")
async def list_hand_ins(
    caller: HandReaders,
    page: PageDep,
    session: SessionDep,
    station: PublicId = None,
    deliverer: PublicId = None,
    state: HandInState | None = None,
    on: Annotated[date | None, Query(alias="date", ge=FIRST_DATE, le=LAST_DATE)] = None,
) -> Page[HandInOut]:
    """Hand-ins, newest first: a deliverer's own, a station manager's station, or all."""
    station_id, deliverer_id = hand_filter(
        caller, station=station, deliverer=deliverer, foreign=HandInUnknown
    )
    found = await cash.list_hand_ins(
        session,
        station_id=station_id,
        deliverer_id=deliverer_id,
        state=state,
        on=on,
        after=page.after_instant(),
        limit=page.limit,
    )
    last = found[-1].row if len(found) == page.limit else None
    return Page(
        items=[HandInOut.of(view) for view in found],
        next_cursor=last and cursor_of(last.counted_at.isoformat(), str(last.hand_in_id)),
    )


@router.get("/hand-ins/{hand_in}")
async def get_hand_in(caller: HandReaders, hand_in: str, session: SessionDep) -> HandInOut:
    """One hand-in: a deliverer's own, one of a station manager's station, or any."""
    hand_in_id = read_single("hin", hand_in)
    if caller.has(Role.STATION_MANAGER, Role.FINANCE, Role.AUDITOR):
        return HandInOut.of(
            await cash.view_hand_in(session, hand_in_id=hand_in_id, within=own_station(caller))
        )
    found = await cash.view_hand_in(session, hand_in_id=hand_in_id)
    if found.row.deliverer_id != caller.own_deliverer_id:
        raise HandInUnknown
    return HandInOut.of(found)


@router.post("/hand-ins/{hand_in}/approve", response_model=HandInOut)
async def approve_hand_in(
    caller: Cashiers, call: IdempotentDep, hand_in: str, session: SessionDep, clock: ClockDep
) -> Response:
    """A second person books a hand-in whose difference is above the limit."""
    found = await cash.approve_hand_in(
        session,
        hand_in_id=read_single("hin", hand_in),
        within=own_station(caller),
        by=caller.account_id,
        own_deliverer_id=caller.deliverer_id,
        now=clock.now(),
    )
    return await call.remember(session, 200, HandInOut.of(found))


@router.post("/hand-ins/{hand_in}/confirm", response_model=HandInOut)
async def confirm_hand_in(
    caller: Confirmers, call: IdempotentDep, hand_in: str, session: SessionDep, clock: ClockDep
) -> Response:
    """The deliverer confirms the count in his app, or a cashier notes that he signed."""
    is_cashier = caller.has(Role.STATION_MANAGER, Role.FINANCE)
    found = await cash.confirm_hand_in(
        session,
        hand_in_id=read_single("hin", hand_in),
        within=own_station(caller) if is_cashier else None,
        is_cashier=is_cashier,
        own_deliverer_id=caller.deliverer_id,
        by=caller.account_id,
        now=clock.now(),
    )
    return await call.remember(session, 200, HandInOut.of(found))


@router.post("/hand-ins/{hand_in}/cancel", response_model=HandInOut)
async def cancel_hand_in(
    caller: Cashiers,
    call: IdempotentDep,
    hand_in: str,
    body: ReasonIn,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """Take back a hand-in before the closing of its day; its number stays used."""
    found = await cash.cancel_hand_in(
        session,
        hand_in_id=read_single("hin", hand_in),
        within=own_station(caller),
        by=caller.account_id,
        reason=body.reason,
        now=clock.now(),
    )
    return await call.remember(session, 200, HandInOut.of(found))


@router.post("/bank-deposits", response_model=BankDepositOut, status_code=201)
async def record_bank_deposit(
    caller: Cashiers, call: IdempotentDep, body: BankDepositIn, session: SessionDep, clock: ClockDep
) -> Response:
    """Book a bank's slip: cash of the station is at the bank now."""
    row = await cash.record_bank_deposit(
        session,
        deposit_id=named_id(HOUSE, call.name),
        station_id=await station_for(session, caller, body.station),
        slip_no=body.slip_no,
        amount_fen=body.amount_fen,
        deposited_date=body.deposited_date,
        by=caller.account_id,
        now=clock.now(),
    )
    return await call.remember(session, 201, BankDepositOut.of(row))


@router.get("/bank-deposits")
async def list_bank_deposits(
    caller: Readers, page: PageDep, session: SessionDep, station: PublicId = None
) -> Page[BankDepositOut]:
    """Bank deposits, newest first; a station manager sees the own station's."""
    found = await cash.list_bank_deposits(
        session,
        station_id=station_filter(caller, station),
        after=page.after_instant(),
        limit=page.limit,
    )
    last = found[-1] if len(found) == page.limit else None
    return Page(
        items=[BankDepositOut.of(row) for row in found],
        next_cursor=last and cursor_of(last.booked_at.isoformat(), str(last.deposit_id)),
    )


@router.post("/bank-deposits/{deposit}/cancel", response_model=BankDepositOut)
async def cancel_bank_deposit(
    caller: Cashiers,
    call: IdempotentDep,
    deposit: str,
    body: ReasonIn,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """Take back a bank deposit written down wrongly, before the closing of its day."""
    row = await cash.cancel_bank_deposit(
        session,
        deposit_id=read_single("bdp", deposit),
        within=own_station(caller),
        by=caller.account_id,
        reason=body.reason,
        now=clock.now(),
    )
    return await call.remember(session, 200, BankDepositOut.of(row))


@router.get("/days")
async def list_cash_days(
    caller: Readers, page: PageDep, session: SessionDep, station: PublicId = None
) -> Page[CashDayLine]:
    """Days of cash, newest first; a station manager sees the own station's."""
    found = await cash.list_days(
        session,
        station_id=station_filter(caller, station),
        after=page.after_date(),
        limit=page.limit,
    )
    last = found[-1] if len(found) == page.limit else None
    return Page(
        items=[CashDayLine.of(row) for row in found],
        next_cursor=last and cursor_of(last.business_date.isoformat(), str(last.station_id)),
    )


@router.get("/days/{station}/{day}")
async def get_cash_day(
    caller: Readers, station: str, day: Day, session: SessionDep, clock: ClockDep
) -> CashDayOut:
    """What a station's day adds up to: as it was closed, or as it stands now."""
    found = await cash.view_day(
        session,
        station_id=await station_for(session, caller, station),
        day=day,
        today=local_date(clock.now()),
    )
    return CashDayOut.of(found)


@router.post("/days/{station}/{day}/close", response_model=CashDayOut)
async def close_cash_day(
    caller: Cashiers,
    call: IdempotentDep,
    station: str,
    day: Day,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """Freeze a station's day; nothing more is booked on it."""
    found = await cash.close_day(
        session,
        station_id=await station_for(session, caller, station),
        day=day,
        by=caller.account_id,
        now=clock.now(),
    )
    return await call.remember(session, 200, CashDayOut.of(found))


@router.post("/days/{station}/{day}/reopen", response_model=CashDayOut)
async def reopen_cash_day(
    caller: Finance,
    call: IdempotentDep,
    station: str,
    day: Day,
    body: ReasonIn,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """Let a closed day take bookings again, with the reason on record."""
    found = await cash.reopen_day(
        session,
        station_id=await station_for(session, caller, station),
        day=day,
        by=caller.account_id,
        reason=body.reason,
        now=clock.now(),
    )
    return await call.remember(session, 200, CashDayOut.of(found))


@router.get("/standing")
async def list_standing(
    caller: Readers,
    page: PageDep,
    session: SessionDep,
    clock: ClockDep,
    by: StandingBy = StandingBy.DELIVERER,
    station: PublicId = None,
) -> Page[DelivererStandingOut | StationStandingOut | CustomerStandingOut]:
    """Where cash stands, most first: with deliverers, in stations, or whose is still outside."""
    station_id, today = station_filter(caller, station), local_date(clock.now())
    after, limit = page.after_amount(), page.limit
    items: list[DelivererStandingOut | StationStandingOut | CustomerStandingOut] = []
    last: tuple[int, UUID, UUID] | None = None
    match by:
        case StandingBy.DELIVERER:
            for one in await cash.list_deliverer_standing(
                session, station_id=station_id, today=today, after=after, limit=limit
            ):
                items.append(DelivererStandingOut.of(one))
                last = (one.held_fen, one.deliverer_id, HOUSE)
        case StandingBy.STATION:
            for place in await cash.list_station_standing(
                session, station_id=station_id, today=today, after=after, limit=limit
            ):
                items.append(StationStandingOut.of(place))
                last = (place.held_fen, place.station_id, HOUSE)
        case StandingBy.CUSTOMER:
            for debt in await cash.list_customer_standing(
                session, station_id=station_id, today=today, after=after, limit=limit
            ):
                items.append(CustomerStandingOut.of(debt))
                last = (debt.held_fen, debt.customer_id, debt.deliverer_id)
    has_more = last is not None and len(items) == limit
    return Page(
        items=items,
        next_cursor=cursor_of(last[0], *map(str, last[1:])) if last and has_more else None,
    )


@router.get("/difference-limits")
async def list_difference_limits(_: LimitReaders, session: SessionDep) -> DifferenceLimits:
    """Above which difference a hand-in waits for a second person."""
    limits = await cash.list_difference_limits(session)
    return DifferenceLimits.of(list(limits), default_limit_fen=DEFAULT_DIFFERENCE_LIMIT_FEN)


@router.put("/difference-limits")
async def set_difference_limit(
    caller: LimitSetters, body: DifferenceLimitIn, session: SessionDep, clock: ClockDep
) -> DifferenceLimits:
    """Set the limit from today on."""
    limits = await cash.set_difference_limit(
        session, limit_fen=body.limit_fen, set_by=caller.account_id, now=clock.now()
    )
    return DifferenceLimits.of(list(limits), default_limit_fen=DEFAULT_DIFFERENCE_LIMIT_FEN)
