"""What a city did, written straight into the tables: the raw rows that KPIs are counted from."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.models import ReturnVisit, SatisfactionAnswer, Ticket
from app.aftersales.states import AnswerKind, TicketClass, TicketKind, TicketStatus
from app.core.clock import local_instant
from app.core.ids import new_id
from app.customers.models import Customer, CustomerKind
from app.delivery.models import Stop, StopState
from app.network.models import PlanDay, PlanDayState
from app.orders.models import Order, OrderAgreement
from app.orders.states import ConfirmationKind, OrderSource, OrderStatus
from tests.factories.world import Household, World

SEVEN = time(7, 0)
DAY = timedelta(days=1)


@dataclass
class History:
    """Writes rows of one test city."""

    session: AsyncSession
    world: World
    city_code: str = "310000"

    async def stop(
        self,
        day: date,
        *,
        state: StopState = StopState.MADE,
        seconds_from_seven: float = -3600,
        bulk_marked: bool = False,
        kind: CustomerKind = CustomerKind.HOUSEHOLD,
        block: int = 0,
        deliverer: int | None = None,
    ) -> Stop:
        """One stop; made an hour before 07:00 unless said otherwise. A school is a customer too."""
        made = local_instant(day, SEVEN) + timedelta(seconds=seconds_from_seven)
        customer_id = new_id()
        if kind is not CustomerKind.HOUSEHOLD:
            self.session.add(
                Customer(
                    customer_id=customer_id,
                    kind=kind,
                    phone_sealed=b"",
                    phone_tail="",
                    created_at=made,
                )
            )
        stop = Stop(
            customer_id=customer_id,
            service_date=day,
            address_id=new_id(),
            customer_kind=kind,
            city_code=self.city_code,
            station_id=self.world.station_id,
            block_id=self.world.blocks[block],
            deliverer_id=self.world.deliverers[block if deliverer is None else deliverer],
            stop_no=1,
            bottles=1,
            state=state,
            made_at=made if state is StopState.MADE else None,
            bulk_marked=bulk_marked,
        )
        self.session.add(stop)
        await self.session.flush()
        return stop

    async def ticket(
        self,
        received_at: datetime,
        *,
        kind: TicketKind = TicketKind.COMPLAINT,
        answered_after: timedelta | None = None,
        resolved_after: timedelta | None = None,
        status: TicketStatus | None = None,
        customer_kind: CustomerKind = CustomerKind.HOUSEHOLD,
        block: int | None = 0,
        unfounded: bool | None = None,
        reopened: int = 0,
    ) -> Ticket:
        """One ticket; without a status, what its answer and result make of it."""
        if status is None:
            answered = TicketStatus.OPEN if answered_after is None else TicketStatus.ANSWERED
            status = answered if resolved_after is None else TicketStatus.RESOLVED
        customer_id = new_id()
        ticket = Ticket(
            customer_id=customer_id,
            ticket_id=new_id(),
            ticket_no=customer_id.hex[-10:],
            kind=kind,
            severity=TicketClass.GENERAL,
            category="other",
            is_food_safety=False,
            channel="phone",
            status=status,
            customer_kind=customer_kind,
            city_code=None if block is None else self.city_code,
            station_id=None if block is None else self.world.station_id,
            block_id=None if block is None else self.world.blocks[block],
            deliverer_id=None if block is None else self.world.deliverers[block],
            subject="投诉：其他",
            received_at=received_at,
            answer_due_at=received_at + DAY,
            due_at=received_at + DAY,
            first_answered_at=None if answered_after is None else received_at + answered_after,
            resolved_at=None if resolved_after is None else received_at + resolved_after,
            merged_into_id=new_id() if status is TicketStatus.MERGED else None,
            is_unfounded=unfounded,
            reopened_count=reopened,
        )
        self.session.add(ticket)
        await self.session.flush()
        return ticket

    async def order(
        self, household: Household, confirmed_at: datetime, source: OrderSource | None
    ) -> Order:
        """One confirmed order."""
        order_id = new_id()
        agreement = await self.session.scalar(select(OrderAgreement.version).limit(1))
        order = Order(
            customer_id=household.customer_id,
            order_id=order_id,
            order_no=order_id.hex[-10:],
            status=OrderStatus.DELIVERING,
            confirmation=ConfirmationKind.ONLINE,
            source=source,
            address_id=household.address_id,
            price_fen=100,
            agreement_version=agreement,
            placed_at=confirmed_at,
            confirmed_at=confirmed_at,
        )
        self.session.add(order)
        await self.session.flush()
        return order

    async def answer(
        self,
        at: datetime,
        score: int,
        *,
        kind: AnswerKind = AnswerKind.RETURN_VISIT,
        customer_kind: CustomerKind = CustomerKind.HOUSEHOLD,
        block: int = 0,
    ) -> SatisfactionAnswer:
        """One satisfaction answer."""
        answer = SatisfactionAnswer(
            customer_id=new_id(),
            answer_id=new_id(),
            kind=kind,
            source_id=new_id(),
            score=score,
            customer_kind=customer_kind,
            city_code=self.city_code,
            station_id=self.world.station_id,
            block_id=self.world.blocks[block],
            deliverer_id=self.world.deliverers[block],
            at=at,
        )
        self.session.add(answer)
        await self.session.flush()
        return answer

    async def visit(self, ticket: Ticket, at: datetime, *, reached: bool) -> ReturnVisit:
        """One return visit."""
        visit = ReturnVisit(
            customer_id=ticket.customer_id,
            visit_id=new_id(),
            ticket_id=ticket.ticket_id,
            reached=reached,
            remarks_sealed=None if reached else b"sealed",
            visited_by=new_id(),
            at=at,
        )
        self.session.add(visit)
        await self.session.flush()
        return visit

    async def withdraw(self, day: date, *, station_id: UUID | None = None) -> None:
        """The operator takes a day out before its freeze."""
        row = await self.session.get_one(PlanDay, (station_id or self.world.station_id, day))
        row.state = PlanDayState.WITHDRAWN
        row.reason = "台风"
        await self.session.flush()
