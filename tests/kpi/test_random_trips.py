"""Random mornings of vans: the checks counted are those plain Python finds, whatever the scope."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncSession

from app.coldchain.models import HandoverKind
from app.core.clock import local_instant
from app.core.db import Database
from app.delivery.models import RouteSheet
from app.delivery.rules import ON_TIME_LIMIT
from app.kpi.definitions import KpiKey, ScopeKind
from app.kpi.measuring import Question, measure
from app.kpi.rules import Period
from app.kpi.scopes import OPERATOR, Scope
from app.network import service as network
from tests.factories.coldchain import add_device, add_handover, add_readings, add_trip, at, every
from tests.factories.network import add_station
from tests.factories.world import MORNING, TODAY, World
from tests.kpi import oracle
from tests.kpi.oracle import Asked, Rows
from tests.kpi.pages import sum_of_rows

YESTERDAY = TODAY - timedelta(days=1)
STEPS = ("precool_at", "loaded_at", "departed_at", "arrived_at")

celsius = st.sampled_from([4.0, 4.0, 4.0, 6.0, 6.1])
looks = st.lists(celsius, max_size=2)
days = st.sampled_from([YESTERDAY, TODAY])
places = st.integers(0, 1)


@dataclass(frozen=True)
class Run:
    """One trip: how far it came, whom it served, and what was measured at the handovers."""

    day: date
    van: int
    steps: int
    precooled: bool
    legs: list[tuple[int, int | None]]
    loading: list[float]
    arrival: list[float]
    shares: dict[int, list[float]]


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """A trip that stands anywhere between announced and handed over."""
    steps = draw(st.sampled_from([0, 1, 2, 3, 4, 4, 4]))
    legs = []
    if steps >= 3 and draw(st.booleans()):
        legs = [(95, draw(st.one_of(st.none(), st.integers(96, 150))))]
        if draw(st.booleans()):
            legs.append((160, draw(st.one_of(st.none(), st.integers(161, 210)))))
    return Run(
        day=draw(days),
        van=draw(places),
        steps=steps,
        precooled=draw(st.booleans()) or steps >= 2,
        legs=legs,
        loading=draw(looks),
        arrival=draw(looks),
        shares=draw(st.dictionaries(st.integers(0, 2), looks, max_size=3)),
    )


@dataclass(frozen=True)
class Round:
    """A route sheet: which block, and who carried it out that day, if anybody is known."""

    day: date
    block: int
    deliverer: int | None


rounds = st.lists(
    st.builds(Round, days, st.integers(0, 2), st.one_of(st.none(), places)),
    min_size=2,
    max_size=6,
    unique_by=lambda one: (one.day, one.block),
)
gaps = st.sets(st.integers(8, 24), max_size=2)
warm = st.sets(st.integers(8, 24), max_size=1)


class _Undo(Exception):
    """Takes an example's rows back."""


@settings(max_examples=15)
@given(
    history=st.lists(runs(), min_size=2, max_size=5),
    served=rounds,
    silent=gaps,
    too_warm=warm,
    first=days,
    now=st.sampled_from([-1, 0, 10_000, -10_000]),
)
async def test_checks_are_counted_as_by_hand(
    database: Database,
    world: World,
    history: list[Run],
    served: list[Round],
    silent: set[int],
    too_warm: set[int],
    first: date,
    now: int,
) -> None:
    with suppress(_Undo):
        async with database.transaction() as session:
            town = await _build(session, world, silent=silent, too_warm=too_warm)
            await _write(session, world, town, history, served)
            rows = await Rows.read(session)
            asked_at = local_instant(TODAY, ON_TIME_LIMIT) + timedelta(seconds=now)
            for scope, column, value in town.scopes(world):
                asking = Question(session, scope, Period(first, TODAY), asked_at)
                asked = Asked(first, TODAY, column, value, asked_at)
                by_hand = oracle.delivery_temps(rows, asked)
                measured = await measure(asking, KpiKey.DELIVERY_TEMP_RATE)
                assert (measured.numerator, measured.denominator) == by_hand, scope
                assert await sum_of_rows(asking, KpiKey.DELIVERY_TEMP_RATE) == by_hand, scope
            raise _Undo


@dataclass(frozen=True)
class Town:
    """Two stations with a van each, and three blocks: two here, one there."""

    stations: list[UUID]
    vans: list[UUID]
    blocks: list[UUID]

    def scopes(self, world: World) -> list[tuple[Scope, str | None, object]]:
        """Every kind of scope, for the product and as column and value for the oracle."""
        return [
            (OPERATOR, None, None),
            (Scope(ScopeKind.CITY, city_code="310000"), "city_code", "310000"),
            *((Scope(ScopeKind.STATION, row_id=one), "station_id", one) for one in self.stations),
            *((Scope(ScopeKind.BLOCK, row_id=one), "block_id", one) for one in self.blocks),
            *(
                (Scope(ScopeKind.DELIVERER, row_id=one), "deliverer_id", one)
                for one in world.deliverers
            ),
        ]


async def _build(
    session: AsyncSession, world: World, *, silent: set[int], too_warm: set[int]
) -> Town:
    other = await add_station(session, code="ST02")
    block = await network.create_block(session, station_id=other, code="B-TOWN", name="东区")
    van = await network.create_vehicle(session, plate="沪B1", station_id=other)
    device_id = await add_device(session, code="VAN-01", vehicle_id=world.vehicle_id)
    for day in (YESTERDAY, TODAY):
        points = every(at(day, 0), at(day, 9))
        await add_readings(
            session,
            device_id,
            [
                (instant, 6.1 if number in too_warm else value)
                for number, (instant, value) in enumerate(points)
                if number not in silent
            ],
        )
    return Town(
        stations=[world.station_id, other],
        vans=[world.vehicle_id, van.id],
        blocks=[*world.blocks, block.id],
    )


async def _write(
    session: AsyncSession, world: World, town: Town, history: list[Run], served: list[Round]
) -> None:
    for number, run in enumerate(history, 1):
        key = await _write_trip(session, town, run, number)
        for kind, values in (
            (HandoverKind.LOADING, run.loading),
            (HandoverKind.VEHICLE_TO_STATION, run.arrival),
        ):
            for check_no, value in enumerate(values):
                await add_handover(session, key, kind, value, check_no=check_no)
        for block, values in run.shares.items():
            for check_no, value in enumerate(values):
                await add_handover(
                    session,
                    key,
                    HandoverKind.STATION_TO_DELIVERER,
                    value,
                    block_id=town.blocks[block],
                    check_no=check_no,
                )
    for one in served:
        session.add(
            RouteSheet(
                block_id=town.blocks[one.block],
                service_date=one.day,
                station_id=town.stations[one.block // 2],
                deliverer_id=None if one.deliverer is None else world.deliverers[one.deliverer],
                stops=1,
                bottles=1,
                planned_at=MORNING,
            )
        )
    await session.flush()


async def _write_trip(
    session: AsyncSession, town: Town, run: Run, number: int
) -> tuple[UUID, date, int]:
    undone = dict.fromkeys(STEPS[run.steps :])
    if run.steps == 0:
        undone |= {"precool_celsius": None, "precool_passed": None}
    elif not run.precooled:
        undone["precool_passed"] = False
    midnight = at(run.day, 0)
    return await add_trip(
        session,
        vehicle_id=town.vans[run.van],
        station_id=town.stations[run.van],
        service_date=run.day,
        trip_no=number,
        legs=[
            (
                midnight + timedelta(minutes=start),
                None if end is None else midnight + timedelta(minutes=end),
            )
            for start, end in run.legs
        ],
        **undone,
    )
