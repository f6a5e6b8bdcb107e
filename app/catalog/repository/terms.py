"""SQL of what is agreed for all: prices, period discounts, promotions, deposit rates, as lists."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, false, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.errors import (
    DepositRateUnknown,
    DiscountUnknown,
    PriceUnknown,
    PromotionUnknown,
)
from app.catalog.models import (
    DepositRate,
    PeriodDiscount,
    PriceChannel,
    Product,
    ProductPrice,
    Promotion,
)
from app.core.errors import NotFound

Term = ProductPrice | PeriodDiscount | Promotion | DepositRate


class TermKind(StrEnum):
    """What a term is."""

    PRICES = "prices"
    DISCOUNTS = "discounts"
    PROMOTIONS = "promotions"
    DEPOSITS = "deposits"


class Phase(StrEnum):
    """How a term stands to a day; `RUNNING` is what holds or is to come."""

    RUNNING = "running"
    IN_FORCE = "in_force"
    COMING = "coming"
    ENDED = "ended"
    ALL = "all"


TABLES: Final[Mapping[TermKind, type[Any]]] = {
    TermKind.PRICES: ProductPrice,
    TermKind.DISCOUNTS: PeriodDiscount,
    TermKind.PROMOTIONS: Promotion,
    TermKind.DEPOSITS: DepositRate,
}
_UNKNOWN: Final[Mapping[TermKind, type[NotFound]]] = {
    TermKind.PRICES: PriceUnknown,
    TermKind.DISCOUNTS: DiscountUnknown,
    TermKind.PROMOTIONS: PromotionUnknown,
    TermKind.DEPOSITS: DepositRateUnknown,
}
_OPEN_FIRST: Final = date(1, 1, 1)
"""Where a period without a first day stands in an order."""


@dataclass(frozen=True, slots=True)
class WantedTerms:
    """Which terms are asked for; what holds everywhere, or for all, is among them."""

    phase: Phase = Phase.RUNNING
    product_id: UUID | None = None
    city_code: str | None = None
    channel: PriceChannel | None = None


def phase_of(term: Term, today: date) -> Phase:
    """In force, coming or ended."""
    if term.valid.lower is not None and term.valid.lower > today:
        return Phase.COMING
    if term.valid.upper is not None and term.valid.upper <= today:
        return Phase.ENDED
    return Phase.IN_FORCE


def _in_phase(table: type[Any], phase: Phase, today: date) -> list[ColumnElement[bool]]:
    match phase:
        case Phase.IN_FORCE:
            return [table.valid.contains(today)]
        case Phase.COMING:
            return [func.lower(table.valid) > today]
        case Phase.ENDED:
            return [func.upper(table.valid) <= today]
        case Phase.RUNNING:
            return [func.coalesce(func.upper(table.valid) > today, True)]
        case Phase.ALL:
            return []


def _narrowed(kind: TermKind, wanted: WantedTerms) -> list[ColumnElement[bool]]:
    table, found = TABLES[kind], []
    if wanted.product_id is not None:
        column = table.product_ids if kind is TermKind.PROMOTIONS else table.product_id
        named = (
            column.contains([wanted.product_id])
            if kind is TermKind.PROMOTIONS
            else column == wanted.product_id
        )
        found.append(or_(column.is_(None), named))
    if wanted.city_code is not None and kind is TermKind.PRICES:
        found.append(or_(table.city_code.is_(None), table.city_code == wanted.city_code))
    if wanted.channel is not None and kind in {TermKind.PRICES, TermKind.PROMOTIONS}:
        found.append(or_(table.channel.is_(None), table.channel == wanted.channel))
    return found


async def list_terms(
    session: AsyncSession,
    kind: TermKind,
    wanted: WantedTerms,
    *,
    today: date,
    limit: int,
    after: UUID | None = None,
) -> list[Term]:
    """Terms of a kind: prices by product, the others with the latest first day first.

    `after` is the last one's id; a page behind one that is gone is empty.
    """
    table = TABLES[kind]
    query: Select[Any] = select(table).where(
        *_in_phase(table, wanted.phase, today), *_narrowed(kind, wanted)
    )
    if kind is TermKind.PRICES:
        query = query.join(Product, Product.id == table.product_id)
        order = [
            Product.code,
            func.coalesce(table.city_code, ""),
            func.coalesce(table.channel, ""),
            func.coalesce(func.lower(table.valid), _OPEN_FIRST),
            table.id,
        ]
    else:
        order = [func.lower(table.valid), table.id]
    if after is not None:
        place = await _place(session, kind, after)
        if place is None:
            query = query.where(false())
        else:
            here = tuple_(*order)
            query = query.where(here > place if kind is TermKind.PRICES else here < place)
    if kind is not TermKind.PRICES:
        order = [column.desc() for column in order]
    return list(await session.scalars(query.order_by(*order).limit(limit)))


async def _place(session: AsyncSession, kind: TermKind, term_id: UUID) -> Any:
    term = await session.get(TABLES[kind], term_id)
    if term is None:
        return None
    if kind is TermKind.PRICES:
        product = await session.get_one(Product, term.product_id)
        first = term.valid.lower or _OPEN_FIRST
        return tuple_(product.code, term.city_code or "", term.channel or "", first, term.id)
    return tuple_(term.valid.lower, term.id)


async def get_term(session: AsyncSession, kind: TermKind, term_id: UUID) -> Term:
    """One term; raises PriceUnknown, DiscountUnknown, PromotionUnknown, DepositRateUnknown."""
    found: Term | None = await session.get(TABLES[kind], term_id)
    if found is None:
        raise _UNKNOWN[kind]
    return found
