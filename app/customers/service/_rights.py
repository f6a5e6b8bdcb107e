"""The customer's rights over the own data: a copy of it, and being forgotten."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import wall_now
from app.core.events import publish
from app.core.ids import public_pair, public_single
from app.customers import repository
from app.customers.errors import CustomerUnknown
from app.customers.events import CustomerErased, CustomerErasureAsked, CustomerExportAsked
from app.customers.service._addresses import own_address
from app.customers.service._customers import get_profile
from app.identity import service as identity
from app.identity.rules import Allowance

EXPORTS_A_DAY = 10


async def export_customer(session: AsyncSession, *, customer_id: UUID) -> dict[str, Any]:
    """Everything we hold about a customer, in full, as JSON values by domain.

    Other domains add theirs on CustomerExportAsked. Ten a day. Raises CustomerUnknown, Throttled.
    """
    limit = Allowance("export", str(customer_id), EXPORTS_A_DAY, timedelta(days=1))
    await identity.take(session, allowances=[limit], wall=wall_now())
    profile = await get_profile(session, customer_id=customer_id)
    versions = [own_address(row) for row in await repository.list_versions(session, customer_id)]
    consents = await repository.list_consents(session, customer_id)
    own: dict[str, Any] = {
        "profile": {
            "id": public_single("cus", customer_id),
            "kind": profile.kind.value,
            "name": profile.name,
            "phone": profile.phone,
            "heard_from": profile.heard_from,
            "created_at": profile.created_at.isoformat(),
        },
        "addresses": [
            {
                "address_id": public_pair("adr", customer_id, version.building.address_id),
                "written_at": version.written_at.isoformat(),
                "city_code": version.building.city_code,
                "district": version.building.district,
                "street": version.building.street,
                "house_no": version.building.house_no,
                "compound": version.building.compound,
                "longitude": version.building.longitude,
                "latitude": version.building.latitude,
                "door": version.details.door,
                "recipient": version.details.recipient,
                "phone": version.details.phone,
                "note": version.details.note,
            }
            for version in versions
        ],
        "consents": [
            {
                "purpose": row.purpose,
                "text_version": row.text_version,
                "given": row.given,
                "channel": row.channel,
                "at": row.at.isoformat(),
            }
            for row in consents
        ],
    }
    event = CustomerExportAsked(customer_id)
    await publish(session, event)
    return own | event.parts


async def erase_customer(session: AsyncSession, *, customer_id: UUID, now: datetime) -> None:
    """Forget a person: seals emptied, phone freed, sessions ended; the ledger keeps its pseudonym.

    Publishes CustomerErasureAsked, whose handlers refuse while something is open, then
    CustomerErased. Raises CustomerUnknown, AccountInUse.
    """
    phone = (await get_profile(session, customer_id=customer_id)).phone
    # the phone's account is locked before its customer, as everywhere
    await identity.close_account(session, customer_id=customer_id, phone=phone)
    customer = await repository.lock_customer(session, customer_id)
    if customer is None:
        raise CustomerUnknown
    await publish(session, CustomerErasureAsked(customer_id, now))
    customer.name_sealed = None
    customer.phone_sealed = b""
    customer.phone_tail = ""
    customer.heard_from = None
    customer.erased_at = now
    await session.flush()
    await repository.blank_addresses(session, customer_id=customer_id, at=now)
    await repository.delete_book_numbers(session, customer_id)
    await identity.record_security_event(
        session, kind="customer_erased", facts=f"customer={customer_id}"
    )
    await publish(session, CustomerErased(customer_id, now))
