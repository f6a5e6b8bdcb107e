"""Tickets as customers and the service desk handle them, through the API."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.models import Ticket, TicketEvent
from app.aftersales.states import TicketEventKind
from app.core.ids import new_id, read_pair
from app.delivery.models import Delivery, DeliveryStatus
from app.identity.models import Role
from tests.factories.delivery import RunningLine
from tests.factories.world import Household, World, once

HOUR = timedelta(hours=1)


@dataclass
class Desk:
    """The service desk and its customers."""

    client: httpx.AsyncClient
    world: World
    role: Role = Role.SERVICE_AGENT
    complaint: dict[str, Any] = field(
        default_factory=lambda: {
            "kind": "complaint",
            "category": "leaking",
            "body": "今天的奶瓶漏了，袋子里都是奶。",
        }
    )

    @property
    def headers(self) -> dict[str, str]:
        """Authorization of the agent."""
        return self.world.staff[self.role].headers

    async def file(self, household: Household | None = None, **said: Any) -> dict[str, Any]:
        """A customer files a complaint; answers its JSON."""
        filer = household or self.world.household
        answer = await self.client.post(
            "/tickets", json=self.complaint | said, headers=filer.headers | once()
        )
        assert answer.status_code == 201, answer.text
        ticket: dict[str, Any] = answer.json()
        return ticket

    async def act(
        self,
        ticket_id: str,
        action: str,
        *,
        by: dict[str, str] | None = None,
        status: int = 200,
        **body: Any,
    ) -> dict[str, Any]:
        """One action on a ticket, by the agent unless said otherwise; answers its JSON."""
        answer = await self.client.post(
            f"/tickets/{ticket_id}/{action}", json=body, headers=(by or self.headers) | once()
        )
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def reply(self, ticket_id: str, **said: Any) -> dict[str, Any]:
        """A public answer by the agent."""
        return await self.act(ticket_id, "reply", **{"body": "您好，我们马上核实。"} | said)

    async def resolve(self, ticket_id: str, **said: Any) -> dict[str, Any]:
        """The agent tells the result."""
        return await self.act(ticket_id, "resolve", **{"result": "已为您补送。"} | said)

    async def visit(self, ticket_id: str, score: int | None) -> dict[str, Any]:
        """A return visit; without a score nobody was reached."""
        if score is None:
            return await self.act(ticket_id, "return-visit", reached=False, remarks="无人接听")
        return await self.act(ticket_id, "return-visit", reached=True, score=score)

    async def read(
        self, ticket_id: str, *, by: dict[str, str] | None = None, status: int = 200
    ) -> dict[str, Any]:
        """The ticket with its thread."""
        answer = await self.client.get(f"/tickets/{ticket_id}", headers=by or self.headers)
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def queue(self, **filters: Any) -> list[dict[str, Any]]:
        """The agent's list."""
        answer = await self.client.get("/tickets", params=filters, headers=self.headers)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items


async def stored(session: AsyncSession, ticket_id: str) -> Ticket:
    """The row behind a ticket's public id, read anew."""
    return await session.get_one(Ticket, read_pair("tkt", ticket_id), populate_existing=True)


async def count_breaches(session: AsyncSession, ticket_id: str) -> int:
    """Breach records of a ticket."""
    customer_id, row_id = read_pair("tkt", ticket_id)
    found = await session.scalars(
        select(TicketEvent).where(
            TicketEvent.customer_id == customer_id,
            TicketEvent.ticket_id == row_id,
            TicketEvent.kind == TicketEventKind.BREACHED,
        )
    )
    return len(found.all())


async def add_delivery(
    session: AsyncSession,
    world: World,
    line: RunningLine,
    service_date: Any,
    *,
    block: int = 0,
    status: DeliveryStatus = DeliveryStatus.DELIVERED,
    done_at: datetime | None = None,
) -> tuple[UUID, UUID]:
    """One delivery of a line as the plan and the phone would have written it."""
    session.add(
        Delivery(
            customer_id=line.customer_id,
            service_date=service_date,
            order_line_id=line.order_line_id,
            delivery_no=0,
            product_id=line.product_id,
            quantity=1,
            quantity_delivered=1 if status is DeliveryStatus.DELIVERED else 0,
            address_id=line.address_id,
            address_version_id=line.address_version_id,
            station_id=world.station_id,
            block_id=world.blocks[block],
            deliverer_id=world.deliverers[block],
            stop_no=1,
            status=status,
            done_at=done_at,
            event_id=new_id(),
        )
    )
    await session.flush()
    return world.blocks[block], world.deliverers[block]
