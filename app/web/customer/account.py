"""The household itself: its name, doors, consents, a copy of its data, and the way out."""

import json
from typing import Annotated

from fastapi import Form, Request
from starlette.responses import Response

from app.core.db import SessionDep
from app.core.ids import public_pair
from app.core.unit import Router
from app.customers import service as customers
from app.customers.models import ConsentChannel, ConsentPurpose
from app.customers.schemas import AddressIn, AddressPatch, MePatch
from app.identity.access import ClockDep, CustomerCaller
from app.identity.browser import clear_session_cookie
from app.network import service as network
from app.web.common.forms import Made, MadeBefore, as_shape, go_to, once, once_key
from app.web.common.templating import render
from app.web.customer.owned import PublicId, own_id
from app.web.customer.words import CONSENT_LABELS, place_words

router = Router(prefix="/my", include_in_schema=False)
_DOOR = ("door", "recipient", "phone", "note")
_BUILDING = ("city_code", "district", "street", "house_no", "compound")


@router.get("")
async def show_me(
    request: Request, caller: CustomerCaller, session: SessionDep, clock: ClockDep
) -> Response:
    """All that is the household's own."""
    customer_id, today = caller.customer_id, clock.today()
    texts = await customers.list_privacy_texts(session, on=today)
    found = await customers.list_addresses(session, customer_id=customer_id)
    return render(
        request,
        "customer/me.html",
        profile=await customers.get_profile(session, customer_id=customer_id),
        addresses=[
            (
                public_pair("adr", customer_id, one.building.address_id),
                place_words(one.building),
                one,
            )
            for one in found
        ],
        consents=await customers.list_consents(session, customer_id=customer_id, on=today),
        consent_labels=CONSENT_LABELS,
        texts={text.purpose: text for text in texts},
    )


@router.post("/name")
async def change_name(
    request: Request,
    caller: CustomerCaller,
    session: SessionDep,
    name: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """How the household is called."""
    said = as_shape(MePatch, {"name": name})
    await customers.change_profile(session, customer_id=caller.customer_id, changes=said.changes())
    return go_to(request, "/my", "称呼已保存")


@router.get("/addresses/new")
async def show_address_form(request: Request, _: CustomerCaller, session: SessionDep) -> Response:
    """An empty form."""
    return render(
        request,
        "customer/address.html",
        once=once_key(),
        cities=await network.list_cities(session),
        address_id=None,
        address=None,
        place="",
    )


@router.post("/addresses")
async def add_address(
    request: Request, caller: CustomerCaller, session: SessionDep, clock: ClockDep
) -> Response:
    """Write an address down, once."""
    form = await request.form()
    said = {name: str(form.get(name, "")).strip() for name in (*_BUILDING, *_DOOR)}
    address = as_shape(AddressIn, said).text()
    try:
        async with once(request, caller) as call:
            await customers.add_address(
                session, customer_id=caller.customer_id, address=address, now=clock.now()
            )
            await call.remember(session, 201, Made(address="/my"))
    except MadeBefore as made:
        return go_to(request, made.address, "地址已保存")
    return go_to(request, "/my", "地址已保存")


@router.get("/addresses/{address_id}")
async def show_address(
    request: Request, caller: CustomerCaller, session: SessionDep, address_id: PublicId
) -> Response:
    """What is written for one door; another building is another address."""
    found = await customers.get_own_address(
        session,
        customer_id=caller.customer_id,
        address_id=own_id(caller, "adr", address_id),
    )
    return render(
        request,
        "customer/address.html",
        once=once_key(),
        cities=[],
        address_id=address_id,
        address=found,
        place=place_words(found.building),
    )


@router.post("/addresses/{address_id}")
async def change_address(
    request: Request,
    caller: CustomerCaller,
    session: SessionDep,
    clock: ClockDep,
    address_id: PublicId,
) -> Response:
    """Write what stands at the door anew; it holds from the next plan on."""
    form = await request.form()
    said = as_shape(AddressPatch, {name: str(form.get(name, "")).strip() for name in _DOOR})
    await customers.change_address(
        session,
        customer_id=caller.customer_id,
        address_id=own_id(caller, "adr", address_id),
        changes=said.changes(),
        now=clock.now(),
    )
    return go_to(request, "/my", "地址已更新")


@router.post("/addresses/{address_id}/remove")
async def remove_address(
    request: Request,
    caller: CustomerCaller,
    session: SessionDep,
    clock: ClockDep,
    address_id: PublicId,
) -> Response:
    """Take an address off the list; refused while something is delivered there."""
    await customers.remove_address(
        session,
        customer_id=caller.customer_id,
        address_id=own_id(caller, "adr", address_id),
        now=clock.now(),
    )
    return go_to(request, "/my", "地址已删除")


@router.post("/consents")
async def say_consent(
    request: Request,
    caller: CustomerCaller,
    session: SessionDep,
    clock: ClockDep,
    purpose: Annotated[ConsentPurpose, Form()],
    given: Annotated[bool, Form()],
    version: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Give a consent to the text that was shown, or withdraw it."""
    await customers.record_consent(
        session,
        customer_id=caller.customer_id,
        purpose=purpose,
        given=given,
        text_version=version if given else None,
        channel=ConsentChannel.WEB,
        now=clock.now(),
        today=clock.today(),
    )
    return go_to(request, "/my", "已同意" if given else "已撤回同意")


@router.post("/export")
async def export(caller: CustomerCaller, session: SessionDep) -> Response:
    """A copy of everything held about the household, as a file; ten a day."""
    content = await customers.export_customer(session, customer_id=caller.customer_id)
    return Response(
        json.dumps(content, ensure_ascii=False, indent=2, default=str),
        media_type="application/json",
        headers={
            "Content-Disposition": 'attachment; filename="my-data.json"',
            "Cache-Control": "no-store",
        },
    )


@router.post("/erase")
async def erase(
    request: Request, caller: CustomerCaller, session: SessionDep, clock: ClockDep
) -> Response:
    """Close the account and forget the person; refused while an order runs or money is open."""
    await customers.erase_customer(session, customer_id=caller.customer_id, now=clock.now())
    answer = go_to(request, "/", "账号已注销，您的个人资料已删除")
    clear_session_cookie(request, answer)
    return answer
