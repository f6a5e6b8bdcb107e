"""Dealers, their stations and terms over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Response

from app.core.db import SessionDep
from app.core.errors import NotFound
from app.core.idempotency import IdempotentDep
from app.core.ids import read_single
from app.core.pagination import Page, PageDep, cursor_of
from app.core.unit import Router
from app.identity.access import STAFF, Allow, ClockDep, Principal
from app.identity.models import Role
from app.network.api.callers import after_text
from app.network.dealer_schemas import (
    AssignmentIn,
    DealerChange,
    DealerIn,
    DealerOut,
    DealerStations,
    DealerTerms,
    TermIn,
)
from app.network.errors import DealerUnknown, StationUnknown
from app.network.service import dealers as service

router = Router()

AnyStaff = Annotated[Principal, Depends(Allow(*STAFF))]
Keeper = Annotated[Principal, Depends(Allow(Role.ADMIN, Role.FINANCE))]
Reader = Annotated[Principal, Depends(Allow(Role.ADMIN, Role.FINANCE, Role.AUDITOR, Role.MANAGER))]


@router.get("/dealers")
async def list_dealers(
    _: AnyStaff, session: SessionDep, page: PageDep, is_active: bool | None = None
) -> Page[DealerOut]:
    """Dealers by code."""
    found = await service.list_dealers(
        session, is_active=is_active, after_code=after_text(page), limit=page.limit + 1
    )
    kept = found[: page.limit]
    return Page[DealerOut](
        items=[DealerOut.of(dealer) for dealer in kept],
        next_cursor=cursor_of(kept[-1].code) if len(found) > page.limit else None,
    )


@router.post("/dealers", status_code=201, response_model=DealerOut)
async def create_dealer(
    _: Keeper, call: IdempotentDep, session: SessionDep, clock: ClockDep, body: DealerIn
) -> Response:
    """Add a dealer."""
    dealer = await service.create_dealer(session, code=body.code, name=body.name, now=clock.now())
    return await call.remember(session, 201, DealerOut.of(dealer))


@router.patch("/dealers/{dealer}")
async def change_dealer(
    dealer: str, _: Keeper, session: SessionDep, body: DealerChange
) -> DealerOut:
    """Rename a dealer, or stop him from taking over stations."""
    changed = await service.change_dealer(
        session, dealer_id=_dealer_id(dealer), changes=body.model_dump(exclude_none=True)
    )
    return DealerOut.of(changed)


@router.get("/dealers/{dealer}/stations")
async def list_dealer_stations(dealer: str, _: Reader, session: SessionDep) -> DealerStations:
    """Stations a dealer had, has and will have."""
    found = await service.list_dealer_stations(session, dealer_id=_dealer_id(dealer))
    return DealerStations.of(found)


@router.put("/stations/{station}/dealer", status_code=204)
async def assign_station(station: str, _: Keeper, session: SessionDep, body: AssignmentIn) -> None:
    """Give a station to a dealer for some days, or take it back; settled days are not touched."""
    try:
        station_id = read_single("stn", station)
    except NotFound as error:
        raise StationUnknown from error
    await service.assign_station(
        session,
        station_id=station_id,
        dealer_id=None if body.dealer is None else _dealer_id(body.dealer),
        from_date=body.from_date,
        to_date=body.to_date,
    )


@router.get("/dealers/{dealer}/terms")
async def list_dealer_terms(dealer: str, _: Reader, session: SessionDep) -> DealerTerms:
    """What a dealer got, gets and will get."""
    return DealerTerms.of(await service.list_dealer_terms(session, dealer_id=_dealer_id(dealer)))


@router.put("/dealers/{dealer}/terms")
async def set_dealer_term(
    dealer: str, caller: Keeper, session: SessionDep, clock: ClockDep, body: TermIn
) -> DealerTerms:
    """Set what a dealer gets from a date on that is not settled yet."""
    dealer_id = _dealer_id(dealer)
    await service.set_term(
        session,
        dealer_id=dealer_id,
        valid_from=body.valid_from,
        facts=service.TermFacts(
            share_bp=body.share_bp,
            fen_per_bottle=body.fen_per_bottle,
            bears_compensation=body.bears_compensation,
            note=body.note,
        ),
        by=caller.account_id,
        now=clock.now(),
    )
    return DealerTerms.of(await service.list_dealer_terms(session, dealer_id=dealer_id))


def _dealer_id(text: str) -> UUID:
    try:
        return read_single("dea", text)
    except NotFound as error:
        raise DealerUnknown from error
