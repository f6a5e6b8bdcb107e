"""JSON endpoints of deposit rates: dated rows, kept by those who answer for money."""

from fastapi import Response

from app.catalog import dated, deposits
from app.catalog.models import DepositRate
from app.catalog.price_api import Pricer, Reader, dated_page, days_of
from app.catalog.schemas import CalendarDate, DepositRateIn, DepositRateOut, PriceEnd
from app.core.db import SessionDep
from app.core.idempotency import IdempotentDep
from app.core.ids import public_single, read_single
from app.core.pagination import Page, PageDep
from app.core.unit import Router
from app.identity.access import ClockDep

router = Router()


def _out(rate: DepositRate) -> DepositRateOut:
    first, last = days_of(rate.valid)
    product = rate.product_id
    return DepositRateOut(
        id=public_single("dpr", rate.id),
        kind=rate.kind,
        product_id=None if product is None else public_single("prd", product),
        amount_fen=rate.amount_fen,
        from_date=first,
        to_date=last,
    )


@router.get("/deposit-rates")
async def list_rates(
    _: Reader, session: SessionDep, page: PageDep, on: CalendarDate | None = None
) -> Page[DepositRateOut]:
    """Deposit rates, those of a day or all, the latest first."""
    found = await dated.list_rows(
        session, DepositRate, on=on, limit=page.limit + 1, after=page.after_date()
    )
    return dated_page(found, page, _out)


@router.post("/deposit-rates", status_code=201, response_model=DepositRateOut)
async def add_rate(
    caller: Pricer, call: IdempotentDep, session: SessionDep, clock: ClockDep, body: DepositRateIn
) -> Response:
    """Let a rate hold from a day on; what was asked before stays as it was."""
    product = body.product_id
    made = await deposits.add_rate(
        session,
        kind=body.kind,
        product_id=None if product is None else read_single("prd", product),
        amount_fen=body.amount_fen,
        from_date=body.from_date,
        to_date=body.to_date,
        actor=caller.actor,
        now=clock.now(),
        today=clock.today(),
    )
    return await call.remember(session, 201, _out(made))


@router.patch("/deposit-rates/{rate}")
async def end_rate(
    rate: str, _: Pricer, session: SessionDep, clock: ClockDep, body: PriceEnd
) -> DepositRateOut:
    """Give a rate another last day."""
    changed = await dated.end_row(
        session,
        DepositRate,
        row_id=read_single("dpr", rate),
        to_date=body.to_date,
        today=clock.today(),
    )
    return _out(changed)


@router.delete("/deposit-rates/{rate}", status_code=204)
async def drop_rate(rate: str, _: Pricer, session: SessionDep, clock: ClockDep) -> None:
    """Take back a rate that has not begun."""
    await dated.drop_row(session, DepositRate, row_id=read_single("dpr", rate), today=clock.today())
