"""Where customers live: addresses and their immutable versions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.crypto import Cell
from app.core.events import publish
from app.core.ids import new_id
from app.core.runtime import keys
from app.customers import repository
from app.customers.errors import AddressUnknown, CustomerUnknown, TooManyAddresses
from app.customers.events import AddressChanged, AddressRemovalAsked
from app.customers.models import AddressVersion
from app.customers.rules import MAX_ADDRESSES
from app.identity.rules import normalise_phone


@dataclass(frozen=True, slots=True)
class AddressText:
    """An address as the customer says it; coordinates in WGS 84 degrees."""

    city_code: str
    district: str
    street: str
    house_no: str
    compound: str
    longitude: float | None
    latitude: float | None
    door: str = field(repr=False)
    recipient: str = field(repr=False)
    phone: str = field(repr=False)
    note: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class AddressRef:
    """An address and the version that was just written."""

    address_id: UUID
    address_version_id: UUID


@dataclass(frozen=True, slots=True)
class Building:
    """The plain part of an address: for coverage, stop order and scanning."""

    address_id: UUID
    address_version_id: UUID
    city_code: str
    district: str
    street: str
    house_no: str
    compound: str
    longitude: float | None
    latitude: float | None


@dataclass(frozen=True, slots=True)
class DoorDetails:
    """The sealed part of an address, opened; empty after an erasure."""

    door: str = field(repr=False)
    recipient: str = field(repr=False)
    phone: str = field(repr=False)
    note: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class OwnAddress:
    """A whole address, for its customer or after an entry in the access log."""

    building: Building
    details: DoorDetails
    written_at: datetime


class DoorChanges(TypedDict, total=False):
    """What a new version may say differently; another building is another address."""

    door: str
    recipient: str
    phone: str
    note: str | None


def _seal(column: str, version_id: UUID, plain: str) -> bytes:
    return keys().seal(plain, Cell("address_versions", column, version_id))


def _open(column: str, version_id: UUID, sealed: bytes) -> str:
    if not sealed:
        return ""
    return keys().open(sealed, Cell("address_versions", column, version_id))


def _sealed_fields(version_id: UUID, details: DoorDetails) -> dict[str, bytes | None]:
    return {
        "door_sealed": _seal("door", version_id, details.door),
        "recipient_sealed": _seal("recipient", version_id, details.recipient),
        "phone_sealed": _seal("phone", version_id, normalise_phone(details.phone)),
        "note_sealed": _seal("note", version_id, details.note) if details.note else None,
    }


def _building(version: AddressVersion) -> Building:
    return Building(
        address_id=version.address_id,
        address_version_id=version.address_version_id,
        city_code=version.city_code,
        district=version.district,
        street=version.street,
        house_no=version.house_no,
        compound=version.compound,
        longitude=version.longitude,
        latitude=version.latitude,
    )


def _details(
    version_id: UUID, *, door: bytes, recipient: bytes, phone: bytes, note: bytes | None
) -> DoorDetails:
    return DoorDetails(
        door=_open("door", version_id, door),
        recipient=_open("recipient", version_id, recipient),
        phone=_open("phone", version_id, phone),
        note=_open("note", version_id, note) if note else None,
    )


def own_address(version: AddressVersion) -> OwnAddress:
    """A version with its seals opened."""
    return OwnAddress(
        building=_building(version),
        details=_details(
            version.address_version_id,
            door=version.door_sealed,
            recipient=version.recipient_sealed,
            phone=version.phone_sealed,
            note=version.note_sealed,
        ),
        written_at=version.created_at,
    )


async def add_address(
    session: AsyncSession, *, customer_id: UUID, address: AddressText, now: datetime
) -> AddressRef:
    """Write down an address of a customer.

    Raises CustomerUnknown, TooManyAddresses, PhoneInvalid. (S1 4.2.1)
    """
    if await repository.lock_customer(session, customer_id) is None:
        raise CustomerUnknown
    if await repository.count_addresses(session, customer_id) >= MAX_ADDRESSES:
        raise TooManyAddresses(limit=MAX_ADDRESSES)
    return (await add_addresses(session, addresses=[(customer_id, address)], now=now))[0]


async def ensure_address(
    session: AsyncSession, *, customer_id: UUID, address: AddressText, now: datetime
) -> AddressRef:
    """The customer's address that says the same of the door, written down when there is none.

    Raises CustomerUnknown, TooManyAddresses, PhoneInvalid.
    """
    if await repository.lock_customer(session, customer_id) is None:
        raise CustomerUnknown
    wanted = _doorway(address, address.door)
    for version in await repository.list_current_versions(session, customer_id):
        door = _open("door", version.address_version_id, version.door_sealed)
        if _doorway(version, door) == wanted:
            return AddressRef(version.address_id, version.address_version_id)
    return await add_address(session, customer_id=customer_id, address=address, now=now)


def _doorway(place: AddressText | AddressVersion, door: str) -> tuple[str, ...]:
    return (place.city_code, place.district, place.street, place.house_no, place.compound, door)


async def add_addresses(
    session: AsyncSession, *, addresses: Sequence[tuple[UUID, AddressText]], now: datetime
) -> list[AddressRef]:
    """Write down addresses of many customers in two statements, in the order given.

    For imports: the customers exist and their number of addresses is not looked at.
    Raises PhoneInvalid.
    """
    if not addresses:
        return []
    refs = [AddressRef(new_id(), new_id()) for _ in addresses]
    rows = [
        {
            "customer_id": customer_id,
            "address_id": ref.address_id,
            "current_version_id": ref.address_version_id,
            "created_at": now,
        }
        for ref, (customer_id, _) in zip(refs, addresses, strict=True)
    ]
    versions = [
        _version_row(customer_id, ref, address, now=now)
        for ref, (customer_id, address) in zip(refs, addresses, strict=True)
    ]
    await repository.insert_addresses(session, rows, versions)
    return refs


def _version_row(
    customer_id: UUID, ref: AddressRef, address: AddressText, *, now: datetime
) -> dict[str, object]:
    details = DoorDetails(
        door=address.door, recipient=address.recipient, phone=address.phone, note=address.note
    )
    return {
        "customer_id": customer_id,
        "address_version_id": ref.address_version_id,
        "address_id": ref.address_id,
        "city_code": address.city_code,
        "district": address.district,
        "street": address.street,
        "house_no": address.house_no,
        "compound": address.compound,
        "longitude": address.longitude,
        "latitude": address.latitude,
        "created_at": now,
        **_sealed_fields(ref.address_version_id, details),
    }


async def change_address(
    session: AsyncSession,
    *,
    customer_id: UUID,
    address_id: UUID,
    changes: DoorChanges,
    now: datetime,
) -> AddressRef:
    """Write a new version of an address; the old one stays for what refers to it.

    Publishes AddressChanged. Raises AddressUnknown, PhoneInvalid.
    """
    address = await repository.lock_address(session, customer_id=customer_id, address_id=address_id)
    if address is None:
        raise AddressUnknown
    old = await repository.get_version(
        session, customer_id=customer_id, address_version_id=address.current_version_id
    )
    was = own_address(old).details
    details = DoorDetails(
        door=changes.get("door", was.door),
        recipient=changes.get("recipient", was.recipient),
        phone=changes.get("phone", was.phone),
        note=changes.get("note", was.note),
    )
    version_id = new_id()
    session.add(
        AddressVersion(
            customer_id=customer_id,
            address_version_id=version_id,
            address_id=address_id,
            city_code=old.city_code,
            district=old.district,
            street=old.street,
            house_no=old.house_no,
            compound=old.compound,
            longitude=old.longitude,
            latitude=old.latitude,
            created_at=now,
            **_sealed_fields(version_id, details),
        )
    )
    address.current_version_id = version_id
    await session.flush()
    await publish(
        session,
        AddressChanged(customer_id, address_id, old.address_version_id, version_id, now),
    )
    return AddressRef(address_id, version_id)


async def remove_address(
    session: AsyncSession, *, customer_id: UUID, address_id: UUID, now: datetime
) -> None:
    """Take an address off the customer's list; its versions stay for past deliveries.

    Publishes AddressRemovalAsked, whose handlers may refuse. Raises AddressUnknown, AddressInUse.
    """
    address = await repository.lock_address(session, customer_id=customer_id, address_id=address_id)
    if address is None:
        raise AddressUnknown
    await publish(session, AddressRemovalAsked(customer_id, address_id, now))
    address.removed_at = now
    await session.flush()


async def list_addresses(session: AsyncSession, *, customer_id: UUID) -> list[OwnAddress]:
    """The customer's addresses in full, oldest first."""
    versions = await repository.list_current_versions(session, customer_id)
    return [own_address(version) for version in versions]


async def get_own_address(
    session: AsyncSession, *, customer_id: UUID, address_id: UUID
) -> OwnAddress:
    """One address in full; raises AddressUnknown."""
    version = await repository.find_current_version(
        session, customer_id=customer_id, address_id=address_id, include_removed=False
    )
    if version is None:
        raise AddressUnknown
    return own_address(version)


async def get_address_as_of(
    session: AsyncSession, *, customer_id: UUID, address_id: UUID, at: datetime
) -> OwnAddress:
    """One address in full as it was written at an instant, removed since or not.

    One first written later, as behind an order taken at a door, is answered as it was first
    written. Raises AddressUnknown.
    """
    version = await repository.find_version_as_of(
        session, customer_id=customer_id, address_id=address_id, at=at
    )
    if version is None:
        raise AddressUnknown
    return own_address(version)


async def get_address(
    session: AsyncSession, *, customer_id: UUID, address_id: UUID, include_removed: bool = False
) -> Building:
    """The building of an address as it is written now; raises AddressUnknown.

    `include_removed` answers for addresses the customer has taken off the list since.
    """
    version = await repository.find_current_version(
        session,
        customer_id=customer_id,
        address_id=address_id,
        include_removed=include_removed,
    )
    if version is None:
        raise AddressUnknown
    return _building(version)


async def open_door_details(
    session: AsyncSession, *, pairs: Sequence[tuple[UUID, UUID]]
) -> dict[UUID, DoorDetails]:
    """Door, recipient, phone and note in full by address version, in one statement.

    `pairs` are (customer, address version). For the route sheet of the deliverer whose round it is;
    the caller keeps the access log (`identity.service.log_accesses`).
    """
    if not pairs:
        return {}
    return {
        row.address_version_id: _details(
            row.address_version_id,
            door=row.door_sealed,
            recipient=row.recipient_sealed,
            phone=row.phone_sealed,
            note=row.note_sealed,
        )
        for row in await repository.list_doors(session, pairs)
    }
