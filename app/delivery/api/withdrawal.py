"""Withdrawals: the operator takes days of stations, blocks or products out of the plan."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Response
from pydantic import Field

from app.core.db import SessionDep
from app.core.errors import NotFound
from app.core.idempotency import IdempotentDep
from app.core.ids import public_pair, public_single, read_single
from app.core.pagination import Page, PageDep, cursor_of
from app.core.schemas import Answer, Request, ShortText
from app.core.unit import Router
from app.delivery.errors import WithdrawalScopeUnknown
from app.delivery.service import withdrawing
from app.identity.access import Allow, ClockDep, Principal
from app.identity.models import Role
from app.orders.models import Withdrawal
from app.orders.repository.withdrawals import Scope
from app.orders.states import WithdrawalSettle

router = Router()

Withdrawer = Annotated[Principal, Depends(Allow(Role.MANAGER, Role.STATION_MANAGER))]
Reader = Annotated[
    Principal,
    Depends(
        Allow(Role.MANAGER, Role.STATION_MANAGER, Role.SERVICE_AGENT, Role.AUDITOR, Role.ADMIN)
    ),
]
Ids = Annotated[list[Annotated[str, Field(max_length=60)]], Field(min_length=1, max_length=500)]


class ScopeIn(Request):
    """Stations, of these some blocks and products only, and the days, both ends included."""

    stations: Ids
    blocks: Ids | None = None
    products: Ids | None = None
    first_date: date
    last_date: date

    def scope(self) -> Scope:
        """The domain's value; raises WithdrawalScopeUnknown for an id that is none."""
        try:
            return Scope(
                stations=_ids("stn", self.stations),
                blocks=None if self.blocks is None else _ids("blk", self.blocks),
                products=None if self.products is None else _ids("prd", self.products),
                first=self.first_date,
                last=self.last_date,
            )
        except NotFound as error:
            raise WithdrawalScopeUnknown from error


def _ids(prefix: str, said: list[str]) -> list[UUID]:
    return sorted({read_single(prefix, one) for one in said})


class WithdrawalIn(ScopeIn):
    """Why there is no milk, which households are told, and what becomes of the bottles."""

    reason: ShortText
    settle: WithdrawalSettle = WithdrawalSettle.AS_CHOSEN
    is_standing: bool = False
    """Written down though it hits nobody yet: what comes onto its days later rolls on."""


class StationHitOut(Answer):
    """What a station would lose."""

    station_id: str
    name: str
    lines: int
    households: int
    bottles: int


class LineHitOut(Answer):
    """One line that would be hit."""

    order_id: str
    order_no: str
    block: str
    product: str
    days: list[date]
    bottles: int


class HitOut(Answer):
    """Who would be hit: in all, by station, and some lines."""

    lines: int
    households: int
    bottles: int
    stations: list[StationHitOut]
    sample: list[LineHitOut]


class WithdrawalOut(Answer):
    """A withdrawal and what it moved; `kept_lines` could not be put back by the undo."""

    id: str
    stations: list[str]
    blocks: list[str] | None
    products: list[str] | None
    first_date: date
    last_date: date
    reason: str
    settle: WithdrawalSettle
    stops: int
    lines: int
    households: int
    bottles: int
    credit_fen: int
    make_ups: int
    actor: str
    at: datetime
    told_at: datetime | None
    undone_at: datetime | None
    undone_by: str | None
    kept_lines: int | None


def _shown(made: Withdrawal) -> WithdrawalOut:
    said = {
        name: getattr(made, name)
        for name in WithdrawalOut.model_fields
        if name not in {"id", "stations", "blocks", "products"}
    }
    return WithdrawalOut(
        id=public_single("wdr", made.id),
        stations=[public_single("stn", one) for one in made.station_ids],
        blocks=made.block_ids and [public_single("blk", one) for one in made.block_ids],
        products=made.product_ids and [public_single("prd", one) for one in made.product_ids],
        **said,
    )


def _held_to(caller: Principal) -> UUID | None:
    """The only station a station manager may name."""
    if caller.has(Role.STATION_MANAGER):
        if caller.station_id is None:
            raise NotFound
        return caller.station_id
    return None


def _scope(caller: Principal, body: ScopeIn) -> Scope:
    scope, station_id = body.scope(), _held_to(caller)
    if station_id is not None and scope.stations != [station_id]:
        raise NotFound
    return scope


@router.post("/withdrawals/preview")
async def preview_withdrawal(
    caller: Withdrawer, session: SessionDep, clock: ClockDep, body: ScopeIn
) -> HitOut:
    """Who would be hit; nothing is kept."""
    hit = await withdrawing.preview_withdrawal(session, _scope(caller, body), now=clock.now())
    stations = [
        StationHitOut(
            station_id=public_single("stn", row.station_id),
            name=row.name,
            lines=row.lines,
            households=row.households,
            bottles=row.bottles,
        )
        for row in hit.stations
    ]
    return HitOut(
        lines=sum(row.lines for row in stations),
        households=sum(row.households for row in stations),
        bottles=sum(row.bottles for row in stations),
        stations=stations,
        sample=[
            LineHitOut(
                order_id=public_pair("ord", row.customer_id, row.order_id),
                order_no=row.order_no,
                block=row.block,
                product=row.product,
                days=row.days,
                bottles=row.bottles,
            )
            for row in hit.sample
        ],
    )


@router.post("/withdrawals", status_code=201, response_model=WithdrawalOut)
async def withdraw(
    caller: Withdrawer,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
    body: WithdrawalIn,
) -> Response:
    """Take days out before their freeze; bottles roll on or are credited, households are told."""
    made = await withdrawing.withdraw(
        session,
        _scope(caller, body),
        settle=body.settle,
        reason=body.reason,
        actor=caller.actor,
        now=clock.now(),
        is_standing=body.is_standing,
    )
    return await call.remember(session, 201, _shown(made))


@router.get("/withdrawals")
async def list_withdrawals(
    caller: Reader, session: SessionDep, page: PageDep
) -> Page[WithdrawalOut]:
    """Withdrawals, newest first; a station manager sees those of his station."""
    rows = await withdrawing.list_withdrawals(
        session, station_id=_held_to(caller), before=page.after_instant(), limit=page.limit + 1
    )
    kept = rows[: page.limit]
    more = len(rows) > page.limit
    return Page[WithdrawalOut](
        items=[_shown(row) for row in kept],
        next_cursor=cursor_of(kept[-1].at.isoformat(), str(kept[-1].id)) if more else None,
    )


@router.get("/withdrawals/{withdrawal}")
async def read_withdrawal(withdrawal: str, caller: Reader, session: SessionDep) -> WithdrawalOut:
    """One withdrawal."""
    made = await withdrawing.get_withdrawal(
        session, read_single("wdr", withdrawal), station_id=_held_to(caller)
    )
    return _shown(made)


@router.post("/withdrawals/{withdrawal}/undo", response_model=WithdrawalOut)
async def undo_withdrawal(
    withdrawal: str,
    caller: Withdrawer,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """Put the days back before the first of them is frozen; households are told."""
    made = await withdrawing.undo_withdrawal(
        session,
        withdrawal_id=read_single("wdr", withdrawal),
        station_id=_held_to(caller),
        actor=caller.actor,
        now=clock.now(),
    )
    return await call.remember(session, 200, _shown(made))


class WithdrawIn(Request):
    """Why there is no milk that day; households are told."""

    reason: ShortText


class WithdrawnOut(Answer):
    """What was moved: stops listed, lines rolled to their end, make-ups to the next day."""

    station_id: str
    service_date: date
    stops: int
    lines: int
    make_ups: int


@router.post(
    "/stations/{station_id}/plan-days/{service_date}/withdraw",
    status_code=201,
    response_model=WithdrawnOut,
)
async def withdraw_day(
    station_id: str,
    service_date: date,
    body: WithdrawIn,
    caller: Withdrawer,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """A withdrawal of one station's whole day, whose bottles roll on."""
    station = read_single("stn", station_id)
    if caller.has(Role.STATION_MANAGER) and caller.station_id != station:
        raise NotFound
    done = await withdrawing.withdraw(
        session,
        Scope(stations=[station], first=service_date, last=service_date),
        settle=WithdrawalSettle.PERIOD,
        reason=body.reason,
        actor=caller.actor,
        now=clock.now(),
    )
    answer = WithdrawnOut(
        station_id=station_id,
        service_date=service_date,
        stops=done.stops,
        lines=done.lines,
        make_ups=done.make_ups,
    )
    return await call.remember(session, 201, answer)
