"""An order for a caller: who he is, where it goes, what it costs, and the link he pays by."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from fastapi import Path, Request
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.datastructures import FormData
from starlette.responses import Response

from app.catalog import service as catalog
from app.catalog.markets import Market
from app.catalog.models import PriceChannel
from app.core.db import SessionDep
from app.core.errors import AppError
from app.core.ids import public_pair, public_single, read_pair, read_single
from app.core.unit import Router
from app.customers.service import get_address
from app.identity.access import ClockDep
from app.identity.service import log_access
from app.network import service as network
from app.orders import presenting
from app.orders import service as orders
from app.orders.phone_api import Agent
from app.orders.phone_schemas import PhoneOrderIn
from app.orders.schemas import BuildingIn, LineIn
from app.orders.service import telephone
from app.orders.service.placing import WantedLine
from app.orders.states import OrderSource
from app.web.common.forms import Made, MadeBefore, as_shape, go_to, once, once_key
from app.web.common.qr import qr_svg
from app.web.common.templating import render
from app.web.servicedesk.filing import PhoneText, caller_values

router = Router(prefix="/service", include_in_schema=False)
MOST_LINES = 5
MOST_PRODUCTS = 200
NEW_ADDRESS = "new"
PATTERNS: Mapping[str, str] = {
    "1": "每天",
    "2": "隔天",
    "3": "每 3 天",
    "7": "每周一次",
    "workdays": "周一至周五",
    "weekend": "周六、周日",
}
HEARD_FROM = ("老订户推荐", "小区推广", "宣传单", "网络广告", "微信", "超市门店", "其他")
_BUILDING = ("city_code", "district", "street", "house_no", "compound")
_DOOR = ("door", "recipient", "note")


def _pattern(kind: str, quantity: str) -> dict[str, Any]:
    count = _whole(quantity)
    if kind == "workdays":
        return {"kind": "weekdays", "quantities": [count] * 5 + [0, 0]}
    if kind == "weekend":
        return {"kind": "weekdays", "quantities": [0] * 5 + [count, count]}
    return {"kind": "every_days", "interval_days": _whole(kind), "quantity": count}


def _whole(text: str) -> int | str:
    """The number, or the text, which the shape then refuses by its field's name."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else text


def _lines(form: FormData) -> list[dict[str, Any]]:
    columns = [
        [str(value) for value in form.getlist(name)][: MOST_LINES + 1]
        for name in ("product_id", "pattern", "quantity", "cycle_days", "start_date")
    ]
    return [
        {
            "product_id": product,
            "pattern": _pattern(pattern, quantity),
            "cycle_days": _whole(days),
            "start_date": start or None,
        }
        for product, pattern, quantity, days, start in zip(*columns, strict=False)
    ]


def _text(form: FormData, name: str) -> str:
    return str(form.get(name, "")).strip()


def _said(form: FormData) -> dict[str, Any]:
    phone = _text(form, "phone")
    said: dict[str, Any] = {
        "phone": phone,
        "customer_name": _text(form, "customer_name") or None,
        "heard_from": _text(form, "heard_from") or None,
        "lines": _lines(form),
    }
    chosen = _text(form, "address_id")
    if chosen and chosen != NEW_ADDRESS:
        return said | {"address_id": chosen}
    address = {name: _text(form, name) for name in (*_BUILDING, *_DOOR)}
    address["recipient"] = address["recipient"] or _text(form, "customer_name")
    address["phone"] = _text(form, "address_phone") or phone
    return said | {"address": address}


@router.get("/orders/new")
async def show_form(request: Request, _: Agent, session: SessionDep, clock: ClockDep) -> Response:
    """An empty form."""
    return render(
        request,
        "servicedesk/order.html",
        once=once_key(),
        cities=await network.list_cities(session),
        heard_from=HEARD_FROM,
        **await _line_values(session, clock.today()),
    )


async def _line_values(session: AsyncSession, today: date) -> dict[str, Any]:
    market = Market(channel=PriceChannel.PHONE)
    offered = await catalog.list_offered(session, on=today, limit=MOST_PRODUCTS, market=market)
    return {
        "products": [
            (
                public_single("prd", one.product.id),
                one.product.name,
                one.product.specification,
                one.price_fen,
            )
            for one in offered
        ],
        "patterns": PATTERNS,
    }


@router.get("/orders/line")
async def show_line(request: Request, _: Agent, session: SessionDep, clock: ClockDep) -> Response:
    """One more line of the form."""
    values = await _line_values(session, clock.today())
    return render(request, "servicedesk/order_line_part.html", is_more=True, **values)


@router.post("/orders/caller")
async def show_caller(
    request: Request, _: Agent, session: SessionDep, clock: ClockDep, phone: PhoneText = ""
) -> Response:
    """Who calls, masked, with his addresses to choose from."""
    known = await caller_values(session, phone, today=clock.today())
    return render(request, "servicedesk/order_caller_part.html", known=known)


@dataclass(frozen=True, slots=True)
class Quoted:
    """What the caller is told before he agrees; `problem` says why there is no price yet."""

    verdict: str | None
    first_date: date | None
    quote: Any
    problem: str | None


async def _quoted(session: AsyncSession, form: FormData, clock: ClockDep) -> Quoted:
    now = clock.now()
    building = await _building(session, form)
    if building is None:
        return Quoted(None, None, None, "填写区县和小区或路名后，自动核对配送范围。")
    coverage = await network.check_coverage(session, building=building, on=clock.today())
    try:
        wanted = [LineIn.model_validate(line) for line in _lines(form)]
    except ValidationError:
        return Quoted(coverage.verdict, None, None, "选好产品和数量后显示报价。")
    if not wanted:
        return Quoted(coverage.verdict, None, None, "请至少选择一种产品。")
    try:
        quote = await orders.quote(
            session,
            building=building,
            lines=[
                WantedLine(
                    product_id=read_single("prd", line.product_id),
                    pattern=line.pattern.pattern(),
                    start_date=line.start_date,
                    bottles=line.bottles,
                    cycle_days=line.cycle_days,
                )
                for line in wanted
            ],
            source=OrderSource.PHONE,
            now=now,
        )
    except AppError as error:
        first = error.facts.get("first_possible_date")
        told = f"{error.title}，最早 {first} 起送。" if first else error.title
        return Quoted(coverage.verdict, None, None, told)
    return Quoted(coverage.verdict, quote.first_possible_date, quote, None)


async def _building(session: AsyncSession, form: FormData) -> Any:
    chosen = _text(form, "address_id")
    try:
        if chosen and chosen != NEW_ADDRESS:
            customer_id, address_id = read_pair("adr", chosen)
            return await get_address(session, customer_id=customer_id, address_id=address_id)
        said = {name: _text(form, name) for name in _BUILDING}
        if not said["street"] and not said["compound"]:
            return None
        return BuildingIn.model_validate(said).building()
    except (ValidationError, AppError):
        return None


@router.post("/orders/quote")
async def show_quote(request: Request, _: Agent, session: SessionDep, clock: ClockDep) -> Response:
    """Coverage, dates and price of what the form says so far; nothing is placed."""
    quoted = await _quoted(session, await request.form(), clock)
    return render(request, "servicedesk/order_quote_part.html", quoted=quoted)


@router.post("/orders")
async def place(request: Request, caller: Agent, session: SessionDep, clock: ClockDep) -> Response:
    """Place it; the SMS with the link to accept the agreement and pay goes out."""
    taken = as_shape(PhoneOrderIn, _said(await request.form())).taken()
    try:
        async with once(request, caller) as call:
            placed = await telephone.place_phone_order(
                session, taken=taken, actor=caller.actor, now=clock.now()
            )
            order = placed.order
            address = f"/service/orders/{public_pair('ord', order.customer_id, order.order_id)}"
            await call.remember(session, 201, Made(address=address))
    except MadeBefore as made:
        return go_to(request, made.address, "订单已登记")
    return go_to(request, address, "订单已登记，付款链接已发短信")


@router.get("/orders/{order_id}")
async def show_order(
    request: Request,
    caller: Agent,
    session: SessionDep,
    clock: ClockDep,
    order_id: Annotated[str, Path(max_length=80)],
) -> Response:
    """The placed order: what the SMS is about, until when it is to be paid, and the same as a code.

    Whoever sees the code could accept for the caller: each look at it is noted.
    """
    values = await _order_values(session, order_id, clock)
    if values["pay_code"] is not None:
        await log_access(
            session,
            caller=caller,
            customer_id=read_pair("ord", order_id)[0],
            subject="order_link",
            reason="电话订单付款二维码",
            now=clock.now(),
        )
    answer = render(request, "servicedesk/ordered.html", **values)
    answer.headers["Cache-Control"] = "no-store"
    return answer


async def _order_values(session: AsyncSession, order_id: str, clock: ClockDep) -> dict[str, Any]:
    customer_id, row_id = read_pair("ord", order_id)
    view = await telephone.view_by_link(
        session, customer_id=customer_id, order_id=row_id, now=clock.now()
    )
    shown = await orders.view_order(
        session, customer_id=customer_id, order_id=row_id, today=clock.today()
    )
    address = None
    if view.can_pay:
        address = await telephone.find_pay_address(
            session, customer_id=customer_id, order_id=row_id
        )
    return {
        "id": order_id,
        "view": view,
        "pay_code": None if address is None else qr_svg(address),
        "label": shown.label,
        "pattern_of": presenting.pattern_out,
        "sent": await telephone.count_sent(session, customer_id=customer_id, order_id=row_id),
        "most": telephone.MOST_LINKS,
    }


@router.post("/orders/{order_id}/link")
async def send_again(
    request: Request,
    _: Agent,
    session: SessionDep,
    clock: ClockDep,
    order_id: Annotated[str, Path(max_length=80)],
) -> Response:
    """Send a fresh link; the one before ends."""
    customer_id, row_id = read_pair("ord", order_id)
    await telephone.send_link_again(
        session, customer_id=customer_id, order_id=row_id, now=clock.now()
    )
    return go_to(request, f"/service/orders/{order_id}", "新的付款链接已发短信，旧链接失效")
