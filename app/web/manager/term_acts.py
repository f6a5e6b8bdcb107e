"""Writing terms down, ending them, taking them back: one call of the catalogue for each kind."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog import dated, deposits, discounting, pricing, promoting
from app.catalog.models import DepositRate, PeriodDiscount, ProductPrice, Promotion
from app.catalog.repository.terms import Term, TermKind
from app.catalog.service import period_of
from app.core.clock import local_date
from app.core.ids import read_single
from app.network.rules import ONE_DAY
from app.web.manager.term_forms import Filled


def _id(text: str | None) -> UUID | None:
    return None if text is None else read_single("prd", text)


async def add_term(
    session: AsyncSession, kind: TermKind, filled: Filled, said: Any, *, actor: str, now: datetime
) -> None:
    """Write down what a form says; a price may end the one before it.

    Raises what the catalogue raises; to be called in a savepoint.
    """
    by: dict[str, Any] = {"actor": actor, "now": now, "today": local_date(now)}
    match kind:
        case TermKind.PRICES:
            await _add_price(session, filled, said, today=by["today"])
        case TermKind.DISCOUNTS:
            values = said.model_dump(exclude={"product_id"})
            await discounting.add_discount(session, **values, product_id=_id(said.product_id), **by)
        case TermKind.PROMOTIONS:
            values = said.model_dump(exclude={"product_ids"})
            products = said.product_ids
            ids = None if products is None else [read_single("prd", one) for one in products]
            await promoting.add_promotion(session, **values, product_ids=ids, **by)
        case TermKind.DEPOSITS:
            values = said.model_dump(exclude={"product_id"})
            await deposits.add_rate(session, **values, product_id=_id(said.product_id), **by)


async def _add_price(session: AsyncSession, filled: Filled, said: Any, *, today: date) -> None:
    product_id = read_single("prd", filled.text("product_id"))
    if filled.text("replaces"):
        await _end_before(session, product_id, said, today)
    await pricing.add_price(
        session,
        product_id=product_id,
        price_fen=said.price_fen,
        from_date=said.from_date,
        to_date=said.to_date,
        market=said.market(),
    )


async def _end_before(session: AsyncSession, product_id: UUID, said: Any, today: date) -> None:
    """The price of the same market ends the day before the new one begins."""
    new = period_of(said.from_date, said.to_date)
    for one in await pricing.list_prices(session, product_id=product_id):
        begins_before = one.valid.lower is None or one.valid.lower < said.from_date
        if (
            (one.city_code, one.channel) == (said.city_code, said.channel)
            and begins_before
            and one.valid.overlaps(new)
        ):
            await pricing.end_price(
                session,
                product_id=product_id,
                price_id=one.id,
                to_date=said.from_date - ONE_DAY,
                today=today,
            )


def _table(term: PeriodDiscount | Promotion | DepositRate) -> type[Any]:
    return type(term)


async def end_term(session: AsyncSession, term: Term, *, to_date: date, today: date) -> None:
    """Give a term another last day; what was bought under it keeps its own.

    Raises PeriodInvalid, PeriodOver, and the overlap of its kind.
    """
    if isinstance(term, ProductPrice):
        await pricing.end_price(
            session, product_id=term.product_id, price_id=term.id, to_date=to_date, today=today
        )
    else:
        await dated.end_row(session, _table(term), row_id=term.id, to_date=to_date, today=today)


async def drop_term(session: AsyncSession, term: Term, *, today: date) -> None:
    """Take back a term that has not begun; raises PeriodOver."""
    if isinstance(term, ProductPrice):
        await pricing.drop_price(session, product_id=term.product_id, price_id=term.id, today=today)
    else:
        await dated.drop_row(session, _table(term), row_id=term.id, today=today)
