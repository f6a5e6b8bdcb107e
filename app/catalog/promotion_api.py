"""JSON endpoints of promotions: anyone reads what holds today, managers and finance keep them."""

from fastapi import Response

from app.catalog import dated, promoting
from app.catalog.models import Promotion
from app.catalog.price_api import Pricer, Reader, dated_page, days_of
from app.catalog.promotions import Ruled
from app.catalog.schemas import CalendarDate, PriceEnd, PromotionIn, PromotionOut
from app.core.db import SessionDep
from app.core.idempotency import IdempotentDep
from app.core.ids import public_single, read_single
from app.core.pagination import Page, PageDep
from app.core.unit import Router
from app.identity.access import OPEN, ClockDep

router = Router()


def _out(promotion: Promotion) -> PromotionOut:
    first, last = days_of(promotion.valid)
    products = promotion.product_ids
    return PromotionOut(
        id=public_single("prm", promotion.id),
        name=promotion.name,
        rule=promotion.rule,
        product_ids=None if products is None else [public_single("prd", one) for one in products],
        channel=promotion.channel,
        buy_bottles=promotion.buy_bottles,
        gift_bottles=promotion.gift_bottles,
        gift_every=promotion.gift_every,
        off_permille=promotion.off_permille,
        off_fen=promotion.off_fen,
        forbids=[Ruled(one) for one in promotion.forbids],
        from_date=first,
        to_date=last,
    )


@router.get("/promotions", dependencies=[OPEN])
async def list_promotions(
    session: SessionDep, clock: ClockDep, page: PageDep
) -> Page[PromotionOut]:
    """Promotions that hold today, with their rule, the latest first."""
    found = await dated.list_rows(
        session, Promotion, on=clock.today(), limit=page.limit + 1, after=page.after_date()
    )
    return dated_page(found, page, _out)


@router.get("/catalog/promotions")
async def list_all_promotions(
    _: Reader, session: SessionDep, page: PageDep, on: CalendarDate | None = None
) -> Page[PromotionOut]:
    """Promotions of a day, or all, past and coming too."""
    found = await dated.list_rows(
        session, Promotion, on=on, limit=page.limit + 1, after=page.after_date()
    )
    return dated_page(found, page, _out)


@router.post("/promotions", status_code=201, response_model=PromotionOut)
async def add_promotion(
    caller: Pricer, call: IdempotentDep, session: SessionDep, clock: ClockDep, body: PromotionIn
) -> Response:
    """Let a promotion hold from a day to come on."""
    said = body.model_dump(exclude={"product_ids"})
    products = body.product_ids
    made = await promoting.add_promotion(
        session,
        **said,
        product_ids=None
        if products is None
        else list(dict.fromkeys(read_single("prd", one) for one in products)),
        actor=caller.actor,
        now=clock.now(),
        today=clock.today(),
    )
    return await call.remember(session, 201, _out(made))


@router.patch("/promotions/{promotion}")
async def end_promotion(
    promotion: str, _: Pricer, session: SessionDep, clock: ClockDep, body: PriceEnd
) -> PromotionOut:
    """Give a promotion another last day; what was bought under it keeps it."""
    changed = await dated.end_row(
        session,
        Promotion,
        row_id=read_single("prm", promotion),
        to_date=body.to_date,
        today=clock.today(),
    )
    return _out(changed)


@router.delete("/promotions/{promotion}", status_code=204)
async def drop_promotion(promotion: str, _: Pricer, session: SessionDep, clock: ClockDep) -> None:
    """Take back a promotion that has not begun."""
    await dated.drop_row(
        session, Promotion, row_id=read_single("prm", promotion), today=clock.today()
    )
