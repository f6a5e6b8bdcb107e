"""JSON endpoints of period discounts: dated rows, kept by those who answer for money."""

from fastapi import Response

from app.catalog import dated, discounting
from app.catalog.models import PeriodDiscount
from app.catalog.price_api import Pricer, Reader, dated_page, days_of
from app.catalog.schemas import CalendarDate, DiscountIn, DiscountOut, PriceEnd
from app.core.db import SessionDep
from app.core.idempotency import IdempotentDep
from app.core.ids import public_single, read_single
from app.core.pagination import Page, PageDep
from app.core.unit import Router
from app.identity.access import ClockDep

router = Router()


def _out(discount: PeriodDiscount) -> DiscountOut:
    first, last = days_of(discount.valid)
    product = discount.product_id
    return DiscountOut(
        id=public_single("dsc", discount.id),
        name=discount.name,
        product_id=None if product is None else public_single("prd", product),
        min_days=discount.min_days,
        min_bottles=discount.min_bottles,
        off_permille=discount.off_permille,
        off_fen=discount.off_fen,
        from_date=first,
        to_date=last,
    )


@router.get("/period-discounts")
async def list_discounts(
    _: Reader, session: SessionDep, page: PageDep, on: CalendarDate | None = None
) -> Page[DiscountOut]:
    """Period discounts, those of a day or all, the latest first."""
    found = await dated.list_rows(
        session, PeriodDiscount, on=on, limit=page.limit + 1, after=page.after_date()
    )
    return dated_page(found, page, _out)


@router.post("/period-discounts", status_code=201, response_model=DiscountOut)
async def add_discount(
    caller: Pricer, call: IdempotentDep, session: SessionDep, clock: ClockDep, body: DiscountIn
) -> Response:
    """Let a discount hold from a day to come on; lines bought before keep theirs."""
    said = body.model_dump(exclude={"product_id"})
    product = body.product_id
    made = await discounting.add_discount(
        session,
        **said,
        product_id=None if product is None else read_single("prd", product),
        actor=caller.actor,
        now=clock.now(),
        today=clock.today(),
    )
    return await call.remember(session, 201, _out(made))


@router.patch("/period-discounts/{discount}")
async def end_discount(
    discount: str, _: Pricer, session: SessionDep, clock: ClockDep, body: PriceEnd
) -> DiscountOut:
    """Give a discount another last day."""
    changed = await dated.end_row(
        session,
        PeriodDiscount,
        row_id=read_single("dsc", discount),
        to_date=body.to_date,
        today=clock.today(),
    )
    return _out(changed)


@router.delete("/period-discounts/{discount}", status_code=204)
async def drop_discount(discount: str, _: Pricer, session: SessionDep, clock: ClockDep) -> None:
    """Take back a discount that has not begun."""
    await dated.drop_row(
        session, PeriodDiscount, row_id=read_single("dsc", discount), today=clock.today()
    )
