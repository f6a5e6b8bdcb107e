"""Rows written past the session's objects, inside its transaction: by COPY, in sets, or one."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar, cast

import asyncpg
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.dialects.postgresql.ranges import AbstractRange
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import class_mapper, make_transient_to_detached
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.instrumentation import ClassManager
from sqlalchemy.types import TypeEngine

from app.core.base import Base, EnumText
from app.core.db import fetch

Row = TypeVar("Row", bound=Base)


async def copy_rows(
    session: AsyncSession,
    table: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
) -> None:
    """COPY rows into a table, as part of the session's transaction.

    The statement before makes SQLAlchemy send its BEGIN, without which the rows would outlive a
    rollback.
    """
    await session.execute(text("SELECT 1"))
    raw = await (await session.connection()).get_raw_connection()
    driver = raw.driver_connection
    if driver is None:
        raise RuntimeError("the connection has been closed")
    await driver.copy_records_to_table(
        table, columns=list(columns), records=([_plain(value) for value in row] for row in rows)
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Range):
        return asyncpg.Range(
            value.lower,
            value.upper,
            lower_inc=value.bounds[0] == "[",
            upper_inc=value.bounds[1] == "]",
        )
    return value


async def insert_missing(
    session: AsyncSession,
    table: str,
    columns: Mapping[str, str],
    rows: Sequence[Sequence[Any]],
) -> list[Any]:
    """Insert rows whose key is not there yet, in one statement of constant text.

    `columns` maps names to PostgreSQL types, the key's first column first; answers that column of
    the rows that were inserted. Names and types are constants of the calling code.
    """
    if not rows:
        return []
    names = ", ".join(columns)
    arrays = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in columns.items())
    key = next(iter(columns))
    result = await session.scalars(
        text(
            f"INSERT INTO {table} ({names}) SELECT * FROM unnest({arrays})"
            f" ON CONFLICT DO NOTHING RETURNING {key}"
        ),
        {name: [_plain(row[place]) for row in rows] for place, name in enumerate(columns)},
    )
    return list(result)


async def insert_row(session: AsyncSession, row: Base) -> None:
    """Insert one new row of plain columns by the driver, at a quarter of a flush's cost.

    Defaults of the model are not applied, and the row does not belong to the session afterwards:
    whoever changes it reads it again. Raises DBAPIError, whose `orig` has the `sqlstate`.
    """
    query, columns = _insert_of(type(row))
    await fetch(session, query, *map(row.__dict__.get, columns))


async def insert_unless_there(session: AsyncSession, row: Base) -> bool:
    """As `insert_row`; false, and nothing written, where a row with one of its keys is there."""
    query, columns = _insert_of(type(row))
    values = map(row.__dict__.get, columns)
    return bool(await fetch(session, f"{query} ON CONFLICT DO NOTHING RETURNING 1", *values))


def as_row(model: type[Row], record: asyncpg.Record) -> Row:
    """A record of a whole row as a value that belongs to no session, to be read only."""
    row, _ = _loaded(model, record)
    return row


def own_row(session: AsyncSession, model: type[Row], record: asyncpg.Record) -> Row:
    """A record of a whole row, just read, as the session's object of that row.

    One that the session has already is brought up to the record; what it had pending must have been
    written before.
    """
    row, values = _loaded(model, record)
    mapper = class_mapper(model)
    key = mapper.identity_key_from_primary_key(
        tuple(values[one.name] for one in mapper.primary_key)
    )
    known: Row | None = session.sync_session.identity_map.get(key)
    if known is not None:
        for name, value in values.items():
            set_committed_value(known, name, value)
        return known
    make_transient_to_detached(row)
    session.add(row)
    return row


def _loaded(model: type[Row], record: asyncpg.Record) -> tuple[Row, dict[str, Any]]:
    manager, readers = _kind_of(model)
    values = dict(record)
    for name, read in readers:
        if values[name] is not None:
            values[name] = read(values[name])
    row: Row = manager.new_instance()
    row.__dict__.update(values)
    return row, values


@cache
def _kind_of(model: type[Base]) -> tuple[ClassManager[Any], list[tuple[str, Callable[..., Any]]]]:
    mapper = class_mapper(model)  # configures it, which a constructor would do
    readers = [(one.name, _reader_of(one.type)) for one in mapper.local_table.columns]
    return mapper.class_manager, [(name, read) for name, read in readers if read is not None]


def _reader_of(kind: TypeEngine[Any]) -> Callable[..., Any] | None:
    """How a type's values are made of what the driver gives; None where they are the same."""
    if isinstance(kind, EnumText):
        return kind.enum
    return _as_range if isinstance(kind, AbstractRange) else None


def _as_range(given: asyncpg.Range) -> Range[Any]:
    if given.isempty:
        return Range(empty=True)
    bounds = ("[" if given.lower_inc else "(") + ("]" if given.upper_inc else ")")
    return Range(given.lower, given.upper, bounds=cast("Any", bounds))


@cache
def _insert_of(model: type[Base]) -> tuple[str, tuple[str, ...]]:
    columns = tuple(column.key for column in model.__table__.columns)
    places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    return f"INSERT INTO {model.__tablename__} ({', '.join(columns)}) VALUES ({places})", columns
