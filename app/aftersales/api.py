"""JSON endpoints of aftersales (S1 4.5)."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query
from fastapi.responses import Response
from pydantic import AwareDatetime
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales import (
    catalogue_api,
    desk_api,
    link_api,
    promise_api,
    ratings,
    reading,
    service,
    visit_api,
)
from app.aftersales.desk_schemas import DeskPageOut, SearchIn, present_desk_page
from app.aftersales.errors import AssigneeUnknown, ChannelNotYours, CustomerNotNamed
from app.aftersales.handling import DESK
from app.aftersales.repository import DueState, QueueKey, TicketFilter, find_desk_member
from app.aftersales.rights import (
    Customer,
    Filer,
    Reader,
    StaffReader,
    TicketId,
    own_pair,
    own_station,
    shown,
    station_filter,
    ticket_key,
)
from app.aftersales.schemas import (
    RatingIn,
    RatingOut,
    TicketFileOut,
    TicketIn,
    TicketOut,
    present_file,
)
from app.aftersales.service import Filing
from app.aftersales.states import (
    OWN_CHANNELS,
    RUNNING,
    Handling,
    Team,
    TicketClass,
    TicketKind,
    TicketStatus,
)
from app.aftersales.thread import Author
from app.core.db import SessionDep
from app.core.errors import NotFound
from app.core.idempotency import IdempotentDep
from app.core.ids import public_single, read_pair
from app.core.pagination import BadCursor, Page, PageDep, PageRequest, cursor_of
from app.core.unit import Router
from app.customers import service as customers
from app.identity.access import ClockDep, Principal
from app.identity.models import Role

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
Instant = Annotated[AwareDatetime, Query(ge=EARLIEST, le=LATEST)]

router = Router(tags=["aftersales"])
router.include_router(desk_api.router)
router.include_router(catalogue_api.router)
router.include_router(link_api.router)
router.include_router(promise_api.router)
router.include_router(visit_api.router)


async def _customer_named(session: AsyncSession, body: TicketIn, now: datetime) -> UUID:
    named = {
        read_pair(prefix, text)[0]
        for prefix, text in (("ord", body.order_id), ("lin", body.order_line_id))
        if text is not None
    }
    if body.phone is not None:
        named.add(await customers.ensure_customer(session, phone=body.phone, name=None, now=now))
    if len(named) != 1:
        raise CustomerNotNamed
    return named.pop()


@router.post("/tickets", status_code=201, response_model=TicketOut)
async def file_ticket(
    caller: Filer, call: IdempotentDep, session: SessionDep, clock: ClockDep, body: TicketIn
) -> Response:
    """File a complaint, request or consultation; the receipt goes out at once."""
    now = clock.now()
    if caller.has(Role.CUSTOMER):
        if body.channel not in OWN_CHANNELS:
            raise ChannelNotYours
        if body.phone is not None:
            raise CustomerNotNamed
        customer_id = caller.customer_id
    else:
        customer_id = await _customer_named(session, body, now)
    ticket = await service.open_ticket(
        session,
        customer_id=customer_id,
        filing=Filing(
            kind=body.kind,
            category=body.category,
            severity=body.severity,
            handling=None if caller.has(Role.CUSTOMER) else body.handling,
            is_food_safety=body.is_food_safety,
            channel=body.channel,
            body=body.body,
            order_id=own_pair("ord", body.order_id, customer_id),
            order_line_id=own_pair("lin", body.order_line_id, customer_id),
            service_date=body.service_date,
        ),
        author=Author.of(caller),
        now=now,
    )
    return await call.remember(session, 201, shown(caller, ticket))


class QueueQuery:
    """What the list of tickets may be narrowed to."""

    def __init__(
        self,
        status: Annotated[list[TicketStatus] | None, Query(max_length=5)] = None,
        kind: TicketKind | None = None,
        severity: Annotated[list[TicketClass] | None, Query(max_length=3)] = None,
        handling: Handling | None = None,
        food_safety: bool | None = None,
        team: Team | None = None,
        assignee: Annotated[str | None, Query(max_length=100)] = None,
        mine: bool = False,
        assigned: bool | None = None,
        due: DueState | None = None,
        due_before: Instant | None = None,
        station: Annotated[str | None, Query(max_length=80)] = None,
    ) -> None:
        self.wanted = TicketFilter(
            statuses=status,
            kind=kind,
            severities=severity,
            handling=handling,
            is_food_safety=food_safety,
            team=team,
            is_assigned=assigned,
            due_state=due,
            due_before=due_before,
        )
        self.assignee = assignee
        self.mine = mine
        self.station = station


async def _assignee_filter(
    session: AsyncSession, caller: Principal, asked: QueueQuery
) -> UUID | None:
    if asked.mine:
        return caller.account_id
    if asked.assignee is None:
        return None
    member = await find_desk_member(session, login=asked.assignee, roles=DESK)
    if member is None:
        raise AssigneeUnknown
    return member


@router.get("/tickets")
async def list_tickets(
    caller: Reader,
    session: SessionDep,
    page: PageDep,
    clock: ClockDep,
    asked: Annotated[QueueQuery, Depends()],
) -> Page[TicketOut]:
    """Tickets, urgent and food safety first, then by due time.

    Customers see their own. Staff see what is running unless they name a status; `mine`,
    `assignee` (login), `team`, `assigned` say whose, `due` is overdue or due_soon (4 hours).
    """
    if caller.has(Role.CUSTOMER):
        wanted = replace(asked.wanted, customer_id=caller.customer_id, team=None, is_assigned=None)
    else:
        wanted = replace(
            asked.wanted,
            statuses=asked.wanted.statuses or RUNNING,
            station_id=station_filter(caller, asked.station),
            assignee_id=await _assignee_filter(session, caller, asked),
        )
    found = await reading.list_queue(
        session, wanted=wanted, limit=page.limit + 1, after=read_cursor(page), now=clock.now()
    )
    kept = found[: page.limit]
    return Page(
        items=[shown(caller, row.ticket, row.assignee) for row in kept],
        next_cursor=write_cursor(kept[-1].key) if len(found) > page.limit else None,
    )


@router.post("/tickets/search")
async def search_tickets(
    caller: StaffReader, session: SessionDep, clock: ClockDep, body: SearchIn
) -> Page[TicketOut]:
    """Tickets by ticket number, order number or phone, newest first, at most 50.

    A POST keeps the phone out of addresses.
    """
    found = await reading.search_tickets(
        session, text=body.text, station_id=own_station(caller), now=clock.now()
    )
    return Page(items=[shown(caller, row.ticket, row.assignee) for row in found])


def write_cursor(key: QueueKey) -> str:
    """Where the next page of the queue begins."""
    rank, due_at, customer_id, ticket_id = key
    return cursor_of(rank, due_at.isoformat(), str(customer_id), str(ticket_id))


def read_cursor(page: PageRequest) -> QueueKey | None:
    """Where a page of the queue begins; raises BadCursor."""
    match page.after:
        case None:
            return None
        case [int() as rank, str() as due_at, str() as customer_id, str() as ticket_id]:
            try:
                due = datetime.fromisoformat(due_at)
                key = rank, due, UUID(customer_id), UUID(ticket_id)
            except ValueError as error:
                raise BadCursor from error
            if 0 <= rank < 10 and due.tzinfo is not None and EARLIEST <= due <= LATEST:
                return key
    raise BadCursor


@router.get("/tickets/{ticket_id}")
async def read_ticket(caller: Reader, session: SessionDep, ticket_id: TicketId) -> TicketFileOut:
    """A ticket with its thread; customers see its public part."""
    customer_id, row_id = ticket_key(caller, ticket_id)
    for_desk = not caller.has(Role.CUSTOMER)
    file = await reading.read_ticket(
        session,
        customer_id=customer_id,
        ticket_id=row_id,
        station_id=own_station(caller),
        for_desk=for_desk,
    )
    return present_file(file, for_desk=for_desk)


@router.get("/tickets/{ticket_id}/desk")
async def read_desk_page(
    caller: StaffReader, session: SessionDep, clock: ClockDep, ticket_id: TicketId
) -> DeskPageOut:
    """A ticket with its thread, the customer (masked), running orders and the last deliveries."""
    customer_id, row_id = ticket_key(caller, ticket_id)
    page = await reading.read_desk_page(
        session,
        customer_id=customer_id,
        ticket_id=row_id,
        station_id=own_station(caller),
        now=clock.now(),
    )
    return present_desk_page(page)


@router.post("/deliveries-rating", status_code=201, response_model=RatingOut)
async def rate_delivery(
    caller: Customer, call: IdempotentDep, session: SessionDep, clock: ClockDep, body: RatingIn
) -> Response:
    """Rate a day's delivery, once per door and day."""
    line_id = own_pair("lin", body.order_line_id, caller.customer_id)
    if line_id is None:
        raise NotFound
    deliverer_id = await ratings.rate_delivery(
        session,
        customer_id=caller.customer_id,
        order_line_id=line_id,
        service_date=body.service_date,
        score=body.score,
        now=clock.now(),
    )
    answer = RatingOut(
        service_date=body.service_date,
        score=body.score,
        deliverer_id=None if deliverer_id is None else public_single("dlv", deliverer_id),
    )
    return await call.remember(session, 201, answer)
