"""Phases of lines: what changes make of a line from a day on, and where its order is brought."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

import asyncpg
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from app.orders.models import LinePhase, OrderLine
from app.orders.repository.doors import Door
from app.orders.repository.plain import KEYS, OF_KEYS, key_columns, run
from app.orders.repository.terms import pattern_in, pattern_of
from app.orders.rules import Course, Pattern, Placement, Term

_TURNS = f"""
SELECT t.order_line_id, t.from_date, t.quantity, t.interval_days, t.weekday_quantities,
       t.anchor_date, t.product_id
FROM {KEYS} JOIN line_phases t ON {OF_KEYS}
ORDER BY t.order_line_id, t.from_date, t.change_id
"""


@dataclass(frozen=True, slots=True)
class Turn:
    """Another pattern (with a day it delivers on), or another product, from a day on."""

    from_date: date
    pattern: Pattern | None = None
    anchor: date | None = None
    product_id: UUID | None = None


async def list_turns(
    session: AsyncSession, keys: Collection[tuple[UUID, UUID]]
) -> dict[UUID, list[Turn]]:
    """Turns of lines, by line, in the order they take effect; `keys` as of `list_terms`."""
    turns: dict[UUID, list[Turn]] = {line_id: [] for _, line_id in keys}
    if keys:
        for row in await run(session, _TURNS, *key_columns(keys)):
            turns[row["order_line_id"]].append(_turn(row))
    return turns


def _turn(row: asyncpg.Record) -> Turn:
    has_pattern = row["anchor_date"] is not None
    pattern = pattern_in(row) if has_pattern else None
    return Turn(row["from_date"], pattern, row["anchor_date"], row["product_id"])


def add_turn(session: AsyncSession, line: OrderLine, turn: Turn, *, change_id: UUID) -> None:
    """Write what a change makes of a line."""
    pattern = turn.pattern
    weekdays = None if pattern is None else pattern.weekday_quantities
    session.add(
        LinePhase(
            customer_id=line.customer_id,
            order_line_id=line.order_line_id,
            change_id=change_id,
            from_date=turn.from_date,
            quantity=None if pattern is None else pattern.quantity,
            interval_days=None if pattern is None else pattern.interval_days,
            weekday_quantities=None if weekdays is None else list(weekdays),
            anchor_date=turn.anchor,
            product_id=turn.product_id,
        )
    )


async def drop_turns(session: AsyncSession, *, customer_id: UUID, change_id: UUID) -> None:
    """Take back what a change that has not begun would have made of its lines."""
    await session.execute(
        delete(LinePhase)
        .where(LinePhase.customer_id == customer_id, LinePhase.change_id == change_id)
        .execution_options(synchronize_session=False)
    )


def placement_of(line: OrderLine, terms: Sequence[Term], door: Door) -> Placement:
    """What a line brings as it was bought, to the first door of its order."""
    anchor = terms[-1].anchor if terms else line.start_date
    return Placement(
        pattern_of(line),
        line.anchor_date or anchor,
        line.product_id,
        door.address_id,
        door.address_version_id,
    )


def course_of(base: Placement, turns: Sequence[Turn], doors: Sequence[Door]) -> Course:
    """A line's placements, each from a day on: what a turn leaves open stays as it was.

    `doors` are those of its order after the first one, where the course begins.
    """
    phases = [(date.min, base)]
    steps: list[Turn | Door] = [*turns, *doors]
    for step in sorted(steps, key=lambda one: one.from_date):
        phases.append((step.from_date, _after(phases[-1][1], step)))
    return Course(tuple(phases))


def _after(before: Placement, step: Turn | Door) -> Placement:
    if isinstance(step, Door):
        return replace(
            before, address_id=step.address_id, address_version_id=step.address_version_id
        )
    pattern, anchor = before.pattern, before.anchor
    if step.pattern is not None and step.anchor is not None:
        pattern, anchor = step.pattern, step.anchor
    product_id = step.product_id or before.product_id
    return replace(before, pattern=pattern, anchor=anchor, product_id=product_id)


def line_course(
    line: OrderLine, terms: Sequence[Term], turns: Sequence[Turn], doors: Sequence[Door]
) -> Course:
    """A line's placements, each from a day on, with all doors of its order."""
    return course_of(placement_of(line, terms, doors[0]), turns, doors[1:])
