"""Rows written past the session's objects, inside its transaction: by COPY, in sets, or one."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import class_mapper
from sqlalchemy.orm.instrumentation import ClassManager

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
        table, columns=list(columns), records=[[_plain(value) for value in row] for row in rows]
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
    manager, enums = _kind_of(model)
    row: Row = manager.new_instance()
    values = row.__dict__
    values.update(record)
    for name, enum in enums:
        if values[name] is not None:
            values[name] = enum(values[name])
    return row


@cache
def _kind_of(model: type[Base]) -> tuple[ClassManager[Any], list[tuple[str, type[StrEnum]]]]:
    mapper = class_mapper(model)  # configures it, which a constructor would do
    columns = mapper.local_table.columns
    enums = [(one.key, one.type.enum) for one in columns if isinstance(one.type, EnumText)]
    return mapper.class_manager, enums


@cache
def _insert_of(model: type[Base]) -> tuple[str, tuple[str, ...]]:
    columns = tuple(column.key for column in model.__table__.columns)
    places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    return f"INSERT INTO {model.__tablename__} ({', '.join(columns)}) VALUES ({places})", columns
