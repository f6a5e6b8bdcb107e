"""Households of a book: customers by number or phone, their addresses, as rows to copy."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.bulk import copy_rows, insert_missing
from app.core.crypto import Cell, KeyRing
from app.core.ids import new_id
from app.customers.models import Address, AddressVersion, BookNumber, Customer, CustomerKind
from app.identity.models import PhoneAccount
from app.identity.rules import normalise_phone
from app.orders.book.rows import BookRow
from app.orders.importing.matching import MatchedRow

NO_DOOR = "—"


@dataclass
class Batch:
    """Rows of each table, in the order they are written."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def add(self, table: str, **values: Any) -> None:
        """One row."""
        self.rows.setdefault(table, []).append(values)

    async def write(self, session: AsyncSession, tables: Iterable[str]) -> None:
        """COPY every table's rows."""
        for table in tables:
            found = self.rows.get(table)
            if not found:
                continue
            columns = list(found[0])
            await copy_rows(
                session, table, columns, ([row[name] for name in columns] for row in found)
            )


@dataclass(frozen=True, slots=True)
class Home:
    """A customer's address as the batch knows it."""

    customer_id: UUID
    address_id: UUID
    address_version_id: UUID


@dataclass(frozen=True)
class People:
    """Finds or makes the customers and addresses of a batch."""

    keys: KeyRing
    city_code: str
    now: datetime

    async def customers(
        self, session: AsyncSession, batch: Batch, rows: Sequence[MatchedRow]
    ) -> dict[str, UUID]:
        """Customer of each 订户编号: known by number, else by phone, else new."""
        by_number: dict[str, BookRow] = {}
        for matched in rows:
            by_number.setdefault(matched.row.customer_no, matched.row)
        known = await session.execute(
            select(BookNumber.number, BookNumber.customer_id).where(
                BookNumber.number.in_(by_number)
            )
        )
        customers = {row.number: row.customer_id for row in known}
        missing = {number: row for number, row in by_number.items() if number not in customers}
        if not missing:
            return customers
        index_of = {
            number: self.keys.blind_index("phone", normalise_phone(row.phone))
            for number, row in missing.items()
        }
        accounts = await self._accounts(session, set(index_of.values()))
        for number, row in missing.items():
            customer_id, is_new = accounts[index_of[number]]
            customers[number] = customer_id
            if is_new:
                accounts[index_of[number]] = (customer_id, False)
                self._customer(batch, customer_id, row)
        await insert_missing(
            session,
            BookNumber.__tablename__,
            {"number": "text", "customer_id": "uuid"},
            [(number, customers[number]) for number in missing],
        )
        return customers

    @staticmethod
    async def _accounts(
        session: AsyncSession, indexes: set[bytes]
    ) -> dict[bytes, tuple[UUID, bool]]:
        ordered = sorted(indexes)
        made = {index: new_id() for index in ordered}
        added = await insert_missing(
            session,
            PhoneAccount.__tablename__,
            {"phone_index": "bytea", "account_id": "uuid"},
            list(made.items()),
        )
        accounts = {index: (made[index], True) for index in added}
        rest = [index for index in ordered if index not in accounts]
        if rest:
            there = await session.execute(
                select(PhoneAccount.phone_index, PhoneAccount.account_id).where(
                    PhoneAccount.phone_index.in_(rest)
                )
            )
            accounts |= {index: (account_id, False) for index, account_id in there}
        return accounts

    def _customer(self, batch: Batch, customer_id: UUID, row: BookRow) -> None:
        batch.add(
            Customer.__tablename__,
            customer_id=customer_id,
            kind=CustomerKind.HOUSEHOLD.value,
            name_sealed=self._seal("customers", "name", customer_id, row.name),
            phone_sealed=self._seal("customers", "phone", customer_id, row.phone),
            phone_tail=row.phone[-2:],
            created_at=self.now,
            heard_from="book",
        )

    async def homes(
        self,
        session: AsyncSession,
        batch: Batch,
        rows: Sequence[MatchedRow],
        customers: dict[str, UUID],
    ) -> dict[tuple[str, str], Home]:
        """The address of each row: one the customer has already, else a new one."""
        known = await self._known_homes(session, set(customers.values()))
        homes: dict[tuple[str, str], Home] = {}
        for row in rows:
            key = address_key(row.row)
            if key in homes:
                continue
            customer_id = customers[row.row.customer_no]
            parts = row.parts
            door = (parts.district, parts.street, parts.house_no, parts.compound, parts.door)
            home = known.get((customer_id, door))
            if home is None:
                home = Home(customer_id, new_id(), new_id())
                known[customer_id, door] = home
                self._address(batch, home, row)
            homes[key] = home
        return homes

    async def _known_homes(
        self, session: AsyncSession, customers: set[UUID]
    ) -> dict[tuple[UUID, tuple[str, ...]], Home]:
        rows = await session.scalars(
            select(AddressVersion)
            .join(
                Address,
                (Address.customer_id == AddressVersion.customer_id)
                & (Address.current_version_id == AddressVersion.address_version_id),
            )
            .where(Address.customer_id.in_(customers), Address.removed_at.is_(None))
        )
        homes: dict[tuple[UUID, tuple[str, ...]], Home] = {}
        for version in rows:
            cell = Cell("address_versions", "door", version.address_version_id)
            door = self.keys.open(version.door_sealed, cell)
            key = (version.district, version.street, version.house_no, version.compound, door)
            homes[version.customer_id, key] = Home(
                version.customer_id, version.address_id, version.address_version_id
            )
        return homes

    def _address(self, batch: Batch, home: Home, row: MatchedRow) -> None:
        batch.add(
            Address.__tablename__,
            customer_id=home.customer_id,
            address_id=home.address_id,
            current_version_id=home.address_version_id,
            created_at=self.now,
            removed_at=None,
        )

        def sealed(column: str, plain: str) -> bytes:
            return self._seal("address_versions", column, home.address_version_id, plain)

        note = _note(row.row)
        batch.add(
            AddressVersion.__tablename__,
            customer_id=home.customer_id,
            address_version_id=home.address_version_id,
            address_id=home.address_id,
            city_code=self.city_code,
            district=row.parts.district,
            street=row.parts.street,
            house_no=row.parts.house_no,
            compound=row.parts.compound,
            longitude=None,
            latitude=None,
            door_sealed=sealed("door", row.parts.door or NO_DOOR),
            recipient_sealed=sealed("recipient", row.row.name),
            phone_sealed=sealed("phone", row.row.alt_phone or row.row.phone),
            note_sealed=sealed("note", note) if note else None,
            created_at=self.now,
        )

    def _seal(self, table: str, column: str, row_id: UUID, plain: str) -> bytes:
        return self.keys.seal(plain, Cell(table, column, row_id))


def address_key(row: BookRow) -> tuple[str, str]:
    """What tells two addresses of a book apart."""
    return row.customer_no, row.address


def _note(row: BookRow) -> str:
    parts = [row.remarks or "", *(f"{key}：{value}" for key, value in row.notes.items())]
    return "；".join(part for part in parts if part)[:500]
