"""Random histories: the product counts what plain Python counts, and the rows add up to it."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.states import AnswerKind, TicketKind, TicketStatus
from app.core.clock import local_instant
from app.core.db import Database
from app.customers.models import CustomerKind
from app.delivery.models import StopState
from app.kpi.definitions import DEFINITIONS, KpiKey, ScopeKind
from app.kpi.measuring import Question, measure
from app.kpi.rules import Measured, Period
from app.kpi.scopes import OPERATOR, Scope
from app.orders.states import OrderSource
from tests.factories.history import SEVEN, History
from tests.factories.world import TODAY, Household, World
from tests.kpi import oracle
from tests.kpi.oracle import Asked, Rows
from tests.kpi.pages import sum_of_rows

ORACLES: dict[KpiKey, Callable[[Rows, Asked], Any]] = {
    KpiKey.ON_TIME_RATE: oracle.on_time,
    KpiKey.RESPONSE_TIME: oracle.response,
    KpiKey.INTERNET_RATE: oracle.internet,
    KpiKey.SATISFACTION: oracle.satisfaction,
    KpiKey.COMPLAINT_RATE: oracle.complaints,
    KpiKey.COMPLAINT_HANDLED_RATE: oracle.handled,
}
"""Trips have histories of their own; cold stores are tested at the cold chain's door."""

Write = Callable[[History, dict[str, Household]], Awaitable[Any]]
days = st.integers(-1, 1).map(lambda ahead: TODAY + timedelta(days=ahead))
seconds = st.one_of(
    st.sampled_from([-0.000001, 0, 0.000001]), st.integers(-9000, -1), st.integers(1, 90_000)
)
kinds = st.sampled_from([*[CustomerKind.HOUSEHOLD] * 4, CustomerKind.SCHOOL])
blocks = st.integers(0, 1)
waits = st.one_of(
    st.none(),
    st.sampled_from([0, 86_399, 86_400, 86_401]),
    st.integers(0, 200_000),
)


@st.composite
def instants(draw: st.DrawFn) -> datetime:
    """An instant near a local midnight, or anywhere in a day."""
    offset = draw(st.one_of(st.sampled_from([-0.000001, 0]), st.integers(0, 86_399)))
    return local_instant(draw(days), SEVEN) - timedelta(hours=7) + timedelta(seconds=offset)


@st.composite
def stops(draw: st.DrawFn) -> Write:
    """A stop of any fate."""
    day = draw(days)
    said: dict[str, Any] = {
        "state": draw(st.sampled_from([*[StopState.MADE] * 4, *StopState])),
        "seconds_from_seven": draw(seconds),
        "bulk_marked": draw(st.sampled_from([False, False, True])),
        "kind": draw(kinds),
        "block": draw(blocks),
        "deliverer": draw(blocks),
    }
    return lambda history, _: history.stop(day, **said)


@st.composite
def tickets(draw: st.DrawFn) -> Write:
    """A ticket somewhere on its way."""
    received_at, answered, resolved = draw(instants()), draw(waits), draw(waits)
    status = None
    if draw(st.sampled_from([False] * 5 + [True])):
        status = TicketStatus.MERGED
    reopened = resolved is not None and draw(st.booleans())
    said: dict[str, Any] = {
        "kind": draw(st.sampled_from([*[TicketKind.COMPLAINT] * 2, *TicketKind])),
        "answered_after": None if answered is None else timedelta(seconds=answered),
        "resolved_after": None if resolved is None or reopened else timedelta(seconds=resolved),
        "status": TicketStatus.ANSWERED if reopened and status is None else status,
        "customer_kind": draw(kinds),
        "block": draw(st.one_of(st.none(), blocks)),
        "unfounded": draw(st.sampled_from([None, True, False])),
        "reopened": int(reopened),
    }
    return lambda history, _: history.ticket(received_at, **said)


@st.composite
def orders(draw: st.DrawFn) -> Write:
    """An order of any source."""
    at, who = draw(instants()), draw(st.sampled_from(["one", "two", "school", "nowhere"]))
    source = draw(st.one_of(st.none(), st.sampled_from(list(OrderSource))))
    return lambda history, households: history.order(households[who], at, source)


@st.composite
def answers(draw: st.DrawFn) -> Write:
    """An answer of any kind."""
    at, score = draw(instants()), draw(st.integers(1, 5))
    said: dict[str, Any] = {
        "kind": draw(st.sampled_from(list(AnswerKind))),
        "customer_kind": draw(kinds),
        "block": draw(blocks),
    }
    return lambda history, _: history.answer(at, score, **said)


histories = st.tuples(
    st.lists(stops(), min_size=4, max_size=10),
    st.lists(tickets(), min_size=3, max_size=8),
    st.lists(orders(), min_size=2, max_size=5),
    st.lists(answers(), min_size=2, max_size=6),
)


@st.composite
def questions(draw: st.DrawFn) -> tuple[date, date, datetime]:
    """A period, and when it is asked: about 07:00, or later in the day."""
    first, last = sorted((draw(days), draw(days)))
    asked_on = local_instant(draw(days), SEVEN)
    return first, last, asked_on + timedelta(seconds=draw(st.sampled_from([-1, 0, 40_000])))


class _Undo(Exception):
    """Takes an example's rows back."""


def scopes_of(world: World) -> list[tuple[Scope, str | None, object]]:
    """Every kind of scope, for the product and as column and value for the oracle."""
    return [
        (OPERATOR, None, None),
        (Scope(ScopeKind.CITY, city_code="310000"), "city_code", "310000"),
        (Scope(ScopeKind.STATION, row_id=world.station_id), "station_id", world.station_id),
        *((Scope(ScopeKind.BLOCK, row_id=one), "block_id", one) for one in world.blocks),
        *(
            (Scope(ScopeKind.DELIVERER, row_id=one), "deliverer_id", one)
            for one in world.deliverers
        ),
    ]


@settings(max_examples=12)
@given(history=histories, question=questions())
async def test_the_product_counts_what_plain_python_counts(
    database: Database,
    world: World,
    history: tuple[list[Write], ...],
    question: tuple[date, date, datetime],
) -> None:
    first, last, now = question
    with suppress(_Undo):
        async with database.transaction() as session:
            await _write(session, world, history)
            rows = await Rows.read(session)
            for scope, column, value in scopes_of(world):
                asking = Question(session, scope, Period(first, last), now)
                await _compare(asking, rows, Asked(first, last, column, value, now))
            raise _Undo


async def _write(session: AsyncSession, world: World, history: tuple[list[Write], ...]) -> None:
    households = {
        "one": world.household,
        "two": await world.add_household(session, block=1),
        "school": await world.add_household(session, kind=CustomerKind.SCHOOL),
        "nowhere": await world.add_household(session, block=None),
    }
    writer = History(session, world)
    for part in history:
        for write in part:
            await write(writer, households)


async def _compare(asking: Question, rows: Rows, asked: Asked) -> None:
    for key, count in ORACLES.items():
        measured = await measure(asking, key)
        if asking.scope.kind not in DEFINITIONS[key].scopes:
            assert (measured.reason, measured.denominator) == ("unsupported_scope", 0)
            continue
        good, total, *waits = count(rows, asked)
        assert (measured.numerator, measured.denominator) == (good, total), (key, asking.scope)
        if waits:
            _compare_waits(measured, waits[0])
        if asking.scope.kind in {ScopeKind.OPERATOR, ScopeKind.STATION}:
            assert await sum_of_rows(asking, key) == (good, total), (key, asking.scope)


def _compare_waits(measured: Measured, waits: list[timedelta]) -> None:
    assert measured.longest == (waits[-1] if waits else None)
    if not waits:
        assert measured.beside["median_hours"] is None
        return
    for share, name in ((50, "median_hours"), (95, "p95_hours")):
        nearest = waits[-(-share * len(waits) // 100) - 1]
        shown = measured.beside[name]
        assert timedelta() <= timedelta(hours=float(shown)) - nearest < timedelta(seconds=37)
