"""Accounts of customers: one per phone."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import Unavailable
from app.core.events import publish
from app.core.ids import new_id
from app.core.runtime import keys
from app.identity import repository
from app.identity.events import CustomerAccountOpened
from app.identity.rules import normalise_phone

_ROUNDS = 3


def phone_index(phone: str) -> bytes:
    """Blind index of a phone, however it is written; raises PhoneInvalid."""
    return keys().blind_index("phone", normalise_phone(phone))


async def find_account(session: AsyncSession, *, phone: str) -> UUID | None:
    """The customer whose phone this is; raises PhoneInvalid."""
    index = phone_index(phone)
    return (await repository.find_phone_accounts(session, [index])).get(index)


async def find_or_open_account(
    session: AsyncSession, *, phone: str, now: datetime
) -> tuple[UUID, bool]:
    """The phone's account, and whether it was opened here; two at once open one.

    The account cannot be closed before this transaction ends. Publishes CustomerAccountOpened.
    Raises PhoneInvalid.
    """
    index = phone_index(phone)
    for _ in range(_ROUNDS):
        found = await repository.find_phone_accounts(session, [index], hold=True)
        if index in found:
            return found[index], False
        opened = await repository.insert_phone_accounts(session, {index: new_id()})
        if index in opened:
            event = CustomerAccountOpened(opened[index], normalise_phone(phone), now)
            await publish(session, event)
            return opened[index], True
    raise Unavailable


async def find_or_open_accounts(
    session: AsyncSession, *, phones: Collection[str]
) -> dict[str, UUID]:
    """Accounts of many normalised phones in two statements, for imports.

    Publishes nothing: the caller makes sure that each account has its customer.
    Raises PhoneInvalid.
    """
    indexes = {phone: phone_index(phone) for phone in phones}
    if not indexes:
        return {}
    known = await repository.insert_phone_accounts(
        session, {index: new_id() for index in indexes.values()}
    )
    missing = [index for index in indexes.values() if index not in known]
    if missing:
        known |= await repository.find_phone_accounts(session, sorted(missing), hold=True)
    if not all(index in known for index in indexes.values()):
        raise Unavailable
    return {phone: known[index] for phone, index in indexes.items()}


async def close_account(session: AsyncSession, *, customer_id: UUID, phone: str) -> None:
    """Free the phone and end every session; nobody can log in to this account again."""
    await repository.delete_phone_account(
        session, phone_index=phone_index(phone), account_id=customer_id
    )
    await repository.delete_sessions(session, account_id=customer_id)
