"""Which block serves a door, and where in its round, in SQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import Range, insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import fetch
from app.customers.models import Address, AddressVersion
from app.network.models import AddressBlock

_SERVING = """
SELECT a.block_id, b.station_id, s.city_code, a.stop_no, d.deliverer_id
FROM address_blocks a
JOIN blocks b ON b.id = a.block_id
JOIN stations s ON s.id = b.station_id
LEFT JOIN block_deliverers d ON d.block_id = b.id AND d.valid @> $3::date
WHERE a.customer_id = $1 AND a.address_id = $2 AND a.valid @> $3::date
"""
_ASSIGN_MANY = """
INSERT INTO address_blocks (customer_id, address_id, valid_from, valid, block_id, stop_no)
SELECT a.customer_id, a.address_id, a.valid_from, daterange(a.valid_from, NULL),
       a.block_id, a.stop_no
FROM unnest(CAST(:customers AS uuid[]), CAST(:addresses AS uuid[]), CAST(:blocks AS uuid[]),
            CAST(:stops AS bigint[]), CAST(:dates AS date[]))
     AS a(customer_id, address_id, block_id, stop_no, valid_from)
ON CONFLICT DO NOTHING
RETURNING address_id
"""
_RENUMBER = """
WITH wanted AS (
    SELECT w.customer_id, w.address_id, w.place
    FROM unnest(CAST(:customers AS uuid[]), CAST(:addresses AS uuid[]))
         WITH ORDINALITY AS w(customer_id, address_id, place)
), present AS (
    SELECT ab.stop_no,
           row_number() OVER (ORDER BY ab.stop_no, ab.customer_id, ab.address_id) AS place
    FROM address_blocks ab JOIN wanted USING (customer_id, address_id)
    WHERE ab.block_id = :block AND ab.valid @> CAST(:on AS date)
), numbers AS (
    SELECT place, place + max(stop_no - place) OVER (ORDER BY place) AS stop_no FROM present
)
UPDATE address_blocks ab
SET stop_no = numbers.stop_no
FROM wanted JOIN numbers USING (place)
WHERE ab.customer_id = wanted.customer_id AND ab.address_id = wanted.address_id
  AND ab.block_id = :block AND ab.valid @> CAST(:on AS date)
"""
"""The block keeps its own numbers, spread where they were shared, so that a new address still
falls in beside its neighbours."""


@dataclass(frozen=True, slots=True)
class Serving:
    """Who brings milk to an address on a day."""

    block_id: UUID
    station_id: UUID
    city_code: str
    stop_no: int
    deliverer_id: UUID | None


@dataclass(frozen=True, slots=True)
class StopPlace:
    """A stop of a block: the building only."""

    customer_id: UUID
    address_id: UUID
    stop_no: int
    district: str
    street: str
    house_no: str
    compound: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """A block and a place in its round for an address, from a day on."""

    customer_id: UUID
    address_id: UUID
    block_id: UUID
    stop_no: int
    valid_from: date


async def find_serving(
    session: AsyncSession, *, customer_id: UUID, address_id: UUID, on: date
) -> Serving | None:
    """Block, station and deliverer of an address on a day."""
    found = await fetch(session, _SERVING, customer_id, address_id, on)
    return Serving(*found[0].values()) if found else None


async def lock_assignments(
    session: AsyncSession, customer_id: UUID, address_id: UUID, *, from_date: date
) -> list[AddressBlock]:
    """Assignments of an address that run on a day or begin later, locked, in order."""
    return list(
        await session.scalars(
            select(AddressBlock)
            .where(
                AddressBlock.customer_id == customer_id,
                AddressBlock.address_id == address_id,
                AddressBlock.valid.overlaps(Range(from_date, None, bounds="[)")),
            )
            .order_by(AddressBlock.valid_from)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    )


async def drop_assignments(
    session: AsyncSession, customer_id: UUID, address_id: UUID, *, dates: Sequence[date]
) -> None:
    """Remove assignments that have not begun."""
    await session.execute(
        delete(AddressBlock).where(
            AddressBlock.customer_id == customer_id,
            AddressBlock.address_id == address_id,
            AddressBlock.valid_from.in_(dates),
        )
    )


async def add_assignment(session: AsyncSession, wanted: Assignment) -> bool:
    """Insert an assignment without end; false when another one stands in its way."""
    added = await session.scalar(
        insert(AddressBlock)
        .values(
            customer_id=wanted.customer_id,
            address_id=wanted.address_id,
            valid_from=wanted.valid_from,
            valid=Range(wanted.valid_from, None, bounds="[)"),
            block_id=wanted.block_id,
            stop_no=wanted.stop_no,
        )
        .on_conflict_do_nothing()
        .returning(AddressBlock.address_id)
    )
    return added is not None


async def add_assignments(session: AsyncSession, wanted: Sequence[Assignment]) -> int:
    """Insert many assignments without end; addresses that have one from that day on keep it."""
    added = await session.execute(
        text(_ASSIGN_MANY),
        {
            "customers": [row.customer_id for row in wanted],
            "addresses": [row.address_id for row in wanted],
            "blocks": [row.block_id for row in wanted],
            "stops": [row.stop_no for row in wanted],
            "dates": [row.valid_from for row in wanted],
        },
    )
    return len(added.all())


async def list_stops(session: AsyncSession, *, block_id: UUID, on: date) -> list[StopPlace]:
    """Stops of a block on a day in stop order; one statement, no personal data."""
    rows = await session.execute(
        select(
            AddressBlock.customer_id,
            AddressBlock.address_id,
            AddressBlock.stop_no,
            AddressVersion.district,
            AddressVersion.street,
            AddressVersion.house_no,
            AddressVersion.compound,
        )
        .join(
            Address,
            (Address.customer_id == AddressBlock.customer_id)
            & (Address.address_id == AddressBlock.address_id),
        )
        .join(
            AddressVersion,
            (AddressVersion.customer_id == Address.customer_id)
            & (AddressVersion.address_version_id == Address.current_version_id),
        )
        .where(AddressBlock.block_id == block_id, AddressBlock.valid.contains(on))
        .order_by(AddressBlock.stop_no, AddressBlock.customer_id, AddressBlock.address_id)
    )
    return [StopPlace(**row) for row in rows.mappings()]


async def lock_stops(session: AsyncSession, *, block_id: UUID, on: date) -> set[tuple[UUID, UUID]]:
    """(customer id, address id) of a block's stops on a day, locked in key order."""
    rows = await session.execute(
        select(AddressBlock.customer_id, AddressBlock.address_id)
        .where(AddressBlock.block_id == block_id, AddressBlock.valid.contains(on))
        .order_by(AddressBlock.customer_id, AddressBlock.address_id)
        .with_for_update()
    )
    return {(row.customer_id, row.address_id) for row in rows}


async def renumber_stops(
    session: AsyncSession, *, block_id: UUID, order: Sequence[tuple[UUID, UUID]], on: date
) -> None:
    """Give locked stops of a block this order, in one statement."""
    await session.execute(
        text(_RENUMBER),
        {
            "customers": [customer_id for customer_id, _ in order],
            "addresses": [address_id for _, address_id in order],
            "block": block_id,
            "on": on,
        },
    )
