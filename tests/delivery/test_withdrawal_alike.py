"""Statements move regular lines exactly as the rules would, and an undo gives the rest back."""

import random
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import select, text, update

from app.core.db import Session
from app.core.ids import new_id
from app.network.models import PlanDay
from app.orders.models import (
    OrderLine,
    Withdrawal,
    WithdrawnLine,
)
from app.orders.repository import insert_terms, list_terms
from app.orders.repository.withdrawals import Scope
from app.orders.rules import Course, Pattern, Placement, Term, lay_out, rebuild, stock_from
from app.orders.service import put_back, take_out
from app.orders.states import WithdrawalSettle
from tests.factories.delivery import add_line
from tests.factories.world import MORNING, TODAY, World

Drain = Callable[[], Awaitable[list[str]]]


def ahead(days: int) -> date:
    return TODAY + timedelta(days=days)


async def test_statements_and_rules_lay_lines_out_alike(session: Session, world: World) -> None:
    """Lines of many shapes: the statements bring what `rebuild` says, and the undo gives it back."""
    dice = random.Random(26)
    shapes = await many_lines(session, world, dice, count=60)
    scope = Scope(stations=[world.station_id], first=ahead(5), last=ahead(9))
    await session.execute(
        update(PlanDay).where(PlanDay.service_date == ahead(50)).values(state="withdrawn")
    )
    made = await written(session, scope)
    taken = await take_out(
        session,
        scope,
        withdrawal_id=made,
        settle=WithdrawalSettle.PERIOD,
        reason="台风",
        actor="test",
        now=MORNING,
    )
    regular = list(await session.scalars(select(WithdrawnLine.is_regular)))
    assert len(regular) == taken.lines
    assert {True, False} == set(regular)
    after = await list_terms(session, list(shapes))
    closed = {*scope.days, ahead(50), TODAY, ahead(-1), ahead(-2)}
    for key, (before, course) in shapes.items():
        first = min((day for day in scope.days if any(t.on(day) for t in before)), default=None)
        wanted = before
        if first is not None:
            stock = stock_from(before, first)
            wanted = rebuild(before, course, from_date=first, stock=stock, blocked=closed).terms
        assert brought(after[key[1]]) == brought(wanted)
    assert (
        await put_back(
            session, withdrawal_id=made, first_date=scope.first, actor="test", now=MORNING
        )
        == 0
    )
    restored = await list_terms(session, list(shapes))
    for key, (before, _) in shapes.items():
        assert restored[key[1]] == before


def brought(terms: list[Term]) -> list[tuple[date, int]]:
    return [day for term in terms for day in term.deliveries()]


async def written(session: Session, scope: Scope) -> UUID:
    none = dict.fromkeys(("lines", "households", "bottles", "credit_fen", "stops", "make_ups"), 0)
    made = Withdrawal(
        id=new_id(),
        station_ids=list(scope.stations),
        first_date=scope.first,
        last_date=scope.last,
        reason="台风",
        settle=WithdrawalSettle.PERIOD,
        actor="test",
        at=MORNING,
        **none,
    )
    session.add(made)
    await session.flush()
    return made.id


async def many_lines(
    session: Session, world: World, dice: random.Random, *, count: int
) -> dict[tuple[UUID, UUID], tuple[list[Term], Course]]:
    shapes: dict[tuple[UUID, UUID], tuple[list[Term], Course]] = {}
    for _ in range(count):
        home = await world.add_household(session)
        line = await add_line(session, home, world.milk_id)
        pattern = dice.choice(
            [
                Pattern.every(1, 1),
                Pattern.every(1, 2),
                Pattern.every(2, 1),
                Pattern.every(3, 2),
                Pattern.weekly([1, 0, 2, 0, 1, 0, 0]),
            ]
        )
        start = ahead(dice.randint(-3, 8))
        (sample,) = (await list_terms(session, [(line.customer_id, line.order_line_id)])).values()
        placement = Placement(
            pattern, start, world.milk_id, sample[0].address_id, sample[0].address_version_id
        )
        skipped = {ahead(dice.randint(0, 20)) for _ in range(dice.choice([0, 0, 2]))}
        terms = lay_out(
            placement,
            start=start,
            bottles=dice.randint(1, 40),
            blocked={*skipped, ahead(50)} - {start},
        )
        await session.execute(
            text("DELETE FROM order_terms WHERE order_line_id = :line"),
            {"line": line.order_line_id},
        )
        weekdays = pattern.weekday_quantities
        await session.execute(
            update(OrderLine)
            .where(OrderLine.order_line_id == line.order_line_id)
            .values(
                quantity=pattern.quantity,
                interval_days=pattern.interval_days,
                weekday_quantities=None if weekdays is None else list(weekdays),
                anchor_date=start,
            )
        )
        await insert_terms(session, line.customer_id, line.order_line_id, terms)
        await session.flush()
        shapes[line.customer_id, line.order_line_id] = (terms, Course.of(placement))
    return shapes
