"""JSON endpoints of customers: one's own data, and the masked view of staff.

Answers that are kept for a repeated request carry no personal data.
"""

from typing import Annotated
from uuid import UUID

from fastapi import Depends

from app.core.clock import local_date
from app.core.db import SessionDep
from app.core.idempotency import IdempotentDep
from app.core.ids import public_single, read_pair, read_single
from app.core.pagination import Page
from app.core.unit import Router
from app.customers import service
from app.customers.errors import AddressUnknown
from app.customers.schemas import (
    AddressIn,
    AddressOut,
    AddressPatch,
    BuildingOut,
    ConsentIn,
    Consents,
    CustomerDetailOut,
    CustomerOut,
    Customers,
    ExportOut,
    MeOut,
    MePatch,
    PrivacyTextIn,
    PrivacyTextOut,
    PrivacyTexts,
    RevealIn,
    RevealOut,
    SearchIn,
)
from app.identity.access import OPEN, Allow, ClockDep, CustomerCaller, Principal
from app.identity.models import Role

router = Router(tags=["customers"])

Desk = Annotated[
    Principal, Depends(Allow(Role.SERVICE_AGENT, Role.REVIEWER, Role.MANAGER, Role.ADMIN))
]
Opener = Annotated[Principal, Depends(Allow(Role.SERVICE_AGENT, Role.REVIEWER, Role.MANAGER))]
Editor = Annotated[Principal, Depends(Allow(Role.MANAGER, Role.ADMIN))]


def _own_address_id(caller: Principal, text: str) -> UUID:
    customer_id, address_id = read_pair("adr", text)
    if customer_id != caller.customer_id:
        raise AddressUnknown
    return address_id


@router.get("/me")
async def get_me(caller: CustomerCaller, session: SessionDep) -> MeOut:
    """The own profile, in full."""
    return MeOut.of(await service.get_profile(session, customer_id=caller.customer_id))


@router.patch("/me")
async def change_me(caller: CustomerCaller, body: MePatch, session: SessionDep) -> MeOut:
    """Change the own name, or where one heard of us."""
    profile = await service.change_profile(
        session, customer_id=caller.customer_id, changes=body.changes()
    )
    return MeOut.of(profile)


@router.delete("/me", status_code=204)
async def erase_me(caller: CustomerCaller, session: SessionDep, clock: ClockDep) -> None:
    """Close the account and forget the person; refused while an order runs or money is open."""
    await service.erase_customer(session, customer_id=caller.customer_id, now=clock.now())


@router.get("/me/export")
async def export_me(caller: CustomerCaller, session: SessionDep) -> ExportOut:
    """A copy of everything held about the caller; ten a day."""
    content = await service.export_customer(session, customer_id=caller.customer_id)
    return ExportOut.model_validate(content)


@router.get("/me/addresses")
async def list_my_addresses(caller: CustomerCaller, session: SessionDep) -> Page[AddressOut]:
    """The own addresses, oldest first."""
    found = await service.list_addresses(session, customer_id=caller.customer_id)
    return Page(items=[AddressOut.full(caller.customer_id, address) for address in found])


@router.post("/me/addresses", status_code=201, response_model=BuildingOut)
async def add_my_address(
    caller: CustomerCaller,
    call: IdempotentDep,
    body: AddressIn,
    session: SessionDep,
    clock: ClockDep,
) -> object:
    """Write down an address; answers its building."""
    ref = await service.add_address(
        session, customer_id=caller.customer_id, address=body.text(), now=clock.now()
    )
    place = await service.get_address(
        session, customer_id=caller.customer_id, address_id=ref.address_id
    )
    return await call.remember(session, 201, BuildingOut.of(caller.customer_id, place))


@router.get("/me/addresses/{address_id}")
async def get_my_address(
    caller: CustomerCaller, address_id: str, session: SessionDep
) -> AddressOut:
    """One of the own addresses."""
    found = await service.get_own_address(
        session,
        customer_id=caller.customer_id,
        address_id=_own_address_id(caller, address_id),
    )
    return AddressOut.full(caller.customer_id, found)


@router.patch("/me/addresses/{address_id}")
async def change_my_address(
    caller: CustomerCaller,
    address_id: str,
    body: AddressPatch,
    session: SessionDep,
    clock: ClockDep,
) -> AddressOut:
    """Write a new version of what stands at the door; another building is another address."""
    ref = await service.change_address(
        session,
        customer_id=caller.customer_id,
        address_id=_own_address_id(caller, address_id),
        changes=body.changes(),
        now=clock.now(),
    )
    found = await service.get_own_address(
        session, customer_id=caller.customer_id, address_id=ref.address_id
    )
    return AddressOut.full(caller.customer_id, found)


@router.delete("/me/addresses/{address_id}", status_code=204)
async def remove_my_address(
    caller: CustomerCaller, address_id: str, session: SessionDep, clock: ClockDep
) -> None:
    """Take an address off the list; refused while something is delivered there."""
    await service.remove_address(
        session,
        customer_id=caller.customer_id,
        address_id=_own_address_id(caller, address_id),
        now=clock.now(),
    )


@router.get("/me/consents")
async def list_my_consents(
    caller: CustomerCaller, session: SessionDep, clock: ClockDep
) -> Consents:
    """Where the caller stands on every purpose."""
    states = await service.list_consents(
        session, customer_id=caller.customer_id, on=local_date(clock.now())
    )
    return Consents.of(states)


@router.post("/me/consents", status_code=201, response_model=Consents)
async def say_consent(
    caller: CustomerCaller,
    call: IdempotentDep,
    body: ConsentIn,
    session: SessionDep,
    clock: ClockDep,
) -> object:
    """Give a consent to the text in force, or withdraw it."""
    now = clock.now()
    today = local_date(now)
    await service.record_consent(
        session,
        customer_id=caller.customer_id,
        purpose=body.purpose,
        given=body.given,
        text_version=body.text_version,
        channel=body.channel,
        now=now,
        today=today,
    )
    states = await service.list_consents(session, customer_id=caller.customer_id, on=today)
    return await call.remember(session, 201, Consents.of(states))


@router.get("/privacy-texts", dependencies=[OPEN])
async def list_privacy_texts(session: SessionDep, clock: ClockDep) -> PrivacyTexts:
    """The wording in force for each purpose."""
    texts = await service.list_privacy_texts(session, on=local_date(clock.now()))
    return PrivacyTexts(items=[PrivacyTextOut.model_validate(text) for text in texts])


@router.post("/privacy-texts", status_code=201, response_model=PrivacyTextOut)
async def add_privacy_text(
    _: Editor,
    call: IdempotentDep,
    body: PrivacyTextIn,
    session: SessionDep,
    clock: ClockDep,
) -> object:
    """Publish the next wording; what was published is never rewritten."""
    text = await service.add_privacy_text(
        session, **body.model_dump(), today=local_date(clock.now())
    )
    return await call.remember(session, 201, PrivacyTextOut.model_validate(text))


@router.post("/customers/search")
async def search_customers(_: Desk, body: SearchIn, session: SessionDep) -> Customers:
    """The customer with exactly this phone, masked. A POST keeps the phone out of addresses."""
    found = await service.find_by_phone(session, phone=body.phone)
    return Customers(items=[] if found is None else [CustomerOut.of(found)])


@router.get("/customers/{customer_id}")
async def get_customer(_: Desk, customer_id: str, session: SessionDep) -> CustomerDetailOut:
    """A customer, masked, with addresses down to the building."""
    plain_id = read_single("cus", customer_id)
    shown = CustomerOut.of(await service.get_profile(session, customer_id=plain_id))
    addresses = await service.list_addresses(session, customer_id=plain_id)
    return CustomerDetailOut(
        **shown.model_dump(),
        addresses=[BuildingOut.of(plain_id, address.building) for address in addresses],
    )


@router.post("/customers/{customer_id}/reveal")
async def reveal_customer(
    caller: Opener, customer_id: str, body: RevealIn, session: SessionDep, clock: ClockDep
) -> RevealOut:
    """Name, phone and addresses in full; who looked and why is kept."""
    plain_id = read_single("cus", customer_id)
    contact = await service.open_contact(
        session, caller=caller, customer_id=plain_id, reason=body.reason, now=clock.now()
    )
    addresses = await service.list_addresses(session, customer_id=plain_id)
    return RevealOut(
        id=public_single("cus", plain_id),
        name=contact.name,
        phone=contact.phone,
        addresses=[AddressOut.full(plain_id, address) for address in addresses],
    )
