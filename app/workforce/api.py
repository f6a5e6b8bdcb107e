"""JSON endpoints of workforce."""

from typing import Annotated, Any

from fastapi import Depends, Query, Response

from app.core.db import SessionDep
from app.core.idempotency import IdempotentDep
from app.core.ids import public_single, read_single
from app.core.pagination import BadCursor, Page, PageDep, PageRequest, cursor_of
from app.core.unit import Router
from app.identity.access import Allow, ClockDep, Principal
from app.identity.models import Role
from app.workforce import service
from app.workforce.errors import DelivererUnknown
from app.workforce.models import Deliverer
from app.workforce.rules import require_station, station_scope
from app.workforce.schemas import DelivererChange, DelivererIn, DelivererOut

router = Router(tags=["workforce"])

Keeper = Annotated[Principal, Depends(Allow(Role.ADMIN, Role.MANAGER))]
Reader = Annotated[Principal, Depends(Allow(Role.ADMIN, Role.MANAGER, Role.STATION_MANAGER))]


def _after(page: PageRequest) -> str | None:
    match page.after:
        case None:
            return None
        case [str() as employee_no]:
            return employee_no
    raise BadCursor


def _shown(deliverer: Deliverer) -> DelivererOut:
    station_id = deliverer.station_id
    return DelivererOut(
        id=public_single("dlv", deliverer.id),
        employee_no=deliverer.employee_no,
        name=deliverer.name,
        station=None if station_id is None else public_single("stn", station_id),
        is_active=deliverer.is_active,
        created_at=deliverer.created_at,
    )


@router.get("/deliverers")
async def list_deliverers(
    caller: Reader,
    session: SessionDep,
    page: PageDep,
    station: Annotated[str | None, Query(max_length=40)] = None,
    is_active: bool | None = None,
) -> Page[DelivererOut]:
    """Deliverers by employee number; a station manager reads those of the own station."""
    scope = station_scope(caller, Role.ADMIN, Role.MANAGER)
    wanted = scope if station is None else read_single("stn", station)
    require_station(scope, wanted)
    found = await service.list_deliverers(
        session,
        station_id=wanted,
        is_active=is_active,
        limit=page.limit + 1,
        after_employee_no=_after(page),
    )
    kept = found[: page.limit]
    return Page[DelivererOut](
        items=[_shown(deliverer) for deliverer in kept],
        next_cursor=cursor_of(kept[-1].employee_no) if len(found) > page.limit else None,
    )


@router.get("/deliverers/{deliverer}")
async def read_deliverer(deliverer: str, caller: Reader, session: SessionDep) -> DelivererOut:
    """One deliverer; a station manager reads those of the own station."""
    scope = station_scope(caller, Role.ADMIN, Role.MANAGER)
    found = await service.get_deliverer(session, deliverer_id=read_single("dlv", deliverer))
    require_station(scope, found.station_id, DelivererUnknown)
    return _shown(found)


@router.post("/deliverers", status_code=201, response_model=DelivererOut)
async def create_deliverer(
    _: Keeper, call: IdempotentDep, session: SessionDep, clock: ClockDep, body: DelivererIn
) -> Response:
    """Add a deliverer to a station."""
    made = await service.create_deliverer(
        session,
        employee_no=body.employee_no,
        name=body.name,
        station_id=read_single("stn", body.station),
        now=clock.now(),
    )
    return await call.remember(session, 201, _shown(made))


@router.patch("/deliverers/{deliverer}")
async def change_deliverer(
    deliverer: str, _: Keeper, session: SessionDep, body: DelivererChange
) -> DelivererOut:
    """Change name or station, or take a deliverer off duty."""
    changes: dict[str, Any] = body.model_dump(exclude_none=True, exclude={"station"})
    if body.station is not None:
        changes["station_id"] = read_single("stn", body.station)
    changed = await service.change_deliverer(
        session, deliverer_id=read_single("dlv", deliverer), changes=changes
    )
    return _shown(changed)
