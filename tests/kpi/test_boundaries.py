"""The seconds and days on which a KPI turns."""

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.states import AnswerKind, TicketKind, TicketStatus
from app.core.clock import local_instant
from app.customers.models import CustomerKind
from app.delivery.models import StopState
from app.kpi.definitions import KpiKey, ScopeKind
from app.kpi.measuring import NOTHING_COUNTED, UNSUPPORTED_SCOPE, Question, measure
from app.kpi.repository.places import stations_of
from app.kpi.rules import Measured, Period
from app.kpi.scopes import OPERATOR, Scope
from app.orders.states import OrderSource
from tests.factories.history import DAY, SEVEN, History
from tests.factories.world import TODAY, World

HOUR = timedelta(hours=1)
TICK = timedelta(microseconds=1)
MIDNIGHT = local_instant(TODAY, time())
SHARP = local_instant(TODAY, SEVEN)
EVENING = local_instant(TODAY, time(20))


@pytest.fixture
def history(session: AsyncSession, world: World) -> History:
    """An empty history."""
    return History(session, world)


async def look(
    history: History,
    key: KpiKey,
    *,
    first: date = TODAY,
    last: date = TODAY,
    now: datetime = EVENING,
    scope: Scope = OPERATOR,
) -> Measured:
    """One KPI of today, this evening."""
    return await measure(Question(history.session, scope, Period(first, last), now), key)


def ratio(measured: Measured) -> tuple[int, int]:
    """Numerator and denominator."""
    return measured.numerator, measured.denominator


@pytest.mark.parametrize(("seconds", "on_time"), [(-0.000001, True), (0, False), (0.000001, False)])
async def test_seven_sharp_is_too_late(history: History, seconds: float, on_time: bool) -> None:
    await history.stop(TODAY, seconds_from_seven=seconds)
    assert ratio(await look(history, KpiKey.ON_TIME_RATE)) == (int(on_time), 1)


async def test_milk_of_the_evening_before_is_on_time(history: History) -> None:
    await history.stop(TODAY, seconds_from_seven=-10 * 3600)
    assert ratio(await look(history, KpiKey.ON_TIME_RATE)) == (1, 1)


@pytest.mark.parametrize(("now", "due"), [(SHARP - TICK, 0), (SHARP, 1)])
async def test_a_stop_is_due_once_its_seven_has_passed(
    history: History, now: datetime, due: int
) -> None:
    await history.stop(TODAY, seconds_from_seven=-3600)
    await history.stop(TODAY + DAY, state=StopState.PLANNED)
    measured = await look(history, KpiKey.ON_TIME_RATE, last=TODAY + DAY, now=now)
    assert measured.denominator == due
    assert (measured.reason == NOTHING_COUNTED) == (due == 0)


async def test_short_failed_and_unconfirmed_stops_count_against(history: History) -> None:
    for state in StopState:
        await history.stop(TODAY, state=state)
    measured = await look(history, KpiKey.ON_TIME_RATE)
    assert ratio(measured) == (1, 4), "made / made, partly, failed, planned"
    beside = measured.beside
    assert (beside["short"], beside["undelivered"], beside["unconfirmed"]) == (1, 1, 1)
    assert beside["withdrawn"] == 1
    assert str(beside["rate_with_withdrawn"]) == "20.00"


async def test_one_tap_for_several_doors_is_not_on_time(history: History) -> None:
    await history.stop(TODAY)
    await history.stop(TODAY, bulk_marked=True)
    measured = await look(history, KpiKey.ON_TIME_RATE)
    assert ratio(measured) == (1, 2)
    assert measured.beside["bulk_marked"] == 1


async def test_withdrawn_days_are_listed_and_not_due(history: History) -> None:
    await history.withdraw(TODAY)
    await history.stop(TODAY, state=StopState.WITHDRAWN)
    measured = await look(history, KpiKey.ON_TIME_RATE)
    assert ratio(measured) == (0, 0)
    assert measured.reason == NOTHING_COUNTED
    assert measured.beside["withdrawn"] == 1
    assert [day["service_date"] for day in measured.beside["withdrawn_days"]] == ["2026-03-15"]
    elsewhere = Scope(ScopeKind.CITY, city_code="320500")
    assert (await look(history, KpiKey.ON_TIME_RATE, scope=elsewhere)).beside[
        "withdrawn_days"
    ] == []


async def test_a_phone_that_uploads_days_later_changes_what_is_known(history: History) -> None:
    stop = await history.stop(TODAY - DAY, state=StopState.PLANNED)

    async def yesterday() -> tuple[int, int]:
        measured = await look(history, KpiKey.ON_TIME_RATE, first=TODAY - DAY, last=TODAY - DAY)
        return ratio(measured)

    assert await yesterday() == (0, 1), "not confirmed counts against"
    stop.state, stop.made_at = StopState.MADE, SHARP - DAY - HOUR
    await history.session.flush()
    assert await yesterday() == (1, 1), "the phone came back"
    stop.made_at = SHARP - DAY + HOUR
    await history.session.flush()
    assert await yesterday() == (0, 1), "and corrected itself"


async def test_schools_stand_apart(history: History) -> None:
    await history.stop(TODAY, kind=CustomerKind.SCHOOL, seconds_from_seven=3600)
    await history.stop(TODAY, kind=CustomerKind.SCHOOL, state=StopState.FAILED)
    await history.stop(TODAY)
    measured = await look(history, KpiKey.ON_TIME_RATE)
    assert ratio(measured) == (1, 1)
    assert measured.beside["schools"] == {"due": 2, "made": 1}


@pytest.mark.parametrize("edge", ["first instant", "last instant", "before", "after"])
async def test_days_begin_at_midnight_in_shanghai(history: History, edge: str) -> None:
    """16:00 UTC of the day before, that is."""
    at = {
        "first instant": MIDNIGHT,
        "last instant": MIDNIGHT + DAY - TICK,
        "before": MIDNIGHT - TICK,
        "after": MIDNIGHT + DAY,
    }[edge]
    inside = edge.endswith("instant")
    now = EVENING + 3 * DAY
    await history.ticket(at)
    await history.order(history.world.household, at, OrderSource.WEB)
    await history.answer(at, 5)
    for key in (
        KpiKey.RESPONSE_TIME,
        KpiKey.INTERNET_RATE,
        KpiKey.SATISFACTION,
        KpiKey.COMPLAINT_HANDLED_RATE,
    ):
        assert (await look(history, key, now=now)).denominator == int(inside), key


@pytest.mark.parametrize(("after", "in_time"), [(DAY, 1), (DAY + TICK, 0)])
async def test_twenty_four_hours_to_the_first_answer(
    history: History, after: timedelta, in_time: int
) -> None:
    await history.ticket(MIDNIGHT, answered_after=after)
    measured = await look(history, KpiKey.RESPONSE_TIME, now=EVENING + 3 * DAY)
    assert ratio(measured) == (in_time, 1)
    assert measured.longest == after


async def test_an_unanswered_ticket_counts_the_time_so_far(history: History) -> None:
    await history.ticket(MIDNIGHT, answered_after=HOUR)
    await history.ticket(MIDNIGHT + HOUR, kind=TicketKind.CONSULTATION)
    measured = await look(history, KpiKey.RESPONSE_TIME)
    assert measured.longest == EVENING - MIDNIGHT - HOUR
    assert measured.beside["unanswered"] == 1
    later = await look(history, KpiKey.RESPONSE_TIME, now=MIDNIGHT + HOUR + DAY + TICK)
    assert ratio(later) == (1, 2)


async def test_merged_tickets_ask_for_no_answer(history: History) -> None:
    await history.ticket(MIDNIGHT, answered_after=HOUR)
    await history.ticket(MIDNIGHT, status=TicketStatus.MERGED)
    await history.stop(TODAY)
    assert ratio(await look(history, KpiKey.RESPONSE_TIME)) == (1, 1)
    complaints = await look(history, KpiKey.COMPLAINT_RATE)
    assert ratio(complaints) == (1, 1)
    assert complaints.beside["merged"] == 1


@pytest.mark.parametrize(("now", "due"), [(MIDNIGHT + DAY - TICK, 0), (MIDNIGHT + DAY, 1)])
async def test_a_complaint_is_due_when_its_day_has_run_out(
    history: History, now: datetime, due: int
) -> None:
    await history.ticket(MIDNIGHT, answered_after=HOUR)
    measured = await look(history, KpiKey.COMPLAINT_HANDLED_RATE, now=now)
    assert ratio(measured) == (0, due)


async def test_handled_late_is_handled_and_reopened_is_not(history: History) -> None:
    await history.ticket(MIDNIGHT, answered_after=HOUR, resolved_after=DAY)
    await history.ticket(MIDNIGHT, answered_after=HOUR, resolved_after=DAY + TICK)
    await history.ticket(MIDNIGHT, answered_after=HOUR, status=TicketStatus.ANSWERED, reopened=1)
    await history.ticket(MIDNIGHT, kind=TicketKind.REQUEST)
    measured = await look(history, KpiKey.COMPLAINT_HANDLED_RATE, now=EVENING + 3 * DAY)
    assert ratio(measured) == (2, 3)
    assert measured.beside["within_24h"] == 1
    assert measured.beside["reopened"] == 1


async def test_an_unfounded_complaint_stays_a_complaint(history: History) -> None:
    await history.stop(TODAY)
    await history.stop(TODAY, state=StopState.PARTLY)
    await history.stop(TODAY, state=StopState.FAILED)
    await history.ticket(MIDNIGHT, unfounded=True)
    await history.ticket(MIDNIGHT, customer_kind=CustomerKind.SCHOOL)
    await history.order(history.world.household, MIDNIGHT, None)
    measured = await look(history, KpiKey.COMPLAINT_RATE)
    assert ratio(measured) == (1, 2)
    assert measured.beside["unfounded"] == 1
    assert measured.beside["schools"]["complaints"] == 1
    assert str(measured.beside["per_100000_orders"]) == "100000.00"


async def test_milk_served_this_morning_counts_before_seven(history: History) -> None:
    await history.stop(TODAY, seconds_from_seven=-7200)
    await history.stop(TODAY, state=StopState.PLANNED)
    measured = await look(history, KpiKey.COMPLAINT_RATE, now=SHARP - HOUR)
    assert ratio(measured) == (0, 1)


async def test_the_telephone_is_no_internet(history: History) -> None:
    for source in (*OrderSource, None):
        await history.order(history.world.household, MIDNIGHT, source)
    measured = await look(history, KpiKey.INTERNET_RATE)
    assert ratio(measured) == (5, 8)
    assert measured.beside["unknown_source"] == 1
    assert measured.beside["by_source"]["phone"] == 1


async def test_ratings_and_schools_are_no_satisfaction(history: History) -> None:
    await history.answer(MIDNIGHT, 4)
    await history.answer(MIDNIGHT, 3, kind=AnswerKind.SURVEY)
    await history.answer(MIDNIGHT, 1, kind=AnswerKind.RATING)
    await history.answer(MIDNIGHT, 1, customer_kind=CustomerKind.SCHOOL)
    ticket = await history.ticket(MIDNIGHT - DAY)
    await history.visit(ticket, MIDNIGHT, reached=True)
    await history.visit(ticket, MIDNIGHT, reached=False)
    await history.visit(ticket, MIDNIGHT + DAY, reached=False)
    measured = await look(history, KpiKey.SATISFACTION)
    assert ratio(measured) == (1, 2)
    assert measured.beside["ratings"]["answers"] == 1
    assert measured.beside["schools"]["answers"] == 1
    assert (measured.beside["visits_tried"], measured.beside["visits_reached"]) == (2, 1)
    assert str(measured.beside["response_rate"]) == "50.00"


@pytest.mark.parametrize("key", KpiKey)
async def test_nothing_is_no_data_never_nought_or_a_hundred(history: History, key: KpiKey) -> None:
    measured = await look(history, key)
    assert (measured.denominator, measured.reason) == (0, NOTHING_COUNTED)


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (KpiKey.INTERNET_RATE, ScopeKind.DELIVERER),
        (KpiKey.COLD_STORE_TEMP_RATE, ScopeKind.BLOCK),
        (KpiKey.COLD_STORE_TEMP_RATE, ScopeKind.DELIVERER),
    ],
)
async def test_a_scope_a_kpi_does_not_know_is_no_data_with_that_reason(
    history: History, key: KpiKey, kind: ScopeKind
) -> None:
    await history.order(history.world.household, MIDNIGHT, OrderSource.WEB)
    ids: dict[ScopeKind, Any] = {
        ScopeKind.BLOCK: history.world.blocks[0],
        ScopeKind.DELIVERER: history.world.deliverers[0],
    }
    measured = await look(history, key, scope=Scope(kind, row_id=ids[kind]))
    assert (measured.denominator, measured.reason) == (0, UNSUPPORTED_SCOPE)


async def test_an_order_belongs_to_the_block_that_first_serves_it(history: History) -> None:
    await history.order(history.world.household, MIDNIGHT, OrderSource.WEB)
    mine, other = (Scope(ScopeKind.BLOCK, row_id=one) for one in history.world.blocks)
    assert ratio(await look(history, KpiKey.INTERNET_RATE, scope=mine)) == (1, 1)
    assert (await look(history, KpiKey.INTERNET_RATE, scope=other)).denominator == 0


async def test_stations_of_every_scope(history: History) -> None:
    world = history.world
    for scope, stations in (
        (OPERATOR, None),
        (Scope(ScopeKind.CITY, city_code="310000"), [world.station_id]),
        (Scope(ScopeKind.CITY, city_code="999999"), []),
        (Scope(ScopeKind.BLOCK, row_id=world.blocks[1]), [world.station_id]),
        (Scope(ScopeKind.DELIVERER, row_id=world.deliverers[0]), []),
    ):
        assert await stations_of(history.session, scope) == stations
