"""Routes: prices, period discounts, promotions and deposits as lists, forms and endings."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.models import PriceChannel, ProductPrice
from app.catalog.price_api import Pricer, Reader
from app.catalog.repository.terms import (
    Phase,
    Term,
    TermKind,
    WantedTerms,
    get_term,
    list_terms,
    phase_of,
)
from app.catalog.service import list_managed
from app.core.db import SessionDep
from app.core.errors import AppError, Conflict, InvalidInput, NotFound
from app.core.http import status_of
from app.core.ids import public_single, read_single
from app.core.pagination import BadCursor, PageDep, PageRequest, cursor_of
from app.core.unit import Router
from app.identity.access import ClockDep, Principal
from app.identity.models import Role
from app.network.rules import ONE_DAY
from app.network.service import list_cities
from app.web.common.flash import see_other
from app.web.common.forms import Made, MadeBefore, once, once_key
from app.web.common.templating import is_htmx
from app.web.manager import term_words
from app.web.manager.asking import HOME
from app.web.manager.showing import show
from app.web.manager.term_acts import add_term, drop_term, end_term
from app.web.manager.term_forms import Filled, draft_of, read_form, read_last_day
from app.web.manager.term_words import Around, Shown, show_term

TERMS = f"{HOME}/terms"
router = Router(prefix=TERMS, include_in_schema=False)
TERMS_A_PAGE = 40
MOST_PRODUCTS = 500
PRICERS = (Role.FINANCE, Role.MANAGER, Role.ADMIN)
_EARLIEST: Mapping[TermKind, Callable[[date], date | None]] = {
    TermKind.PRICES: lambda _: None,
    TermKind.DISCOUNTS: lambda today: today + ONE_DAY,
    TermKind.PROMOTIONS: lambda today: today + ONE_DAY,
    TermKind.DEPOSITS: lambda today: today,
}


class TermsUnknown(NotFound):
    """No such kind of terms."""

    code = "terms_not_found"
    title = "没有找到这一类价目"


def kind_of(text: str) -> TermKind:
    """A kind as it stands in addresses; raises TermsUnknown."""
    try:
        return TermKind(text)
    except ValueError as error:
        raise TermsUnknown from error


async def _around(session: AsyncSession, today: date) -> Around:
    found = await list_managed(session, on=today, limit=MOST_PRODUCTS)
    return Around({one.product.id: one for one in found}, await list_cities(session))


def _values(around: Around, kind: TermKind) -> dict[str, Any]:
    return {
        "kind": kind,
        "titles": term_words.TITLES,
        "hints": term_words.HINTS,
        "channels": term_words.CHANNELS,
        "ruled": term_words.RULED,
        "products": [
            (public_single("prd", one.product.id), around.product(one.product.id))
            for one in around.products.values()
        ],
        "cities": around.cities,
        "city_options": [(one.code, one.name) for one in around.cities],
    }


def _after(page: PageRequest) -> UUID | None:
    match page.after:
        case None:
            return None
        case [str() as row_id]:
            try:
                return UUID(row_id)
            except ValueError as error:
                raise BadCursor from error
    raise BadCursor


@router.get("")
async def list_page(
    request: Request,
    caller: Reader,
    session: SessionDep,
    clock: ClockDep,
    page: PageDep,
    kind: Annotated[str, Query(max_length=20)] = TermKind.PRICES,
    phase: Annotated[str, Query(max_length=20)] = Phase.RUNNING,
    product: Annotated[str, Query(max_length=60)] = "",
    city: Annotated[str, Query(max_length=10)] = "",
    channel: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """Terms of a kind: what holds and is to come, or one phase; of a product, city, channel."""
    chosen, today = kind_of(kind), clock.today()
    around = await _around(session, today)
    wanted = WantedTerms(
        phase=next((one for one in Phase if one == phase), Phase.RUNNING),
        product_id=read_single("prd", product) if product else None,
        city_code=next((one.code for one in around.cities if one.code == city), None),
        channel=next((one for one in PriceChannel if one == channel), None),
    )
    found = await list_terms(
        session, chosen, wanted, today=today, limit=TERMS_A_PAGE + 1, after=_after(page)
    )
    shown = found[:TERMS_A_PAGE]
    said: dict[str, str | None] = {
        "kind": chosen.value,
        "phase": wanted.phase.value,
        "product": product,
        "city": wanted.city_code,
        "channel": wanted.channel,
    }
    return show(
        request,
        "term_rows.html" if is_htmx(request) else "terms.html",
        terms=[show_term(chosen, one, around, today=today) for one in shown],
        wanted=wanted,
        product=product,
        phases=term_words.PHASES,
        empty=term_words.EMPTY[chosen],
        is_narrowed=wanted != WantedTerms(),
        may_price=caller.has(*PRICERS),
        next_cursor=cursor_of(str(shown[-1].id)) if len(found) > TERMS_A_PAGE else None,
        is_first=page.after is None,
        address=f"{TERMS}?{urlencode({name: one for name, one in said.items() if one})}",
        **_values(around, chosen),
    )


@router.get("/{kind}/new")
async def new_page(
    request: Request, kind: str, _: Pricer, session: SessionDep, clock: ClockDep
) -> Response:
    """The form for one more."""
    return await _form(request, session, kind_of(kind), Filled(request.query_params), clock.today())


async def _form(
    request: Request,
    session: AsyncSession,
    kind: TermKind,
    filled: Filled,
    today: date,
    *,
    status: int = 200,
) -> Response:
    around = await _around(session, today)
    return show(
        request,
        "term_new.html",
        status_code=status,
        filled=filled,
        earliest=_EARLIEST[kind](today),
        once=once_key(),
        **_values(around, kind),
    )


@router.post("/{kind}/preview")
async def preview(
    request: Request, kind: str, _: Pricer, session: SessionDep, clock: ClockDep
) -> Response:
    """Part: what the form means so far; nothing is written."""
    today, filled = clock.today(), Filled(await request.form())
    around = await _around(session, today)
    shown = _preview(kind_of(kind), filled, around, today)
    return show(request, "term_preview.html", shown=shown, filled=filled)


def _preview(kind: TermKind, filled: Filled, around: Around, today: date) -> Shown | None:
    said = read_form(kind, filled)
    if said is None:
        return None
    try:
        return show_term(kind, draft_of(kind, filled, said), around, today=today)
    except AppError as error:
        filled.refuse(error)
        return None


@router.post("/{kind}")
async def add(
    request: Request, kind: str, caller: Pricer, session: SessionDep, clock: ClockDep
) -> Response:
    """Write one down; what is refused is said at its field, and nothing is changed."""
    chosen, filled, address = kind_of(kind), Filled(await request.form()), f"{TERMS}?kind={kind}"
    said = read_form(chosen, filled)
    if said is None:
        return await _form(request, session, chosen, filled, clock.today(), status=422)
    try:
        async with once(request, caller) as call:
            async with session.begin_nested():
                await add_term(session, chosen, filled, said, actor=caller.actor, now=clock.now())
            await call.remember(session, 201, Made(address=address))
    except MadeBefore as made:
        return see_other(made.address, flash="已添加")
    except (Conflict, InvalidInput, NotFound) as error:
        filled.refuse(error)
        status = status_of(error)
        return await _form(request, session, chosen, filled, clock.today(), status=status)
    return see_other(address, flash=f"已添加，{said.from_date} 起生效")


@router.get("/{kind}/{term}")
async def one_page(
    request: Request, kind: str, term: str, caller: Reader, session: SessionDep, clock: ClockDep
) -> Response:
    """One of them, what it means, and its end."""
    chosen, found = await _find(session, kind, term)
    return await _one(request, session, chosen, found, caller, clock, Filled(request.query_params))


async def _find(session: AsyncSession, kind: str, term: str) -> tuple[TermKind, Term]:
    chosen = kind_of(kind)
    row_id = read_single(term_words.PREFIXES[chosen], term)
    return chosen, await get_term(session, chosen, row_id)


async def _one(
    request: Request,
    session: AsyncSession,
    kind: TermKind,
    term: Term,
    caller: Principal,
    clock: ClockDep,
    filled: Filled,
    *,
    status: int = 200,
) -> Response:
    today = clock.today()
    around = await _around(session, today)
    return show(
        request,
        "term.html",
        status_code=status,
        shown=show_term(kind, term, around, today=today),
        said_rule=getattr(term, "rule", ""),
        phase=phase_of(term, today),
        filled=filled,
        today=today,
        may_price=caller.has(*PRICERS),
        change_address=_change_address(term),
        **_values(around, kind),
    )


def _change_address(term: Term) -> str | None:
    """The form for the price that follows this one."""
    if not isinstance(term, ProductPrice):
        return None
    said = {
        "product_id": public_single("prd", term.product_id),
        "city_code": term.city_code or "",
        "channel": term.channel or "",
        "replaces": "1",
    }
    return f"{TERMS}/{TermKind.PRICES}/new?{urlencode(said)}"


@router.post("/{kind}/{term}/end")
async def end(
    request: Request, kind: str, term: str, caller: Pricer, session: SessionDep, clock: ClockDep
) -> Response:
    """Give it another last day; what was bought keeps its own."""
    chosen, found = await _find(session, kind, term)
    filled, today = Filled(await request.form()), clock.today()
    last = read_last_day(filled, today)
    if last is None:
        return await _one(request, session, chosen, found, caller, clock, filled, status=422)
    try:
        await end_term(session, found, to_date=last, today=today)
    except (Conflict, InvalidInput) as error:
        filled.errors["to_date"] = error.title
        chosen, found = await _find(session, kind, term)
        status = status_of(error)
        return await _one(request, session, chosen, found, caller, clock, filled, status=status)
    return see_other(f"{TERMS}?kind={kind}", flash=f"已保存，最后一天 {last}")


@router.post("/{kind}/{term}/drop")
async def drop(kind: str, term: str, _: Pricer, session: SessionDep, clock: ClockDep) -> Response:
    """Take back what has not begun; raises PeriodOver."""
    _kind, found = await _find(session, kind, term)
    await drop_term(session, found, today=clock.today())
    return see_other(f"{TERMS}?kind={kind}", flash="已撤回")
