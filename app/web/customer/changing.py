"""Changes: a form for each kind the engine has, its preview, exactly that, and taking it back."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Form, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from app.catalog import service as catalog
from app.core.db import SessionDep
from app.core.errors import AppError, NotFound
from app.core.http import status_of
from app.core.ids import public_pair, public_single, read_single
from app.core.runtime import keys
from app.core.unit import Router
from app.customers import service as customers
from app.identity.access import ClockDep, CustomerCaller, Principal
from app.orders import changes_presenting as presenting
from app.orders import service as orders
from app.orders.change_schemas import ChangeApplyIn
from app.orders.changes.recording import confirm_recorded, decline_recorded, view_recorded
from app.orders.errors import PreviewOutdated
from app.orders.markets import market_of
from app.orders.models import OrderChange
from app.orders.recorded_schemas import RecordedAsked
from app.orders.service import OrderView
from app.orders.states import WAITING_MOVES, ChangeStatus
from app.web.common.forms import Made, MadeBefore, as_shape, go_to, once, once_key
from app.web.common.templating import render
from app.web.customer.cashiers import own_pay_ways
from app.web.customer.fields import change_forms, read_change
from app.web.customer.ordering import CYCLES, PATTERNS
from app.web.customer.orders import find_order, line_choices
from app.web.customer.owned import PublicId, own_id
from app.web.customer.words import CHANGE_KINDS, place_words, product_names

router = Router(prefix="/my/orders", include_in_schema=False)
MOST_PRODUCTS = 100
SAID = {
    ChangeStatus.AWAITING_PAYMENT: "请付款，付款后变更生效",
    ChangeStatus.UNDER_REVIEW: "已提交，新地址核对后短信通知您",
    ChangeStatus.AWAITING_BOX: "已提交，新地址装好奶箱后短信通知您",
    ChangeStatus.REJECTED: "很抱歉，新地址暂时送不到，牛奶仍送原地址",
}
"""What is said of a change that has not taken effect."""


@router.get("/{order_id}/change/{kind}")
async def show_form(
    request: Request,
    caller: CustomerCaller,
    session: SessionDep,
    clock: ClockDep,
    order_id: PublicId,
    kind: str,
) -> Response:
    """The form of one kind of change."""
    form = change_forms().get(kind)
    if form is None:
        raise NotFound
    view = await find_order(session, caller, order_id, clock)
    address = await customers.get_address(
        session,
        customer_id=caller.customer_id,
        address_id=view.order.address_id,
        include_removed=True,
    )
    offered = await catalog.list_offered(
        session,
        on=clock.today(),
        limit=MOST_PRODUCTS,
        market=market_of(address, view.order.source),
    )
    return render(
        request,
        "customer/change.html",
        form=form,
        view=view,
        order_id=order_id,
        lines=await line_choices(session, view, on=clock.today()),
        offered=[(public_single("prd", row.product.id), row) for row in offered],
        patterns=PATTERNS,
        cycles=CYCLES,
        addresses=await _addresses(session, caller, view) if form.needs_address else [],
        agreement=await orders.find_agreement(session, on=clock.today())
        if form.needs_agreement
        else None,
        today=clock.today(),
    )


async def _addresses(
    session: AsyncSession, caller: Principal, view: OrderView
) -> list[tuple[str, str]]:
    """The household's other addresses."""
    found = await customers.list_addresses(session, customer_id=caller.customer_id)
    return [
        (
            public_pair("adr", caller.customer_id, one.building.address_id),
            place_words(one.building) + one.details.door,
        )
        for one in found
        if one.building.address_id != view.doors[-1].address_id
    ]


@router.post("/{order_id}/preview/{kind}")
async def show_preview(
    request: Request,
    caller: CustomerCaller,
    session: SessionDep,
    clock: ClockDep,
    order_id: PublicId,
    kind: str,
) -> Response:
    """What the change would do: days, bottles, money, the new end. Nothing happens yet."""
    if kind not in change_forms():
        raise NotFound
    row_id = own_id(caller, "ord", order_id)
    body = read_change(kind, await request.form())
    preview_wanted = orders.preview_renewal if kind == "renew" else orders.preview_change
    try:
        effect, token = await preview_wanted(
            session,
            keys(),
            customer_id=caller.customer_id,
            order_id=row_id,
            wanted=presenting.wanted_change(caller.customer_id, body),
            now=clock.now(),
        )
    except AppError as error:
        return refusal(request, error)
    preview = presenting.preview_out(caller.customer_id, effect, token)
    return render(
        request,
        "customer/preview_part.html",
        preview=preview,
        label=change_forms()[kind].label,
        order_id=order_id,
        kind=kind,
        once=once_key(),
        **await _effect_values(session, caller, order_id, clock, preview.lines),
    )


def refusal(request: Request, error: AppError) -> Response:
    """Why a change is not possible, with the day from which it is."""
    return render(
        request,
        "customer/refused_part.html",
        status_code=status_of(error),
        error=error,
        first=error.facts.get("first_possible_date"),
    )


async def _effect_values(
    session: AsyncSession, caller: Principal, order_id: str, clock: ClockDep, lines: list[Any]
) -> dict[str, Any]:
    """Names of the lines and products an effect speaks of."""
    view = await find_order(session, caller, order_id, clock)
    named = {
        public_pair("lin", caller.customer_id, line_id): name
        for line_id, name in await line_choices(session, view, on=clock.today(), plain=True)
    }
    spoken = {
        product
        for line in lines
        for day in line.products
        for product in (day.product_before, day.product_after)
    }
    plain = {product: read_single("prd", product) for product in spoken}
    products = await product_names(session, plain.values(), on=clock.today())
    return {
        "view": view,
        "line_names": named,
        "product_names": {product: products[row].full for product, row in plain.items()},
    }


@router.post("/{order_id}/changes")
async def apply(
    request: Request,
    caller: CustomerCaller,
    session: SessionDep,
    clock: ClockDep,
    order_id: PublicId,
    token: Annotated[str, Form(max_length=4000)],
) -> Response:
    """Do exactly what the preview showed, once; anything else by now is shown as a fresh preview."""
    row_id = own_id(caller, "ord", order_id)
    said = as_shape(ChangeApplyIn, {"token": token})
    try:
        async with once(request, caller) as call:
            change = await orders.confirm_change(
                session,
                keys(),
                customer_id=caller.customer_id,
                order_id=row_id,
                token=said.token,
                actor=caller.actor,
                now=clock.now(),
            )
            address = receipt_address(order_id, change)
            await call.remember(session, 201, Made(address=address))
    except MadeBefore as made:
        return go_to(request, made.address, "变更已提交")
    return go_to(request, address, _said(change))


def _said(change: OrderChange) -> str:
    if change.made_order_id is not None:
        return "续订单已生成，请付款"
    return SAID.get(change.status, "变更已生效")


def receipt_address(order_id: str, change: OrderChange) -> str:
    """Where the receipt of a change is; a renewal's is the order it made, which is to be paid."""
    if change.made_order_id is not None:
        return f"/my/orders/{public_pair('ord', change.customer_id, change.made_order_id)}"
    change_id = public_pair("chg", change.customer_id, change.change_id)
    return f"/my/orders/{order_id}/changes/{change_id}"


@router.get("/{order_id}/changes/{change_id}")
async def show_receipt(
    request: Request,
    caller: CustomerCaller,
    session: SessionDep,
    clock: ClockDep,
    order_id: PublicId,
    change_id: PublicId,
) -> Response:
    """The receipt of a change: what it did, what it costs, and the way back while there is one."""
    row_id = own_id(caller, "ord", order_id)
    wanted = own_id(caller, "chg", change_id)
    found = await orders.list_changes_of(session, customer_id=caller.customer_id, order_id=row_id)
    change = next((one for one in found if one.change_id == wanted), None)
    if change is None:
        raise NotFound
    receipt = presenting.change_out(change)
    later = any(one.change_id > wanted and one.status is ChangeStatus.APPLIED for one in found)
    return render(
        request,
        "customer/receipt.html",
        receipt=receipt,
        order_id=order_id,
        change_kinds=CHANGE_KINDS,
        ways=await own_pay_ways(session, customer_id=change.customer_id, amount_fen=change.pay_fen),
        can_undo=receipt.undoable
        and (
            change.status in WAITING_MOVES
            or (
                change.status is ChangeStatus.APPLIED
                and change.effective_date > clock.today()
                and not later
            )
        ),
        place=await _place(session, change),
        asked=await _asked(session, change, clock),
        once=once_key(),
        **await _effect_values(session, caller, order_id, clock, receipt.lines),
    )


async def _place(session: AsyncSession, change: OrderChange) -> str | None:
    """Where a move goes."""
    said = change.request.get("address_id")
    if said is None:
        return None
    place = await customers.get_address(
        session,
        customer_id=change.customer_id,
        address_id=UUID(said),
        include_removed=True,
    )
    return place_words(place)


async def _asked(
    session: AsyncSession, change: OrderChange, clock: ClockDep
) -> RecordedAsked | None:
    """What is to be confirmed of a change that a deliverer wrote down."""
    if change.status is not ChangeStatus.AWAITING_CONFIRMATION:
        return None
    found = await view_recorded(
        session,
        customer_id=change.customer_id,
        change_id=change.change_id,
        now=clock.now(),
    )
    return RecordedAsked.of(found)


@router.post("/{order_id}/changes/{change_id}/confirm")
async def confirm(
    request: Request,
    caller: CustomerCaller,
    session: SessionDep,
    clock: ClockDep,
    order_id: PublicId,
    change_id: PublicId,
    seen: Annotated[str, Form(pattern=r"^[0-9a-f]{64}$")],
) -> Response:
    """Yes to what the deliverer wrote down, as it was shown; anything else is shown anew."""
    own_id(caller, "ord", order_id)
    address = f"/my/orders/{order_id}/changes/{change_id}"
    try:
        await confirm_recorded(
            session,
            customer_id=caller.customer_id,
            change_id=own_id(caller, "chg", change_id),
            seen=seen,
            actor=caller.actor,
            now=clock.now(),
        )
    except PreviewOutdated:
        return go_to(request, address, "情况已变化，请核对新的结果后再确认")
    return go_to(request, address, "已确认，变更已生效")


@router.post("/{order_id}/changes/{change_id}/decline")
async def decline(
    request: Request,
    caller: CustomerCaller,
    session: SessionDep,
    clock: ClockDep,
    order_id: PublicId,
    change_id: PublicId,
) -> Response:
    """No: nothing changes."""
    own_id(caller, "ord", order_id)
    await decline_recorded(
        session,
        customer_id=caller.customer_id,
        change_id=own_id(caller, "chg", change_id),
        actor=caller.actor,
        now=clock.now(),
    )
    return go_to(request, f"/my/orders/{order_id}", "已记下：不做这次变更")


@router.post("/{order_id}/changes/{change_id}/undo")
async def undo(
    request: Request,
    caller: CustomerCaller,
    session: SessionDep,
    clock: ClockDep,
    order_id: PublicId,
    change_id: PublicId,
) -> Response:
    """Take a change back that has not begun: days, bottles and money as they were."""
    row_id = own_id(caller, "ord", order_id)
    wanted = own_id(caller, "chg", change_id)
    address = f"/my/orders/{order_id}/changes/{change_id}"
    try:
        async with once(request, caller) as call:
            await orders.undo_change(
                session,
                customer_id=caller.customer_id,
                order_id=row_id,
                change_id=wanted,
                actor=caller.actor,
                now=clock.now(),
            )
            await call.remember(session, 201, Made(address=address))
    except MadeBefore as made:
        return go_to(request, made.address, "变更已撤销")
    return go_to(request, address, "变更已撤销，一切如前")
