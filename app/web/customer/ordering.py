"""Ordering: choose, see every day and the price, accept the agreement, place it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any

from fastapi import Query, Request
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.datastructures import FormData
from starlette.responses import Response

from app.catalog import service as catalog
from app.catalog.models import StorageClass
from app.core.db import SessionDep
from app.core.errors import AppError, InvalidInput
from app.core.ids import public_pair, public_single, read_single
from app.core.unit import Router
from app.customers import service as customers
from app.customers.models import ConsentChannel, ConsentPurpose
from app.customers.schemas import AddressIn
from app.customers.service import Building
from app.identity.access import OPEN, ClockDep, CustomerCaller, Principal
from app.identity.browser import check_origin
from app.network import service as network
from app.orders import service as orders
from app.orders.schemas import BuildingIn, LineIn
from app.orders.service.placing import QuoteResult, WantedLine
from app.orders.states import OrderSource
from app.web.common.forms import Made, MadeBefore, as_shape, go_to, once, once_key
from app.web.common.templating import render
from app.web.customer.markets import market_for
from app.web.customer.months import Month, months_of
from app.web.customer.owned import own_building
from app.web.customer.visitors import Household
from app.web.customer.words import DEPOSIT_KINDS, place_words

router = Router(prefix="/order", include_in_schema=False)
MOST_PRODUCTS = 100
NEW_ADDRESS = "new"
QUANTITY = "q_"
PATTERNS: Mapping[str, str] = {
    "1": "每天",
    "2": "隔天",
    "workdays": "周一至周五",
    "weekend": "周六、周日",
    "days": "自选星期",
}
CYCLES: Mapping[str, str] = {
    "30": "30 天",
    "91": "季卡 91 天",
    "182": "半年 182 天",
    "365": "年卡 365 天",
}
_BUILDING = ("city_code", "district", "street", "house_no", "compound")
_DOOR = ("door", "recipient", "phone", "note")
_WEEK = 7


@router.get("", dependencies=[OPEN])
async def show_form(
    request: Request,
    visitor: Household,
    session: SessionDep,
    clock: ClockDep,
    product: Annotated[str, Query(max_length=80)] = "",
) -> Response:
    """What there is, with the product of the address chosen once."""
    today = clock.today()
    offered = await catalog.list_offered(
        session, on=today, limit=MOST_PRODUCTS, market=await market_for(session, visitor)
    )
    return render(
        request,
        "customer/order.html",
        once=once_key(),
        chosen=product,
        products=[(public_single("prd", row.product.id), row) for row in offered],
        chilled=StorageClass.CHILLED,
        patterns=PATTERNS,
        cycles=CYCLES,
        today=today,
        cities=await network.list_cities(session),
        agreement=await orders.find_agreement(session, on=today),
        **await _own_values(session, visitor, on=today),
    )


async def _own_values(
    session: AsyncSession, visitor: Principal | None, *, on: date
) -> dict[str, Any]:
    """The household's addresses and phone, and the privacy terms it has not accepted yet."""
    texts = await customers.list_privacy_texts(session, on=on)
    privacy = next((text for text in texts if text.purpose is ConsentPurpose.PRIVACY_TERMS), None)
    if visitor is None:
        return {"addresses": [], "profile": None, "privacy": privacy}
    customer_id = visitor.customer_id
    said = await customers.list_consents(session, customer_id=customer_id, on=on)
    agreed = any(
        one.purpose is ConsentPurpose.PRIVACY_TERMS
        and one.given
        and one.text_version == one.current_version
        for one in said
    )
    found = await customers.list_addresses(session, customer_id=customer_id)
    return {
        "addresses": [
            (
                public_pair("adr", customer_id, one.building.address_id),
                place_words(one.building) + one.details.door,
                one.details.recipient,
            )
            for one in found
        ],
        "profile": await customers.get_profile(session, customer_id=customer_id),
        "privacy": None if agreed else privacy,
    }


@router.get("/agreement", dependencies=[OPEN])
async def show_agreement(
    request: Request, _: Household, session: SessionDep, clock: ClockDep
) -> Response:
    """The agreement in force, anew."""
    agreement = await orders.find_agreement(session, on=clock.today())
    return render(request, "customer/agreement_part.html", agreement=agreement)


def _text(form: FormData, name: str) -> str:
    return str(form.get(name, "")).strip()


def _whole(text: str) -> int | str:
    """The number, or the text, which the shape then refuses by its field's name."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _WEEK else text


def pattern_said(kind: str, quantity: int | str, days: Sequence[str]) -> dict[str, Any]:
    """A pattern as the API takes it, from a choice and ticked weekdays ("0" is Monday)."""
    weekdays = {"workdays": "01234", "weekend": "56", "days": "".join(days)}.get(kind)
    if weekdays is None:
        return {"kind": "every_days", "interval_days": _whole(kind), "quantity": quantity}
    counts = [quantity if str(day) in weekdays else 0 for day in range(_WEEK)]
    return {"kind": "weekdays", "quantities": counts}


def _lines_said(form: FormData) -> list[dict[str, Any]]:
    days = [str(day) for day in form.getlist("day")][:_WEEK]
    return [
        {
            "product_id": name.removeprefix(QUANTITY),
            "pattern": pattern_said(_text(form, "pattern"), _whole(str(count)), days),
            "cycle_days": _whole(_text(form, "cycle_days")),
            "start_date": _text(form, "start_date") or None,
        }
        for name, count in form.multi_items()
        if name.startswith(QUANTITY) and str(count).strip() not in {"", "0"}
    ]


def _wanted(lines: Iterable[LineIn]) -> list[WantedLine]:
    return [
        WantedLine(
            product_id=read_single("prd", line.product_id),
            pattern=line.pattern.pattern(),
            start_date=line.start_date,
            bottles=line.bottles,
            cycle_days=line.cycle_days,
        )
        for line in lines
    ]


@dataclass(frozen=True, slots=True)
class Quoted:
    """What is shown beside the form; `problem` says why there is no price yet."""

    verdict: str | None = None
    result: QuoteResult | None = None
    months: list[Month] = field(default_factory=list)
    problem: str | None = None


@router.post("/quote", dependencies=[OPEN])
async def show_quote(
    request: Request, visitor: Household, session: SessionDep, clock: ClockDep
) -> Response:
    """Coverage, every day and the price of what the form says so far; nothing is placed."""
    check_origin(request)
    quoted = await _quote(session, await request.form(), visitor, clock)
    return render(request, "customer/quote_part.html", quoted=quoted, deposit_kinds=DEPOSIT_KINDS)


async def _quote(
    session: AsyncSession, form: FormData, visitor: Principal | None, clock: ClockDep
) -> Quoted:
    said = _lines_said(form)
    if not said:
        return Quoted(problem="请先选择产品和数量。")
    building = await _building(session, form, visitor)
    if building is None:
        return Quoted(problem="填写送奶地址后，显示送奶日期和价格。")
    coverage = await network.check_coverage(session, building=building, on=clock.today())
    try:
        lines = [LineIn.model_validate(line) for line in said]
    except ValidationError:
        return Quoted(verdict=coverage.verdict, problem="请选择送奶的日子、数量和周期。")
    try:
        result = await orders.quote(
            session,
            building=building,
            lines=_wanted(lines),
            source=OrderSource.WEB,
            now=clock.now(),
            customer_id=None if visitor is None else visitor.customer_id,
        )
    except AppError as error:
        first = error.facts.get("first_possible_date")
        told = f"{error.title}，最早可从 {first} 起送。" if first else f"{error.title}。"
        return Quoted(verdict=coverage.verdict, problem=told)
    bottles: dict[date, int] = {}
    for line in result.lines:
        for day, count in line.deliveries:
            bottles[day] = bottles.get(day, 0) + count
    return Quoted(coverage.verdict, result, months_of(bottles))


async def _building(
    session: AsyncSession, form: FormData, visitor: Principal | None
) -> Building | None:
    chosen = _text(form, "address_id")
    try:
        if chosen and chosen != NEW_ADDRESS:
            return None if visitor is None else await own_building(session, visitor, chosen)
        said = {name: _text(form, name) for name in _BUILDING}
        if not said["street"] and not said["compound"]:
            return None
        return BuildingIn.model_validate(said).building()
    except (ValidationError, AppError):
        return None


@router.post("")
async def place(
    request: Request, caller: CustomerCaller, session: SessionDep, clock: ClockDep
) -> Response:
    """Place it, once; its page then asks for the payment."""
    form = await request.form()
    lines = [as_shape(LineIn, line) for line in _lines_said(form)]
    now = clock.now()
    try:
        async with once(request, caller) as call:
            building = await _place_of(session, form, caller, clock)
            await _agree_to_privacy(session, form, caller, clock)
            placed = await orders.place_order(
                session,
                customer_id=caller.customer_id,
                building=building,
                lines=_wanted(_some(lines)),
                source=OrderSource.WEB,
                agreement_version=_text(form, "agreement_version"),
                now=now,
            )
            order_id = public_pair("ord", caller.customer_id, placed.order.order_id)
            address = f"/my/orders/{order_id}"
            await call.remember(session, 201, Made(address=address))
    except MadeBefore as made:
        return go_to(request, made.address, "订单已提交")
    return go_to(request, address, "订单已提交，请在 30 分钟内付款")


def _some(lines: list[LineIn]) -> list[LineIn]:
    if not lines:
        raise NothingChosen
    return lines


class NothingChosen(InvalidInput):
    """No product was chosen."""

    code = "nothing_chosen"
    title = "请至少选择一种产品"


async def _place_of(
    session: AsyncSession, form: FormData, caller: Principal, clock: ClockDep
) -> Building:
    chosen = _text(form, "address_id")
    if chosen and chosen != NEW_ADDRESS:
        return await own_building(session, caller, chosen)
    said = {name: _text(form, name) for name in (*_BUILDING, *_DOOR)}
    ref = await customers.add_address(
        session,
        customer_id=caller.customer_id,
        address=as_shape(AddressIn, said).text(),
        now=clock.now(),
    )
    return await customers.get_address(
        session, customer_id=caller.customer_id, address_id=ref.address_id
    )


async def _agree_to_privacy(
    session: AsyncSession, form: FormData, caller: Principal, clock: ClockDep
) -> None:
    version = _text(form, "privacy_version")
    if version and form.get("privacy"):
        await customers.record_consent(
            session,
            customer_id=caller.customer_id,
            purpose=ConsentPurpose.PRIVACY_TERMS,
            given=True,
            text_version=version,
            channel=ConsentChannel.WEB,
            now=clock.now(),
            today=clock.today(),
        )
