"""Key rotation: values sealed under an older key are sealed again under the current one.

Each batch is one transaction over a range of primary keys and touches only rows that are still
stale, so a run that was stopped goes on where it ended, and the product keeps working meanwhile.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, Row, bindparam, func, literal, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.base import Base
from app.core.crypto import Cell, KeyRing, SealBroken, split_key_id
from app.core.db import Database

log = structlog.get_logger()

BATCH = 1000


@dataclass(frozen=True)
class SealedTable:
    """Where one table keeps sealed values; domains declare theirs beside their models.

    `key` are the primary key's columns in order, `row_id` the column bound into each seal, `cells`
    column -> the name under which it was sealed.
    """

    model: type[Base]
    key: tuple[str, ...]
    row_id: str
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ResealCount:
    """Rows sealed anew, and values that no known key opens (left as they are)."""

    resealed: int = 0
    unreadable: int = 0


async def reseal(
    database: Database, ring: KeyRing, tables: Sequence[SealedTable], *, batch: int = BATCH
) -> dict[str, ResealCount]:
    """Seal every stale value of these tables under the current key; counts by table name."""
    return {
        table.model.__tablename__: await _reseal_table(database, ring, table, batch)
        for table in tables
    }


async def _reseal_table(
    database: Database, ring: KeyRing, table: SealedTable, batch: int
) -> ResealCount:
    last: tuple[Any, ...] | None = None
    resealed = unreadable = 0
    while True:
        async with database.transaction() as session:
            rows = await _lock_stale(session, ring, table, after=last, limit=batch)
            changes = []
            for row in rows:
                change, broken = _sealed_anew(ring, table, row)
                unreadable += broken
                if change:
                    changes.append(change)
            await _write(session, table, changes)
        resealed += len(changes)
        if len(rows) < batch:
            return ResealCount(resealed=resealed, unreadable=unreadable)
        last = tuple(getattr(rows[-1], name) for name in table.key)


def _prefix(ring: KeyRing) -> bytes:
    sealed = ring.seal("", Cell("", "", UUID(int=0)))
    return sealed[: len(sealed) - len(split_key_id(sealed)[1])]


async def _lock_stale(
    session: AsyncSession,
    ring: KeyRing,
    table: SealedTable,
    *,
    after: tuple[Any, ...] | None,
    limit: int,
) -> Sequence[Row[Any]]:
    columns = table.model.__table__.c
    prefix = _prefix(ring)

    def is_stale(name: str) -> ColumnElement[bool]:
        column = columns[name]
        return (func.length(column) > 0) & (func.substring(column, 1, len(prefix)) != prefix)

    key = [columns[name] for name in table.key]
    wanted = dict.fromkeys((*table.key, table.row_id, *table.cells))
    query = (
        select(*(columns[name] for name in wanted))
        .where(or_(*(is_stale(name) for name in table.cells)))
        .order_by(*key)
        .limit(limit)
        .with_for_update()
    )
    if after is not None:
        position = [literal(at, column.type) for at, column in zip(after, key, strict=True)]
        query = query.where(tuple_(*key) > tuple_(*position))
    return (await session.execute(query)).all()


def _sealed_anew(
    ring: KeyRing, table: SealedTable, row: Row[Any]
) -> tuple[dict[str, Any] | None, int]:
    """The row's new values by bind name, and how many values would not open."""
    values: dict[str, Any] = {}
    broken = 0
    for name, cell_column in table.cells.items():
        sealed = getattr(row, name)
        if not sealed:
            continue
        cell = Cell(table.model.__tablename__, cell_column, getattr(row, table.row_id))
        try:
            if split_key_id(sealed)[0] != ring.current_key_id:
                sealed = ring.seal(ring.open(sealed, cell), cell)
        except SealBroken:
            broken += 1
            log.warning("reseal.unreadable", table=cell.table, column=name, row=str(cell.row_id))
        values[name] = sealed
    if all(values[name] == getattr(row, name) for name in values):
        return None, broken
    values = {name: values.get(name, getattr(row, name)) for name in table.cells}
    return values | {f"key_{name}": getattr(row, name) for name in table.key}, broken


async def _write(session: AsyncSession, table: SealedTable, changes: list[dict[str, Any]]) -> None:
    if not changes:
        return
    target = table.model.__table__
    where = [target.c[name] == bindparam(f"key_{name}") for name in table.key]
    await (await session.connection()).execute(
        update(target).where(*where).values({name: bindparam(name) for name in table.cells}),  # type: ignore[arg-type]  # a mapped class's table is a Table
        changes,
    )
