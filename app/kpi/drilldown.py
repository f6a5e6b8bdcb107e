"""Opening a KPI to its rows: their numerators and denominators add up to the KPI's own."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.coldchain import service as coldchain
from app.coldchain.ids import public_trip
from app.coldchain.rules import Slot, SlotState
from app.core.clock import local_date
from app.core.ids import public_single
from app.core.pagination import BadCursor
from app.kpi.definitions import DEFINITIONS, KpiKey
from app.kpi.measuring import Question, ask_trips, list_device_counts
from app.kpi.repository import rows
from app.kpi.repository.rows import KpiRow, SortKey, Source
from app.kpi.rules import Period
from app.kpi.scopes import Scope
from app.kpi.service import FIRST_DATE, LAST_DATE, require_scope

Place = list[str]
"""Where a section's next page goes on: the sort key of its last row, as texts."""
TRIP_KEY_PARTS = 6
Fetch = Callable[[Place | None, int], Awaitable[list[tuple[Place, KpiRow]]]]


@dataclass(frozen=True, slots=True)
class RowPage:
    """A page of rows and where the next begins: section number and place."""

    rows: list[KpiRow]
    next_place: tuple[int, Place] | None


async def list_kpi_rows(
    session: AsyncSession,
    *,
    key: KpiKey,
    scope: Scope,
    period: Period,
    now: datetime,
    limit: int,
    after: tuple[int, Place] | None,
    only_missed: bool = False,
) -> RowPage:
    """A page of the rows behind a KPI, with public ids and no personal data.

    `only_missed` leaves out rows that count in full. A scope the KPI does not know has no rows.
    Raises NotFound for a scope that does not exist, BadCursor.
    """
    await require_scope(session, scope)
    if scope.kind not in DEFINITIONS[key].scopes:
        return RowPage(rows=[], next_place=None)
    sections = _sections(Question(session, scope, period, now), key, only_missed=only_missed)
    number, place = after or (0, None)
    if not 0 <= number < len(sections):
        raise BadCursor
    kept: list[KpiRow] = []
    for at in range(number, len(sections)):
        found = await sections[at](place if at == number else None, limit + 1 - len(kept))
        if len(kept) + len(found) > limit:
            room = limit - len(kept)
            last = found[room - 1][0] if room else None
            return RowPage(
                rows=[*kept, *(row for _, row in found[:room])],
                next_place=(at, last if last is not None else []),
            )
        kept.extend(row for _, row in found)
    return RowPage(rows=kept, next_place=None)


def _sections(question: Question, key: KpiKey, *, only_missed: bool) -> Sequence[Fetch]:
    scope, period, now = question.scope, question.period, question.now

    def table(source: Source) -> Fetch:
        return _table(question.session, source, only_missed=only_missed)

    match key:
        case KpiKey.ON_TIME_RATE:
            due = question.due_period
            return [table(rows.stops_due(scope, due))] if due is not None else [_nothing]
        case KpiKey.RESPONSE_TIME:
            return [table(rows.tickets_received(scope, period, now=now))]
        case KpiKey.INTERNET_RATE:
            return [table(rows.orders_confirmed(scope, period))]
        case KpiKey.SATISFACTION:
            return [table(rows.answers_given(scope, period))]
        case KpiKey.DELIVERY_TEMP_RATE:
            return [_trip_checks(question, only_missed=only_missed)]
        case KpiKey.COLD_STORE_TEMP_RATE:
            return [_slots(question, only_missed=only_missed)]
        case KpiKey.COMPLAINT_RATE:
            return [
                table(rows.complaints_received(scope, period, now=now)),
                table(rows.stops_served(scope, period)),
            ]
        case KpiKey.COMPLAINT_HANDLED_RATE:
            return [table(rows.complaints_due(scope, period, now=now))]


async def _nothing(_place: Place | None, _limit: int) -> list[tuple[Place, KpiRow]]:
    return []


def _table(session: AsyncSession, source: Source, *, only_missed: bool) -> Fetch:
    async def fetch(place: Place | None, limit: int) -> list[tuple[Place, KpiRow]]:
        found = await rows.list_rows(
            session,
            source,
            after=_read_key(place, by_date=source.by_date) if place else None,
            limit=limit,
            only_missed=only_missed,
        )
        return [([part.isoformat(), str(who), str(what)], row) for (part, who, what), row in found]

    return fetch


def _read_key(place: Place, *, by_date: bool) -> SortKey:
    try:
        at, customer_id, row_id = place
        when = date.fromisoformat(at) if by_date else _read_instant(at)
        return when, UUID(customer_id), UUID(row_id)
    except ValueError as error:
        raise BadCursor from error


def _read_instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None or not FIRST_DATE.year <= at.year <= LAST_DATE.year:
        raise BadCursor
    return at


def _trip_checks(question: Question, *, only_missed: bool) -> Fetch:
    async def fetch(place: Place | None, limit: int) -> list[tuple[Place, KpiRow]]:
        if place and len(place) != TRIP_KEY_PARTS:
            raise BadCursor
        checks = await coldchain.list_trip_checks(question.session, asked=await ask_trips(question))
        found = sorted(
            ((_trip_key(check), _present_check(check)) for check in checks),
            key=lambda pair: pair[0],
        )
        return [
            pair
            for pair in found
            if (not place or pair[0] > place) and not (only_missed and pair[1].numerator)
        ][:limit]

    return fetch


def _trip_key(check: coldchain.TripCheck) -> Place:
    return [
        check.service_date.isoformat(),
        str(check.vehicle_id),
        f"{check.trip_no:04}",
        check.kind.value,
        check.subject,
        str(check.block_id or ""),
    ]


def _present_check(check: coldchain.TripCheck) -> KpiRow:
    vehicle = public_single("veh", check.vehicle_id)
    block = None if check.block_id is None else public_single("blk", check.block_id)
    name = [check.service_date.isoformat(), str(check.trip_no), check.kind.value, check.subject]
    return KpiRow(
        kind="trip_check",
        id=f"{vehicle}@{'/'.join([*name, block] if block else name)}",
        at=check.service_date,
        numerator=int(check.passed),
        denominator=1,
        facts={
            "check": check.kind.value,
            "subject": check.subject,
            "missing": check.missing,
            "celsius": None if check.celsius is None else str(check.celsius),
            "expected_by": check.expected_by.isoformat(),
            "trip_id": public_trip(check.vehicle_id, check.service_date, check.trip_no),
            "vehicle_id": vehicle,
            "station_id": public_single("stn", check.station_id),
            "block_id": block,
        },
    )


def _slots(question: Question, *, only_missed: bool) -> Fetch:
    async def fetch(place: Place | None, limit: int) -> list[tuple[Place, KpiRow]]:
        after = _read_slot_place(place) if place else None
        found: list[tuple[Place, KpiRow]] = []
        day = question.period.first if after is None else max(after[0], question.period.first)
        last = min(question.period.last, local_date(question.now))
        while day <= last and len(found) < limit:
            for count in await _devices_of_day(question, day):
                if only_missed and count.in_range == count.expected:
                    continue
                if after is not None and (day, str(count.device_id)) < after[:2]:
                    continue
                found += await _slots_of_device(
                    question, count, day, after=after, only_missed=only_missed
                )
                if len(found) >= limit:
                    break
            day += timedelta(days=1)
        return found[:limit]

    return fetch


async def _devices_of_day(question: Question, day: date) -> list[coldchain.DeviceSlotCount]:
    counts = await list_device_counts(question, Period(day, day))
    return sorted(
        (count for count in counts if count.expected), key=lambda count: str(count.device_id)
    )


async def _slots_of_device(
    question: Question,
    count: coldchain.DeviceSlotCount,
    day: date,
    *,
    after: tuple[date, str, datetime] | None,
    only_missed: bool,
) -> list[tuple[Place, KpiRow]]:
    slots = await coldchain.list_slots(
        question.session, device_id=count.device_id, on=day, now=question.now
    )
    device_id = str(count.device_id)
    return [
        ([day.isoformat(), device_id, slot.start_at.isoformat()], _present_slot(count, slot))
        for slot in slots
        if slot.state is not SlotState.EXCUSED
        and not (only_missed and slot.state is SlotState.IN_RANGE)
        and (after is None or (day, device_id, slot.start_at) > after)
    ]


def _read_slot_place(place: Place) -> tuple[date, str, datetime]:
    try:
        day, device_id, start = place
        return date.fromisoformat(day), str(UUID(device_id)), _read_instant(start)
    except ValueError as error:
        raise BadCursor from error


def _present_slot(count: coldchain.DeviceSlotCount, slot: Slot) -> KpiRow:
    device = public_single("dev", count.device_id)
    return KpiRow(
        kind="slot",
        id=f"{device}@{slot.start_at.isoformat()}",
        at=slot.start_at,
        numerator=int(slot.state is SlotState.IN_RANGE),
        denominator=1,
        facts={
            "state": slot.state.value,
            "celsius": None if slot.celsius is None else str(slot.celsius),
            "device_id": device,
            "store_id": public_single("sto", count.store_id),
            "station_id": public_single("stn", count.station_id),
        },
    )
