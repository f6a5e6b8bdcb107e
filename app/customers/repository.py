"""All SQL of customers."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Row,
    Uuid,
    any_,
    bindparam,
    case,
    column,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.bulk import as_row
from app.core.db import fetch
from app.customers.models import (
    Address,
    AddressVersion,
    BookNumber,
    Consent,
    ConsentPurpose,
    Customer,
    PrivacyText,
)

_UUIDS = ARRAY(Uuid)

# -- customers


async def insert_customers(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add customers; those that exist already stay as they are."""
    await session.execute(upsert(Customer).on_conflict_do_nothing(), list(rows))


_PHONES = "SELECT customer_id, phone_sealed FROM customers WHERE customer_id = ANY($1::uuid[])"


async def list_phones(session: AsyncSession, customer_ids: Collection[UUID]) -> dict[UUID, bytes]:
    """The sealed phones of customers."""
    found = await fetch(session, _PHONES, sorted(customer_ids))
    return dict(found)


async def list_known(
    session: AsyncSession, customer_ids: Collection[UUID]
) -> dict[UUID, bytes | None]:
    """Which of these exist, with their sealed names."""
    rows = await session.execute(
        select(Customer.customer_id, Customer.name_sealed).where(
            Customer.customer_id == any_(literal(sorted(customer_ids), _UUIDS))
        )
    )
    return {row.customer_id: row.name_sealed for row in rows}


async def fill_names(session: AsyncSession, names: Mapping[UUID, bytes]) -> None:
    """Give names to customers that have none."""
    if not names:
        return
    table = Customer.__table__
    await (await session.connection()).execute(
        update(Customer)
        .where(table.c.customer_id == bindparam("whose"), table.c.name_sealed.is_(None))
        .values(name_sealed=bindparam("name")),
        [{"whose": whose, "name": name} for whose, name in sorted(names.items())],
    )


async def find_customer(session: AsyncSession, customer_id: UUID) -> Customer | None:
    """A customer that was not erased."""
    found: Customer | None = await session.scalar(
        select(Customer).where(Customer.customer_id == customer_id, Customer.erased_at.is_(None))
    )
    return found


async def lock_customer(session: AsyncSession, customer_id: UUID) -> Customer | None:
    """The same, held until the transaction ends."""
    found: Customer | None = await session.scalar(
        select(Customer)
        .where(Customer.customer_id == customer_id, Customer.erased_at.is_(None))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return found


async def delete_book_numbers(session: AsyncSession, customer_id: UUID) -> None:
    """Cut the link to the operator's paper book."""
    await session.execute(delete(BookNumber).where(BookNumber.customer_id == customer_id))


# -- addresses


async def insert_addresses(
    session: AsyncSession,
    addresses: Sequence[Mapping[str, Any]],
    versions: Sequence[Mapping[str, Any]],
) -> None:
    """Add addresses with their first versions."""
    await session.execute(insert(Address), list(addresses))
    await session.execute(insert(AddressVersion), list(versions))


async def count_addresses(session: AsyncSession, customer_id: UUID) -> int:
    """How many addresses are not removed."""
    return int(
        await session.scalar(
            select(func.count())
            .select_from(Address)
            .where(Address.customer_id == customer_id, Address.removed_at.is_(None))
        )
        or 0
    )


async def list_current_versions(session: AsyncSession, customer_id: UUID) -> list[AddressVersion]:
    """What the customer's addresses say now, oldest address first."""
    return list(
        await session.scalars(
            select(AddressVersion)
            .join(
                Address,
                (Address.customer_id == AddressVersion.customer_id)
                & (Address.current_version_id == AddressVersion.address_version_id),
            )
            .where(Address.customer_id == customer_id, Address.removed_at.is_(None))
            .order_by(Address.address_id)
        )
    )


async def list_versions(session: AsyncSession, customer_id: UUID) -> list[AddressVersion]:
    """Everything that was ever written for the customer's doors, oldest first."""
    return list(
        await session.scalars(
            select(AddressVersion)
            .where(AddressVersion.customer_id == customer_id)
            .order_by(AddressVersion.address_version_id)
        )
    )


_CURRENT_VERSION = """
SELECT v.* FROM addresses a
JOIN address_versions v
    ON v.customer_id = a.customer_id AND v.address_version_id = a.current_version_id
WHERE a.customer_id = $1 AND a.address_id = $2 AND ($3 OR a.removed_at IS NULL)
"""


async def find_current_version(
    session: AsyncSession, *, customer_id: UUID, address_id: UUID, include_removed: bool
) -> AddressVersion | None:
    """What an address says now."""
    found = await fetch(session, _CURRENT_VERSION, customer_id, address_id, include_removed)
    return as_row(AddressVersion, found[0]) if found else None


async def find_version_as_of(
    session: AsyncSession, *, customer_id: UUID, address_id: UUID, at: datetime
) -> AddressVersion | None:
    """The last version written by an instant, else the first ever."""
    by_then = AddressVersion.created_at <= at
    found: AddressVersion | None = await session.scalar(
        select(AddressVersion)
        .where(AddressVersion.customer_id == customer_id, AddressVersion.address_id == address_id)
        .order_by(
            by_then.desc(),
            case((by_then, AddressVersion.created_at)).desc().nulls_last(),
            AddressVersion.created_at,
            AddressVersion.address_version_id,
        )
        .limit(1)
    )
    return found


async def lock_address(
    session: AsyncSession, *, customer_id: UUID, address_id: UUID
) -> Address | None:
    """An address that is not removed, held until the transaction ends."""
    found: Address | None = await session.scalar(
        select(Address)
        .where(
            Address.customer_id == customer_id,
            Address.address_id == address_id,
            Address.removed_at.is_(None),
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return found


async def get_version(
    session: AsyncSession, *, customer_id: UUID, address_version_id: UUID
) -> AddressVersion:
    """A version that is known to exist."""
    return await session.get_one(AddressVersion, (customer_id, address_version_id))


async def list_doors(
    session: AsyncSession, pairs: Collection[tuple[UUID, UUID]]
) -> Sequence[Row[UUID, bytes, bytes, bytes, bytes | None]]:
    """Sealed door fields of many versions, each named by its customer and id."""
    wanted = (
        func.unnest(
            literal([customer_id for customer_id, _ in pairs], _UUIDS),
            literal([version_id for _, version_id in pairs], _UUIDS),
        )
        .table_valued(column("customer_id", Uuid), column("version_id", Uuid))
        .render_derived()
    )
    rows = await session.execute(
        select(
            AddressVersion.address_version_id,
            AddressVersion.door_sealed,
            AddressVersion.recipient_sealed,
            AddressVersion.phone_sealed,
            AddressVersion.note_sealed,
        ).join(
            wanted,
            (wanted.c.customer_id == AddressVersion.customer_id)
            & (wanted.c.version_id == AddressVersion.address_version_id),
        )
    )
    return rows.all()


async def blank_addresses(session: AsyncSession, *, customer_id: UUID, at: datetime) -> None:
    """Erasure: nothing below the street's district stays, every seal is emptied."""
    await session.execute(
        update(AddressVersion)
        .where(AddressVersion.customer_id == customer_id)
        .values(
            street="",
            house_no="",
            compound="",
            longitude=None,
            latitude=None,
            door_sealed=b"",
            recipient_sealed=b"",
            phone_sealed=b"",
            note_sealed=None,
        )
    )
    await session.execute(
        update(Address)
        .where(Address.customer_id == customer_id, Address.removed_at.is_(None))
        .values(removed_at=at)
    )


# -- consents


async def list_current_texts(session: AsyncSession, *, on: date) -> list[PrivacyText]:
    """The text in force for each purpose."""
    return list(
        await session.scalars(
            select(PrivacyText)
            .where(PrivacyText.effective_date <= on)
            .order_by(
                PrivacyText.purpose, PrivacyText.effective_date.desc(), PrivacyText.version.desc()
            )
            .ext(distinct_on(PrivacyText.purpose))
        )
    )


async def find_current_text(
    session: AsyncSession, *, purpose: ConsentPurpose, on: date
) -> PrivacyText | None:
    """The text in force for one purpose."""
    found: PrivacyText | None = await session.scalar(
        select(PrivacyText)
        .where(PrivacyText.purpose == purpose, PrivacyText.effective_date <= on)
        .order_by(PrivacyText.effective_date.desc(), PrivacyText.version.desc())
        .limit(1)
    )
    return found


async def insert_text(session: AsyncSession, values: Mapping[str, Any]) -> bool:
    """Publish a text; false when the version exists."""
    added = await session.scalar(
        upsert(PrivacyText).values(**values).on_conflict_do_nothing().returning(PrivacyText.version)
    )
    return added is not None


async def list_consents(session: AsyncSession, customer_id: UUID) -> list[Consent]:
    """Everything the customer ever agreed to or withdrew, oldest first."""
    return list(
        await session.scalars(
            select(Consent).where(Consent.customer_id == customer_id).order_by(Consent.consent_id)
        )
    )


async def find_last_consent(
    session: AsyncSession, *, customer_id: UUID, purpose: ConsentPurpose
) -> Consent | None:
    """What the customer said last about one purpose."""
    found: Consent | None = await session.scalar(
        select(Consent)
        .where(Consent.customer_id == customer_id, Consent.purpose == purpose)
        .order_by(Consent.consent_id.desc())
        .limit(1)
    )
    return found
