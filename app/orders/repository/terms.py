"""Terms of lines: one row per range of days."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Final, cast
from uuid import UUID

import asyncpg
from sqlalchemy import Table, bindparam, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from app.orders.models import (
    LinePhase,
    Order,
    OrderAgreement,
    OrderHistory,
    OrderLine,
    OrderNumber,
    OrderTerm,
)
from app.orders.repository.plain import KEYS, OF_KEYS, key_columns, run
from app.orders.rules import Pattern, Rebuilt, Term

_NUMBERS: Final = cast("Table", OrderNumber.__table__)
_AGREEMENTS: Final = cast("Table", OrderAgreement.__table__)
# What every order runs is built once, on tables: building it costs more than running it.
_CLAIM_NUMBER: Final = upsert(_NUMBERS).on_conflict_do_nothing().returning(_NUMBERS.c.number)
_CURRENT_VERSION: Final = (
    select(_AGREEMENTS.c.version)
    .where(_AGREEMENTS.c.effective_date <= bindparam("on"))
    .order_by(_AGREEMENTS.c.effective_date.desc(), _AGREEMENTS.c.version.desc())
    .limit(1)
)
_INSERT_ORDER: Final = insert(cast("Table", Order.__table__))
_INSERT_HISTORY: Final = insert(cast("Table", OrderHistory.__table__))
_INSERT_LINE: Final = insert(cast("Table", OrderLine.__table__))


_TERMS = f"""
SELECT t.order_line_id, lower(t.valid) AS first, upper(t.valid) AS until, t.product_id, t.quantity,
       t.interval_days, t.anchor_date, t.weekday_quantities, t.address_id, t.address_version_id,
       t.change_id
FROM {KEYS} JOIN order_terms t ON {OF_KEYS}
ORDER BY t.order_line_id, t.first_date
"""
_DROP = f"DELETE FROM order_terms t USING {KEYS} WHERE {OF_KEYS} AND t.first_date >= $3"
_SHRINK = f"""
UPDATE order_terms t SET valid = daterange(t.first_date, $3) FROM {KEYS}
WHERE {OF_KEYS} AND upper(t.valid) > $3
"""
_ADD = """
INSERT INTO order_terms
    (customer_id, order_line_id, first_date, valid, product_id, quantity, interval_days,
     anchor_date, weekday_quantities, address_id, address_version_id, change_id)
SELECT customer_id, order_line_id, first, daterange(first, until), product_id, quantity,
       interval_days, anchor_date, CAST(weekdays AS smallint[]), address_id, address_version_id,
       change_id
FROM unnest($1::uuid[], $2::uuid[], $3::date[], $4::date[], $5::uuid[], $6::smallint[],
            $7::smallint[], $8::date[], $9::text[], $10::uuid[], $11::uuid[], $12::uuid[])
    AS n(customer_id, order_line_id, first, until, product_id, quantity, interval_days, anchor_date,
         weekdays, address_id, address_version_id, change_id)
"""


async def list_terms(
    session: AsyncSession, keys: Collection[tuple[UUID, UUID]]
) -> dict[UUID, list[Term]]:
    """Terms of lines, by line and in order of days; `keys` are (customer_id, order_line_id)."""
    terms: dict[UUID, list[Term]] = {line_id: [] for _, line_id in keys}
    if keys:
        for row in await run(session, _TERMS, *key_columns(keys)):
            terms[row["order_line_id"]].append(_term(row))
    return terms


def _term(row: asyncpg.Record) -> Term:
    return Term(
        first=row["first"],
        until=row["until"],
        pattern=pattern_in(row),
        anchor=row["anchor_date"],
        product_id=row["product_id"],
        address_id=row["address_id"],
        address_version_id=row["address_version_id"],
        change_id=row["change_id"],
    )


def pattern_in(row: asyncpg.Record) -> Pattern:
    """The pattern in a record's three columns."""
    weekdays = row["weekday_quantities"]
    return Pattern(
        quantity=row["quantity"],
        interval_days=row["interval_days"],
        weekday_quantities=None if weekdays is None else tuple(weekdays),
    )


def pattern_of(row: OrderTerm | OrderLine | LinePhase) -> Pattern:
    """The pattern in a row's three columns."""
    weekdays = row.weekday_quantities
    return Pattern(
        quantity=row.quantity,
        interval_days=row.interval_days,
        weekday_quantities=None if weekdays is None else tuple(weekdays),
    )


def term_values(customer_id: UUID, line_id: UUID, term: Term) -> dict[str, object]:
    """Column values of a term."""
    weekdays = term.pattern.weekday_quantities
    return {
        "customer_id": customer_id,
        "order_line_id": line_id,
        "first_date": term.first,
        "valid": Range(term.first, term.until, bounds="[)"),
        "product_id": term.product_id,
        "quantity": term.pattern.quantity,
        "interval_days": term.pattern.interval_days,
        "anchor_date": term.anchor,
        "weekday_quantities": None if weekdays is None else list(weekdays),
        "address_id": term.address_id,
        "address_version_id": term.address_version_id,
        "change_id": term.change_id,
    }


async def insert_terms(
    session: AsyncSession, customer_id: UUID, line_id: UUID, terms: Iterable[Term]
) -> None:
    """Add terms of one line."""
    await _add_terms(session, [(customer_id, line_id, term) for term in terms])


async def _add_terms(session: AsyncSession, added: Sequence[tuple[UUID, UUID, Term]]) -> None:
    if added:
        rows = (_columns(*one) for one in added)
        await run(session, _ADD, *(list(column) for column in zip(*rows, strict=True)))


def _columns(customer_id: UUID, line_id: UUID, term: Term) -> tuple[object, ...]:
    pattern = term.pattern
    weekdays = pattern.weekday_quantities
    return (
        customer_id,
        line_id,
        term.first,
        term.until,
        term.product_id,
        pattern.quantity,
        pattern.interval_days,
        term.anchor,
        None if weekdays is None else f"{{{','.join(map(str, weekdays))}}}",
        term.address_id,
        term.address_version_id,
        term.change_id,
    )


async def replace_terms(
    session: AsyncSession,
    *,
    from_date: date,
    rebuilt: Sequence[tuple[UUID, UUID, Rebuilt]],
) -> None:
    """Shrink, drop and insert terms of lines from a date on: (customer, line, rebuilt)."""
    if not rebuilt:
        return
    keys = key_columns([(customer_id, line_id) for customer_id, line_id, _ in rebuilt])
    for statement in (_DROP, _SHRINK):
        await run(session, statement, *keys, from_date)
    await _add_terms(
        session,
        [
            (customer_id, line_id, term)
            for customer_id, line_id, result in rebuilt
            for term in result.fresh
        ],
    )


_JOIN = """
WITH cut AS (
    SELECT a.customer_id, a.order_line_id, a.first_date, b.first_date AS again, upper(b.valid) AS until
    FROM order_terms a
    JOIN order_terms b ON b.customer_id = a.customer_id AND b.order_line_id = a.order_line_id
        AND b.first_date = upper(a.valid)
        AND (b.product_id, b.anchor_date, b.address_id, b.address_version_id)
            = (a.product_id, a.anchor_date, a.address_id, a.address_version_id)
        AND (b.quantity, b.interval_days, b.weekday_quantities, b.change_id)
            IS NOT DISTINCT FROM (a.quantity, a.interval_days, a.weekday_quantities, a.change_id)
    WHERE a.customer_id = :customer AND a.order_line_id = ANY(:lines) AND b.first_date = :at
), gone AS (
    DELETE FROM order_terms t USING cut
    WHERE t.customer_id = cut.customer_id AND t.order_line_id = cut.order_line_id
      AND t.first_date = cut.again
)
SELECT order_line_id, first_date, until FROM cut
"""


async def join_terms(session: AsyncSession, keys: Sequence[tuple[UUID, UUID]], *, at: date) -> None:
    """Make one term again of those that meet on a day and say the same; of one customer's lines."""
    if not keys:
        return
    values = {"customer": keys[0][0], "lines": [line_id for _, line_id in keys], "at": at}
    for row in (await session.execute(text(_JOIN), values)).all():
        await session.execute(
            update(OrderTerm)
            .where(
                OrderTerm.customer_id == keys[0][0],
                OrderTerm.order_line_id == row.order_line_id,
                OrderTerm.first_date == row.first_date,
            )
            .values(valid=Range(row.first_date, row.until, bounds="[)"))
            .execution_options(synchronize_session=False)
        )


async def follow_address(
    session: AsyncSession,
    *,
    customer_id: UUID,
    address_id: UUID,
    address_version_id: UUID,
    today: date,
) -> None:
    """Let terms that end after today name an address's new version."""
    await session.execute(
        update(OrderTerm)
        .where(
            OrderTerm.customer_id == customer_id,
            OrderTerm.address_id == address_id,
            func.upper(OrderTerm.valid) > today,
        )
        .values(address_version_id=address_version_id)
        .execution_options(synchronize_session=False)
    )
