"""Counting the eight KPIs: rows of the packages below in, numerators and denominators out."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.states import AnswerKind
from app.coldchain import service as coldchain
from app.coldchain.service import TripQuestion
from app.core.ids import public_single
from app.kpi.definitions import DEFINITIONS, KpiKey, ScopeKind
from app.kpi.repository import orders, places, satisfaction, stops, tickets
from app.kpi.repository.stops import StopCounts
from app.kpi.repository.tickets import ComplaintCounts
from app.kpi.rules import Measured, Period, hours, last_due_date, per_100k, percent
from app.kpi.scopes import Scope
from app.orders.states import INTERNET_SOURCES, OrderSource

UNSUPPORTED_SCOPE = "unsupported_scope"
NOTHING_COUNTED = "nothing_counted"
WITHDRAWN_DAYS_SHOWN = 100


@dataclass(slots=True)
class Question:
    """One look at a scope and a period, as known at `now`; what several KPIs need is counted once."""

    session: AsyncSession
    scope: Scope
    period: Period
    now: datetime
    _due: StopCounts | None = field(default=None)
    _later: StopCounts | None = field(default=None)
    _complaints: tuple[ComplaintCounts, ComplaintCounts] | None = field(default=None)
    _orders: Mapping[OrderSource | None, int] | None = field(default=None)

    @property
    def due_period(self) -> Period | None:
        """The part of the period whose 07:00 has passed."""
        return self.period.until(last_due_date(self.now))

    async def stops_due(self) -> StopCounts:
        """Stops whose 07:00 has passed."""
        if self._due is None:
            self._due = await stops.count_stops(
                self.session, scope=self.scope, period=self.due_period
            )
        return self._due

    async def stops(self) -> StopCounts:
        """All stops of the period, those still to come too."""
        if self._later is None:
            self._later = await stops.count_stops(
                self.session, scope=self.scope, period=self.period.after(last_due_date(self.now))
            )
        return await self.stops_due() + self._later

    async def complaints(self) -> tuple[ComplaintCounts, ComplaintCounts]:
        """Complaints of households and of schools."""
        if self._complaints is None:
            self._complaints = await tickets.count_complaints(
                self.session, scope=self.scope, period=self.period, now=self.now
            )
        return self._complaints

    async def orders(self) -> Mapping[OrderSource | None, int]:
        """Household orders by source; None: not known."""
        if self._orders is None:
            self._orders = await orders.count_orders(
                self.session, scope=self.scope, period=self.period
            )
        return self._orders


async def measure(question: Question, key: KpiKey) -> Measured:
    """Count one KPI; a scope it does not know is no data, with that reason."""
    if question.scope.kind not in DEFINITIONS[key].scopes:
        return Measured(0, 0, reason=UNSUPPORTED_SCOPE)
    measured = await _MEASURES[key](question)
    if measured.denominator == 0:
        return Measured(measured.numerator, 0, beside=measured.beside, reason=NOTHING_COUNTED)
    return measured


async def _on_time_rate(question: Question) -> Measured:
    counts = await question.stops_due()
    mine, schools = counts.households, counts.schools
    days = await places.list_withdrawn_days(
        question.session, scope=question.scope, period=question.period
    )
    return Measured(
        mine.on_time,
        mine.due,
        beside={
            "made": mine.made,
            "short": mine.partly,
            "undelivered": mine.failed,
            "unconfirmed": mine.planned,
            "bulk_marked": mine.bulk_marked,
            "withdrawn": mine.withdrawn,
            "rate_with_withdrawn": percent(mine.on_time, mine.due + mine.withdrawn),
            "withdrawn_days": [
                {
                    "station_id": public_single("stn", day.station_id),
                    "service_date": day.service_date.isoformat(),
                    "reason": day.reason,
                }
                for day in days[:WITHDRAWN_DAYS_SHOWN]
            ],
            "withdrawn_day_count": len(days),
            "schools": {"due": schools.due, "made": schools.made},
        },
    )


async def _response_time(question: Question) -> Measured:
    times = await tickets.measure_response(
        question.session, scope=question.scope, period=question.period, now=question.now
    )
    return Measured(
        times.in_time,
        times.tickets,
        longest=times.longest,
        beside={
            "within_24h": percent(times.in_time, times.tickets),
            "median_hours": hours(times.median),
            "p95_hours": hours(times.p95),
            "unanswered": times.unanswered,
            "schools": {
                "tickets": times.schools,
                "within_24h": percent(times.schools_in_time, times.schools),
                "longest_hours": hours(times.schools_longest),
            },
        },
    )


async def _internet_rate(question: Question) -> Measured:
    by_source = await question.orders()
    known = {source: count for source, count in by_source.items() if source is not None}
    return Measured(
        sum(count for source, count in known.items() if source in INTERNET_SOURCES),
        sum(known.values()),
        beside={
            "by_source": {source.value: count for source, count in sorted(known.items())},
            "unknown_source": by_source.get(None, 0),
        },
    )


async def _satisfaction(question: Question) -> Measured:
    answers = await satisfaction.count_answers(
        question.session, scope=question.scope, period=question.period
    )
    tried, reached = await satisfaction.count_visits(
        question.session, scope=question.scope, period=question.period
    )

    def summed(*, household: bool, kinds: tuple[AnswerKind, ...]) -> tuple[int, int]:
        found = [answers[household, kind] for kind in kinds if (household, kind) in answers]
        return sum(one.good for one in found), sum(one.count for one in found)

    def shown(good: int, count: int) -> Mapping[str, Any]:
        return {"answers": count, "good": good, "rate": percent(good, count)}

    good, count = summed(household=True, kinds=satisfaction.ASKED_KINDS)
    return Measured(
        good,
        count,
        beside={
            "answers": count,
            "visits_tried": tried,
            "visits_reached": reached,
            "response_rate": percent(reached, tried),
            "ratings": shown(*summed(household=True, kinds=(AnswerKind.RATING,))),
            "schools": shown(*summed(household=False, kinds=tuple(AnswerKind))),
        },
    )


async def ask_trips(question: Question) -> TripQuestion:
    """What the cold chain is asked for the scope's trips.

    A block or a deliverer has no vehicle of its own: what counts are the handovers to it.
    """
    scope, period = question.scope, question.period
    served = places.blocks_served(scope, period)
    is_share = scope.kind in {ScopeKind.BLOCK, ScopeKind.DELIVERER}
    return TripQuestion(
        from_date=period.first,
        to_date=period.last,
        now=question.now,
        station_ids=(
            await places.stations_served(question.session, served)
            if is_share
            else await places.stations_of(question.session, scope)
        ),
        served=served,
        only_shares=is_share,
    )


async def _delivery_temp_rate(question: Question) -> Measured:
    counts = await coldchain.count_trip_checks(question.session, asked=await ask_trips(question))
    return Measured(
        sum(count.passed for count in counts.values()),
        sum(count.expected for count in counts.values()),
        beside={
            "missing": sum(count.missing for count in counts.values()),
            "by_kind": {kind.value: asdict(count) for kind, count in sorted(counts.items())},
        },
    )


async def list_device_counts(question: Question, period: Period) -> list[coldchain.DeviceSlotCount]:
    """Slots of the devices in the scope's cold stores."""
    return await coldchain.cold_store_counts(
        question.session,
        from_date=period.first,
        to_date=period.last,
        now=question.now,
        station_ids=await places.stations_of(question.session, question.scope),
    )


async def _cold_store_temp_rate(question: Question) -> Measured:
    counts = await list_device_counts(question, question.period)
    return Measured(
        sum(count.in_range for count in counts),
        sum(count.expected for count in counts),
        beside={
            "devices": len(counts),
            "silent": sum(count.silent for count in counts),
            "out_of_range": sum(count.out_of_range for count in counts),
        },
    )


async def _complaint_rate(question: Question) -> Measured:
    mine, schools = await question.complaints()
    counts = await question.stops()
    ordered = None
    if question.scope.kind is not ScopeKind.DELIVERER:
        ordered = sum((await question.orders()).values())
    return Measured(
        mine.received,
        counts.households.served,
        beside={
            "complaints": mine.received,
            "stops_served": counts.households.served,
            "merged": mine.merged,
            "unfounded": mine.unfounded,
            "orders": ordered,
            "per_100000_orders": None if ordered is None else per_100k(mine.received, ordered),
            "schools": {
                "complaints": schools.received,
                "stops_served": counts.schools.served,
                "per_100000": per_100k(schools.received, counts.schools.served),
            },
        },
    )


async def _complaint_handled_rate(question: Question) -> Measured:
    mine, schools = await question.complaints()
    return Measured(
        mine.handled,
        mine.due,
        beside={
            "received": mine.received,
            "within_24h": mine.handled_in_time,
            "within_24h_rate": percent(mine.handled_in_time, mine.due),
            "reopened": mine.reopened,
            "schools": {
                "due": schools.due,
                "handled": schools.handled,
                "within_24h": schools.handled_in_time,
            },
        },
    )


_MEASURES: Mapping[KpiKey, Callable[[Question], Awaitable[Measured]]] = {
    KpiKey.ON_TIME_RATE: _on_time_rate,
    KpiKey.RESPONSE_TIME: _response_time,
    KpiKey.INTERNET_RATE: _internet_rate,
    KpiKey.SATISFACTION: _satisfaction,
    KpiKey.DELIVERY_TEMP_RATE: _delivery_temp_rate,
    KpiKey.COLD_STORE_TEMP_RATE: _cold_store_temp_rate,
    KpiKey.COMPLAINT_RATE: _complaint_rate,
    KpiKey.COMPLAINT_HANDLED_RATE: _complaint_handled_rate,
}
