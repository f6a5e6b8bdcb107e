"""Cities, stations, cut-offs, plan days and vehicles over HTTP."""

from datetime import date, time, timedelta
from typing import Annotated, Any

from fastapi import Query, Response

from app.core.db import SessionDep
from app.core.idempotency import IdempotentDep
from app.core.ids import public_single, read_single
from app.core.pagination import Page, PageDep, cursor_of
from app.core.unit import Router
from app.identity.access import OPEN, ClockDep
from app.network import service
from app.network.api.callers import (
    WIDE,
    Keeper,
    Reader,
    StationQuery,
    after_text,
    wanted_station,
)
from app.network.errors import PeriodInvalid, StationUnknown
from app.network.models import PlanDayState, Station, StationCutoff, Vehicle
from app.network.repository.dated import to_period
from app.network.schemas import (
    CalendarDate,
    Cities,
    CityCode,
    CityIn,
    CityOut,
    CutoffIn,
    CutoffOut,
    Cutoffs,
    PlanDayOut,
    PlanDays,
    StationChange,
    StationIn,
    StationOut,
    VehicleChange,
    VehicleIn,
    VehicleOut,
)
from app.workforce.rules import require_station, station_scope

router = Router()

LONGEST_LIST = timedelta(days=400)


def _station(station: Station) -> StationOut:
    return StationOut(
        id=public_single("stn", station.id),
        code=station.code,
        name=station.name,
        city_code=station.city_code,
        is_active=station.is_active,
    )


def _cutoff(cutoff: StationCutoff) -> CutoffOut:
    period = to_period(cutoff.valid)
    return CutoffOut(
        cutoff_time=cutoff.cutoff_time.strftime("%H:%M"),
        from_date=period.first,
        to_date=period.last,
    )


def _vehicle(vehicle: Vehicle) -> VehicleOut:
    return VehicleOut(
        id=public_single("veh", vehicle.id),
        plate=vehicle.plate,
        station=public_single("stn", vehicle.station_id),
        is_active=vehicle.is_active,
    )


@router.get("/cities", dependencies=[OPEN])
async def list_cities(session: SessionDep) -> Cities:
    """Cities the operator serves."""
    found = await service.list_cities(session)
    return Cities(items=[CityOut.model_validate(city) for city in found])


@router.post("/cities", status_code=201, response_model=CityOut)
async def create_city(
    _: Keeper, call: IdempotentDep, session: SessionDep, body: CityIn
) -> Response:
    """Add a city by its administrative code."""
    city = await service.create_city(session, code=body.code, name=body.name)
    return await call.remember(session, 201, CityOut.model_validate(city))


@router.get("/stations")
async def list_stations(
    caller: Reader,
    session: SessionDep,
    page: PageDep,
    city_code: Annotated[CityCode | None, Query()] = None,
    is_active: bool | None = None,
) -> Page[StationOut]:
    """Stations by code."""
    found = await service.list_stations(
        session,
        station_id=station_scope(caller, *WIDE),
        city_code=city_code,
        is_active=is_active,
        limit=page.limit + 1,
        after_code=after_text(page),
    )
    kept = found[: page.limit]
    return Page[StationOut](
        items=[_station(station) for station in kept],
        next_cursor=cursor_of(kept[-1].code) if len(found) > page.limit else None,
    )


@router.post("/stations", status_code=201, response_model=StationOut)
async def create_station(
    _: Keeper, call: IdempotentDep, session: SessionDep, clock: ClockDep, body: StationIn
) -> Response:
    """Add a station with its cut-off; its plan days stand at once."""
    station = await service.create_station(
        session,
        code=body.code,
        name=body.name,
        city_code=body.city_code,
        cutoff_time=time.fromisoformat(body.cutoff_time),
        now=clock.now(),
    )
    return await call.remember(session, 201, _station(station))


@router.patch("/stations/{station}")
async def change_station(
    station: str, _: Keeper, session: SessionDep, body: StationChange
) -> StationOut:
    """Rename a station, or stop it from covering new addresses."""
    changed = await service.change_station(
        session,
        station_id=read_single("stn", station),
        changes=body.model_dump(exclude_none=True),
    )
    return _station(changed)


@router.get("/stations/{station}/cutoffs")
async def list_cutoffs(station: str, caller: Reader, session: SessionDep) -> Cutoffs:
    """Past, present and coming cut-offs."""
    station_id = read_single("stn", station)
    require_station(station_scope(caller, *WIDE), station_id, StationUnknown)
    found = await service.list_cutoffs(session, station_id=station_id)
    return Cutoffs(items=[_cutoff(cutoff) for cutoff in found])


@router.post("/stations/{station}/cutoffs", status_code=201, response_model=CutoffOut)
async def set_cutoff(
    station: str,
    _: Keeper,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
    body: CutoffIn,
) -> Response:
    """Another cut-off for coming service dates; open days move with it."""
    cutoff = await service.set_cutoff(
        session,
        station_id=read_single("stn", station),
        cutoff_time=time.fromisoformat(body.cutoff_time),
        from_date=body.from_date,
        to_date=body.to_date,
        now=clock.now(),
    )
    return await call.remember(session, 201, _cutoff(cutoff))


@router.get("/stations/{station}/plan-days")
async def list_plan_days(
    station: str,
    caller: Reader,
    session: SessionDep,
    clock: ClockDep,
    from_date: Annotated[CalendarDate | None, Query(alias="from")] = None,
    to_date: Annotated[CalendarDate | None, Query(alias="to")] = None,
) -> PlanDays:
    """Days of a station, both ends included; the coming 31 days unless asked otherwise."""
    station_id = read_single("stn", station)
    require_station(station_scope(caller, *WIDE), station_id, StationUnknown)
    first: date = from_date or clock.today()
    last: date = to_date or first + timedelta(days=30)
    if last < first or last - first > LONGEST_LIST:
        raise PeriodInvalid(most_days=LONGEST_LIST.days)
    await service.get_station(session, station_id=station_id)
    now = clock.now()
    found = await service.list_days(
        session, station_id=station_id, from_date=first, until=last + timedelta(days=1)
    )
    return PlanDays(
        items=[
            PlanDayOut(
                service_date=day.service_date,
                state=day.state,
                cutoff_at=day.cutoff_at,
                takes_changes=day.state is PlanDayState.OPEN and day.cutoff_at > now,
                frozen_at=day.frozen_at,
                planned_at=day.planned_at,
                reason=day.reason,
            )
            for day in found
        ]
    )


@router.get("/vehicles")
async def list_vehicles(
    caller: Reader, session: SessionDep, page: PageDep, station: StationQuery = None
) -> Page[VehicleOut]:
    """Vehicles by plate."""
    found = await service.list_vehicles(
        session,
        station_id=wanted_station(caller, station),
        limit=page.limit + 1,
        after_plate=after_text(page),
    )
    kept = found[: page.limit]
    return Page[VehicleOut](
        items=[_vehicle(vehicle) for vehicle in kept],
        next_cursor=cursor_of(kept[-1].plate) if len(found) > page.limit else None,
    )


@router.post("/vehicles", status_code=201, response_model=VehicleOut)
async def create_vehicle(
    _: Keeper, call: IdempotentDep, session: SessionDep, body: VehicleIn
) -> Response:
    """Add a refrigerated van to a station."""
    vehicle = await service.create_vehicle(
        session, plate=body.plate, station_id=read_single("stn", body.station)
    )
    return await call.remember(session, 201, _vehicle(vehicle))


@router.patch("/vehicles/{vehicle}")
async def change_vehicle(
    vehicle: str, _: Keeper, session: SessionDep, body: VehicleChange
) -> VehicleOut:
    """Move a vehicle to another station, or take it out of use."""
    changes: dict[str, Any] = body.model_dump(exclude_none=True, exclude={"station"})
    if body.station is not None:
        changes["station_id"] = read_single("stn", body.station)
    changed = await service.change_vehicle(
        session, vehicle_id=read_single("veh", vehicle), changes=changes
    )
    return _vehicle(changed)
