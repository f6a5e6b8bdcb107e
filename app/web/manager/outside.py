"""Routes: orders of marketplaces on their way to be ours, and the SKUs they wait for."""

from collections.abc import Mapping
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import Form, Query, Request
from fastapi.responses import Response

from app.catalog.service import list_managed
from app.core.db import SessionDep
from app.core.ids import public_single, read_single
from app.core.pagination import PageDep, cursor_of
from app.core.schemas import LongText, OptionalText
from app.core.unit import Router
from app.identity.access import ClockDep
from app.identity.models import Role
from app.marketplaces import service
from app.marketplaces.api.callers import Agent, Mapper, Reader
from app.marketplaces.order_schemas import ExternalOut
from app.marketplaces.service import reading, shops
from app.marketplaces.states import LABELS, MARKETPLACE_LABELS, WAITING, ExternalState
from app.orders.rules import Pattern
from app.web.common.flash import see_other
from app.web.common.forms import Made, MadeBefore, once, once_key
from app.web.common.templating import is_htmx
from app.web.manager.showing import show

OUTSIDE: Final = "/marketplace-orders"
router = Router(prefix=OUTSIDE, include_in_schema=False)
ORDERS_A_PAGE = 30
MOST_PRODUCTS = 500
READERS: Final = frozenset(
    {
        Role.SERVICE_AGENT,
        Role.REVIEWER,
        Role.FINANCE,
        Role.MANAGER,
        Role.ADMIN,
        Role.AUDITOR,
    }
)
KINDS: Final[Mapping[ExternalState, str]] = {
    ExternalState.RECEIVED: "info",
    ExternalState.NEEDS_SKU: "warn",
    ExternalState.NEEDS_ADDRESS: "warn",
    ExternalState.NEEDS_REVIEW: "bad",
    ExternalState.MAPPED: "info",
    ExternalState.PLACED: "ok",
    ExternalState.REFUSED: "idle",
    ExternalState.REFUNDED_OUTSIDE: "idle",
}
REASONS: Final[Mapping[str, str]] = {
    "address": "平台隐藏了地址，等顾客填写",
    "agreement": "等顾客同意订奶协议",
    "amount_mismatch": "实付金额与明细不符",
    "partly_refunded": "平台已退了一部分",
}
PATTERNS: Final[Mapping[str, str]] = {
    "1": "每天 1 瓶",
    "2": "隔天 1 瓶",
    "twice": "每天 2 瓶",
    "workdays": "周一至周五，每天 1 瓶",
}
Sku = Annotated[str, Form(min_length=1, max_length=100)]


@router.get("")
async def list_page(
    request: Request,
    caller: Reader,
    session: SessionDep,
    clock: ClockDep,
    page: PageDep,
    state: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """Orders of marketplaces, the newest first, and SKUs that orders wait for."""
    chosen = next((one for one in ExternalState if one == state), None)
    found = await reading.list_orders(
        session,
        reading.Wanted(state=chosen),
        after=page.after_instant(),
        limit=ORDERS_A_PAGE + 1,
        now=clock.now(),
    )
    shown = found[:ORDERS_A_PAGE]
    cursor = None
    if len(found) > ORDERS_A_PAGE:
        last = shown[-1].order
        cursor = cursor_of(last.received_at.isoformat(), str(last.external_id))
    products = await list_managed(session, on=clock.today(), limit=MOST_PRODUCTS)
    said = {"state": chosen.value} if chosen else {}
    return show(
        request,
        "outside_rows.html" if is_htmx(request) else "outside.html",
        orders=[ExternalOut.of(view) for view in shown],
        shops={view.shop.code: view.shop.name for view in shown},
        unmapped=await reading.list_unmapped(session),
        products=[
            (
                public_single("prd", one.product.id),
                f"{one.product.name} {one.product.specification}",
            )
            for one in products
        ],
        state=chosen,
        states=LABELS,
        kinds=KINDS,
        waiting=WAITING,
        reasons=REASONS,
        marketplaces=MARKETPLACE_LABELS,
        patterns=PATTERNS,
        once_key=once_key,
        may_map=caller.has(Role.SERVICE_AGENT, Role.MANAGER, Role.ADMIN),
        may_act=caller.has(Role.SERVICE_AGENT, Role.MANAGER),
        next_cursor=cursor,
        is_first=page.after is None,
        address=f"{OUTSIDE}?{urlencode(said)}" if said else OUTSIDE,
    )


def _pattern(text: str) -> Pattern:
    match text:
        case "workdays":
            return Pattern.weekly([1] * 5 + [0, 0])
        case "twice":
            return Pattern.every(1, 2)
        case "2":
            return Pattern.every(2, 1)
    return Pattern.every(1, 1)


@router.post("/skus")
async def map_sku(
    request: Request,
    caller: Mapper,
    session: SessionDep,
    clock: ClockDep,
    shop: Annotated[str, Form(max_length=40)],
    sku: Sku,
    product: Annotated[str, Form(max_length=60)],
    bottles: Annotated[int, Form(ge=1, le=4000)],
    pattern: Annotated[str, Form(max_length=20)] = "1",
) -> Response:
    """Say what an SKU is: every order that waited for it goes on. Raises ProductUnknown."""
    released = 0
    try:
        async with once(request, caller) as call:
            _, released = await shops.map_sku(
                session,
                code=shop,
                sku=sku,
                product_id=read_single("prd", product),
                bottles=bottles,
                pattern=_pattern(pattern),
                actor=caller.actor,
                now=clock.now(),
            )
            await call.remember(session, 201, Made(address=OUTSIDE))
    except MadeBefore as made:
        return see_other(made.address, flash="已匹配")
    return see_other(OUTSIDE, flash=f"已匹配，{released} 个订单继续处理")


@router.get("/{external_id}/claim-text")
async def claim_text(request: Request, external_id: str, _: Agent, session: SessionDep) -> Response:
    """Part: the text with the link in force, to be copied into the shop's chat."""
    text = await service.get_claim_text(session, external_id=read_single("mkt", external_id))
    answer = show(request, "outside_text.html", text=text)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@router.post("/{external_id}/claim-link")
async def claim_link(
    request: Request, external_id: str, caller: Agent, session: SessionDep, clock: ClockDep
) -> Response:
    """A fresh link to ask for the address; the one before ends."""
    told, address = "新链接已生成，请复制给顾客", f"{OUTSIDE}?state=needs_address"
    try:
        async with once(request, caller) as call:
            _, by_sms = await service.make_claim_link(
                session, external_id=read_single("mkt", external_id), now=clock.now()
            )
            await call.remember(session, 201, Made(address=address))
    except MadeBefore:
        return see_other(address, flash=told)
    return see_other(address, flash="新链接已用短信发给顾客" if by_sms else told)


@router.post("/{external_id}/accept")
async def accept(
    external_id: str,
    caller: Agent,
    session: SessionDep,
    clock: ClockDep,
    note: Annotated[OptionalText, Form()] = "",
) -> Response:
    """Place it with what was paid, whatever its lines say; raises NothingToReview."""
    await service.accept(
        session,
        external_id=read_single("mkt", external_id),
        actor=caller.actor,
        reason=note or None,
        now=clock.now(),
    )
    return see_other(OUTSIDE, flash="已接受，按实付金额下单")


@router.post("/{external_id}/refuse")
async def refuse(
    external_id: str,
    caller: Agent,
    session: SessionDep,
    clock: ClockDep,
    note: Annotated[LongText, Form()],
) -> Response:
    """Take it out of the work; the shop refunds it over there. Raises NothingToReview."""
    await service.refuse(
        session,
        external_id=read_single("mkt", external_id),
        actor=caller.actor,
        reason=note,
        now=clock.now(),
    )
    return see_other(OUTSIDE, flash="已拒收，请在平台后台给顾客退款")
