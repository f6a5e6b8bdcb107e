"""JSON endpoints of orders."""

from typing import Annotated

from fastapi import Depends, Query, Request, Response

from app.billing.service import ask_channel
from app.billing.states import PaymentChannel
from app.core.clock import local_date
from app.core.db import Database, SessionDep
from app.core.errors import NotFound
from app.core.idempotency import IdempotentDep
from app.core.ids import named_id, read_pair, read_single
from app.core.pagination import Page, PageDep, cursor_of
from app.core.unit import Router
from app.customers.service import get_address
from app.identity.access import OPEN, Allow, ClockDep, CustomerCaller, DelivererCaller, Principal
from app.identity.models import Role
from app.orders import (
    agreement_api,
    changes_api,
    deposits_api,
    phone_api,
    policies_api,
    presenting,
    recorded_api,
    repository,
    service,
)
from app.orders.callers import OrderReader, own_order
from app.orders.quote_schemas import QuoteOut
from app.orders.schemas import (
    AgreementIn,
    AgreementOut,
    DoorOrderIn,
    DoorOrderOut,
    LineIn,
    OrderHistoryOut,
    OrderIn,
    OrderOut,
    PaymentIn,
    PaymentStarted,
    QuoteIn,
    ReviewIn,
    ReviewOut,
)
from app.orders.service.placing import WantedLine
from app.orders.states import OrderSource

router = Router(tags=["orders"])

Publisher = Annotated[Principal, Depends(Allow(Role.MANAGER, Role.ADMIN))]
Reviewer = Annotated[Principal, Depends(Allow(Role.REVIEWER, Role.MANAGER))]


def _wanted(lines: list[LineIn]) -> list[WantedLine]:
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


@router.get("/order-agreement", dependencies=[OPEN])
async def read_agreement(session: SessionDep, clock: ClockDep) -> AgreementOut:
    """The order agreement in force."""
    agreement = await repository.current_agreement(session, on=clock.today())
    if agreement is None:
        raise NotFound
    return AgreementOut.model_validate(agreement)


@router.post("/order-agreements", status_code=201)
async def publish_agreement(body: AgreementIn, _: Publisher, session: SessionDep) -> AgreementOut:
    """Publish a version of the order agreement; a published version is never edited."""
    agreement = await service.publish_agreement(
        session, version=body.version, text=body.text, effective_date=body.effective_date
    )
    return AgreementOut.model_validate(agreement)


@router.post("/orders/quote", dependencies=[OPEN])
async def quote(body: QuoteIn, session: SessionDep, clock: ClockDep) -> QuoteOut:
    """Every delivery date and the price; an uncovered address is a warning."""
    now = clock.now()
    result = await service.quote(
        session,
        building=body.address.building(),
        lines=_wanted(body.lines),
        source=OrderSource(body.source),
        now=now,
    )
    version = await repository.current_version(session, on=local_date(now))
    return presenting.quote_out(result, agreement_version=version or "")


@router.post("/orders", status_code=201, response_model=OrderOut)
async def place_order(
    body: OrderIn,
    caller: CustomerCaller,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """Place an order; it waits for its payment."""
    now = clock.now()
    customer_id, address_id = read_pair("adr", body.address_id)
    if customer_id != caller.customer_id:
        raise NotFound
    building = await get_address(session, customer_id=customer_id, address_id=address_id)
    placed = await service.place_order(
        session,
        customer_id=customer_id,
        building=building,
        lines=_wanted(body.lines),
        source=OrderSource(body.source),
        agreement_version=body.agreement_version,
        now=now,
    )
    return await call.remember(session, 201, presenting.placed_out(placed))


@router.get("/orders")
async def list_orders(
    caller: CustomerCaller, session: SessionDep, clock: ClockDep, page: PageDep
) -> Page[OrderOut]:
    """The caller's orders, newest first."""
    views = await service.list_order_views(
        session,
        customer_id=caller.customer_id,
        limit=page.limit + 1,
        before=page.after_instant(),
        today=clock.today(),
    )
    more = len(views) > page.limit
    shown = views[: page.limit]
    last = shown[-1].order if shown else None
    cursor = cursor_of(last.placed_at.isoformat(), str(last.order_id)) if last and more else None
    return Page(items=[presenting.order_out(view) for view in shown], next_cursor=cursor)


@router.get("/orders/{order_id}")
async def read_order(
    order_id: str, caller: OrderReader, session: SessionDep, clock: ClockDep
) -> OrderOut:
    """One order."""
    customer_id, row_id = own_order(caller, order_id)
    view = await service.view_order(
        session, customer_id=customer_id, order_id=row_id, today=clock.today()
    )
    return presenting.order_out(view)


@router.get("/orders/{order_id}/history")
async def read_history(order_id: str, caller: OrderReader, session: SessionDep) -> OrderHistoryOut:
    """Moves and changes of an order: who, when, why."""
    customer_id, row_id = own_order(caller, order_id)
    await repository.get_order(session, customer_id, row_id)
    moves = await repository.list_history(session, customer_id, row_id)
    changes = await repository.list_changes(session, customer_id, row_id)
    return presenting.history_out(moves, changes)


@router.post("/orders/{order_id}/payments", status_code=201, response_model=PaymentStarted)
async def pay_order(
    order_id: str,
    body: PaymentIn,
    request: Request,
    caller: CustomerCaller,
    call: IdempotentDep,
    clock: ClockDep,
) -> Response:
    """Start a payment: the attempt is committed before the channel is asked."""
    customer_id, row_id = own_order(caller, order_id)
    database: Database = request.app.state.database
    async with database.transaction() as session:
        payment = await service.start_payment(
            session,
            customer_id=customer_id,
            order_id=row_id,
            payment_id=named_id(row_id, call.name),
            channel=PaymentChannel(body.channel),
            method=body.way,
            openid=body.openid,
            payer_address=None if request.client is None else request.client.host,
            now=clock.now(),
        )
    asked = await ask_channel(
        database, customer_id=customer_id, payment_id=payment.payment_id, now=clock.now()
    )
    return await call.remember_alone(database, 201, presenting.payment_out(asked))


@router.get("/reviews")
async def list_reviews(
    _: Reviewer,
    session: SessionDep,
    clock: ClockDep,
    page: PageDep,
    city: Annotated[str | None, Query(pattern=r"^[0-9]{6}$")] = None,
) -> Page[ReviewOut]:
    """Orders and moves that wait for a reviewer, oldest first: why, and the blocks near the building."""
    waiting = await service.list_waiting(
        session,
        limit=page.limit + 1,
        after=page.after_instant(),
        today=clock.today(),
        city_code=city,
    )
    shown = waiting[: page.limit]
    more = len(waiting) > page.limit
    last = shown[-1].review if shown else None
    cursor = cursor_of(last.opened_at.isoformat(), str(last.review_id)) if last and more else None
    return Page(items=[presenting.review_out(item) for item in shown], next_cursor=cursor)


@router.post("/orders/{order_id}/review", status_code=201, response_model=OrderOut)
async def review_order(
    order_id: str,
    body: ReviewIn,
    caller: Reviewer,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """Approve an order or its move into a block, or reject it with a reason.

    A rejected order is refunded by itself; a rejected move leaves everything as it is.
    """
    customer_id, row_id = own_order(caller, order_id)
    await service.decide_review(
        session,
        customer_id=customer_id,
        order_id=row_id,
        approve=body.decision == "approve",
        block_id=None if body.block_id is None else read_single("blk", body.block_id),
        stop_no=body.stop_no,
        reason=body.reason,
        actor=caller.actor,
        now=clock.now(),
        change_id=None
        if body.change_id is None
        else changes_api.change_of(customer_id, body.change_id),
    )
    view = await service.view_order(
        session, customer_id=customer_id, order_id=row_id, today=clock.today()
    )
    return await call.remember(session, 201, presenting.order_out(view))


@router.post("/offline-orders", status_code=201, response_model=DoorOrderOut)
async def place_door_order(
    body: DoorOrderIn,
    caller: DelivererCaller,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """Log an order at the door; the client-made id makes it safe to send twice."""
    placed = await service.place_door_order(
        session,
        taken=presenting.door_order(body, deliverer_id=caller.own_deliverer_id),
        now=clock.now(),
    )
    answer = DoorOrderOut(
        order_id=placed.order_public_id,
        order_no=placed.order_no,
        first_date=placed.first_date,
        repeated=placed.is_repeat,
    )
    return await call.remember(session, 201, answer)


# Routes are tried in turn: those of every order come first.
router.include_router(agreement_api.router)
router.include_router(phone_api.router)
router.include_router(changes_api.router)
router.include_router(policies_api.router)
router.include_router(recorded_api.router)
router.include_router(deposits_api.router)
