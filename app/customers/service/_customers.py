"""Who the customers are and how to reach them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.crypto import Cell
from app.core.runtime import keys
from app.customers import repository
from app.customers.errors import CustomerUnknown
from app.customers.models import Customer, CustomerKind
from app.customers.rules import mask_name
from app.identity import service as identity
from app.identity.access import Principal
from app.identity.rules import normalise_phone


@dataclass(frozen=True, slots=True)
class NewCustomer:
    """A person or school to find by phone, or to write down for the first time."""

    phone: str = field(repr=False)
    name: str | None = field(default=None, repr=False)
    kind: CustomerKind = CustomerKind.HOUSEHOLD
    heard_from: str | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """A customer in full: for the customer, or masked before anyone else sees it."""

    customer_id: UUID
    kind: CustomerKind
    name: str | None = field(repr=False)
    phone: str = field(repr=False)
    heard_from: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Contact:
    """Name and phone in full, after an entry in the access log."""

    name: str | None = field(repr=False)
    phone: str = field(repr=False)


class ProfileChanges(TypedDict, total=False):
    """What a customer may change of the own profile."""

    name: str
    heard_from: str | None


def _seal(column: str, customer_id: UUID, plain: str) -> bytes:
    return keys().seal(plain, Cell("customers", column, customer_id))


def _open(column: str, customer_id: UUID, sealed: bytes) -> str:
    return keys().open(sealed, Cell("customers", column, customer_id))


def _row(customer_id: UUID, person: NewCustomer, *, now: datetime) -> dict[str, object]:
    phone = normalise_phone(person.phone)
    name = person.name.strip() if person.name else ""
    return {
        "customer_id": customer_id,
        "kind": person.kind,
        "name_sealed": _seal("name", customer_id, name) if name else None,
        "phone_sealed": _seal("phone", customer_id, phone),
        "phone_tail": phone[-2:],
        "created_at": now,
        "heard_from": person.heard_from,
    }


async def add_customer(
    session: AsyncSession, *, customer_id: UUID, phone: str, now: datetime
) -> None:
    """The customer of an account that was just opened; harmless when there already."""
    await repository.insert_customers(
        session, [_row(customer_id, NewCustomer(phone=phone), now=now)]
    )


async def ensure_customer(
    session: AsyncSession,
    *,
    phone: str,
    name: str | None,
    kind: CustomerKind = CustomerKind.HOUSEHOLD,
    now: datetime,
    heard_from: str | None = None,
) -> UUID:
    """The customer with this phone, opened when new; a missing name is filled in.

    Two at once get one customer. Raises PhoneInvalid. (S1 4.2.1)
    """
    person = NewCustomer(phone=phone, name=name, kind=kind, heard_from=heard_from)
    return (await ensure_customers(session, people=[person], now=now))[0]


async def ensure_customers(
    session: AsyncSession, *, people: Sequence[NewCustomer], now: datetime
) -> list[UUID]:
    """The same for many, in a fixed number of statements; ids in the order of `people`.

    People with one phone are one customer: the first name counts. Raises PhoneInvalid.
    """
    phones = [normalise_phone(person.phone) for person in people]
    accounts = await identity.find_or_open_accounts(session, phones=dict.fromkeys(phones))
    ids = [accounts[phone] for phone in phones]
    by_id: dict[UUID, NewCustomer] = {}
    for customer_id, person in zip(ids, people, strict=True):
        if customer_id not in by_id or (person.name and not by_id[customer_id].name):
            by_id[customer_id] = person
    known = await repository.list_known(session, by_id) if by_id else {}
    fresh = [
        _row(customer_id, person, now=now)
        for customer_id, person in by_id.items()
        if customer_id not in known
    ]
    if fresh:
        await repository.insert_customers(session, fresh)
    names = {
        customer_id: _seal("name", customer_id, person.name)
        for customer_id, person in by_id.items()
        if person.name and customer_id in known and known[customer_id] is None
    }
    await repository.fill_names(session, names)
    return ids


async def _get(session: AsyncSession, customer_id: UUID) -> Customer:
    customer = await repository.find_customer(session, customer_id)
    if customer is None:
        raise CustomerUnknown
    return customer


def profile_of(customer: Customer) -> Profile:
    """A row with its seals opened."""
    customer_id = customer.customer_id
    sealed = customer.name_sealed
    return Profile(
        customer_id=customer_id,
        kind=CustomerKind(customer.kind),
        name=_open("name", customer_id, sealed) if sealed else None,
        phone=_open("phone", customer_id, customer.phone_sealed),
        heard_from=customer.heard_from,
        created_at=customer.created_at,
    )


async def get_profile(session: AsyncSession, *, customer_id: UUID) -> Profile:
    """A customer in full; raises CustomerUnknown. Callers mask it for everybody else."""
    return profile_of(await _get(session, customer_id))


async def change_profile(
    session: AsyncSession, *, customer_id: UUID, changes: ProfileChanges
) -> Profile:
    """Change the own name or where one heard of us; raises CustomerUnknown."""
    customer = await repository.lock_customer(session, customer_id)
    if customer is None:
        raise CustomerUnknown
    if "name" in changes:
        customer.name_sealed = _seal("name", customer_id, changes["name"])
    if "heard_from" in changes:
        customer.heard_from = changes["heard_from"]
    await session.flush()
    return profile_of(customer)


async def find_by_phone(session: AsyncSession, *, phone: str) -> Profile | None:
    """The customer with exactly this phone; raises PhoneInvalid."""
    customer_id = await identity.find_account(session, phone=phone)
    if customer_id is None:
        return None
    customer = await repository.find_customer(session, customer_id)
    return None if customer is None else profile_of(customer)


async def open_contact(
    session: AsyncSession, *, caller: Principal, customer_id: UUID, reason: str, now: datetime
) -> Contact:
    """Name and phone in full for staff, with an entry in the access log.

    Raises CustomerUnknown.
    """
    profile = await get_profile(session, customer_id=customer_id)
    await identity.log_access(
        session,
        caller=caller,
        customer_id=customer_id,
        subject="contact",
        reason=reason,
        now=now,
    )
    return Contact(name=profile.name, phone=profile.phone)


async def contact_phone(session: AsyncSession, *, customer_id: UUID) -> str:
    """The phone in full, for sending messages; raises CustomerUnknown."""
    sealed = (await repository.list_phones(session, [customer_id])).get(customer_id)
    if not sealed:
        raise CustomerUnknown
    return _open("phone", customer_id, sealed)


async def contact_phones(
    session: AsyncSession, *, customer_ids: Collection[UUID]
) -> dict[UUID, str]:
    """As `contact_phone` for many customers in one statement; unknown ones are left out."""
    found = await repository.list_phones(session, customer_ids)
    return {one: _open("phone", one, sealed) for one, sealed in found.items() if sealed}


async def display_name(session: AsyncSession, *, customer_id: UUID) -> str:
    """The name as others see it: 王**; raises CustomerUnknown."""
    customer = await _get(session, customer_id)
    sealed = customer.name_sealed
    return mask_name(_open("name", customer_id, sealed) if sealed else None)


async def customer_kind(session: AsyncSession, *, customer_id: UUID) -> CustomerKind:
    """Household or school; raises CustomerUnknown."""
    return CustomerKind((await _get(session, customer_id)).kind)
