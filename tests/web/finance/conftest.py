"""Money on its way back, as finance finds it in the morning."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import httpx
import pytest

from app.billing.models import Payment, Refund
from app.billing.service import approve_refund, record_door_payment, request_refund
from app.billing.states import PaymentChannel
from app.core.ids import new_id, public_pair
from app.identity.models import Role
from tests.factories import orders
from tests.factories.billing import SLIP
from tests.factories.world import MORNING
from tests.fixtures.application import app_over
from tests.fixtures.site import Site


@dataclass
class Till:
    """Payments taken at doors and refunds asked for, made as the product makes them."""

    site: Site
    client: httpx.AsyncClient
    receipts: int = 0

    async def order(self) -> tuple[UUID, str]:
        """An order of the world's household; its id and number."""
        placed = await orders.place(self.client, self.site.world, self.site.world.household)
        return orders.ids_of(placed)[1], placed["order_no"]

    async def take(
        self,
        reference_id: UUID | None = None,
        *,
        channel: PaymentChannel = PaymentChannel.CASH,
        fen: int = 9_000,
    ) -> Payment:
        """Cash or a card at the door."""
        self.receipts += 1
        async with self.site.database.transaction() as session:
            return await record_door_payment(
                session,
                customer_id=self.site.world.household.customer_id,
                reference_id=reference_id or new_id(),
                channel=channel,
                amount_fen=fen,
                collector_id=self.site.world.deliverers[0],
                receipt_no=f"A-{self.receipts:04}",
                pos_slip=SLIP if channel is PaymentChannel.POS else None,
                collected_at=MORNING,
                payment_id=new_id(),
                now=MORNING,
            )

    async def ask(self, payment: Payment, *, fen: int, by: UUID | None = None) -> str:
        """A refund that waits for finance; its public id."""
        async with self.site.database.transaction() as session:
            [refund] = await request_refund(
                session,
                customer_id=payment.customer_id,
                reference_id=payment.reference_id,
                amount_fen=fen,
                cause=f"order_cancelled:{new_id()}",
                now=MORNING,
                requested_by=by,
            )
        return public_pair("rfd", refund.customer_id, refund.refund_id)

    async def refund(self, refund_id: UUID) -> Refund:
        """A refund as it stands now."""
        async with self.site.database.transaction() as session:
            found = await session.get_one(
                Refund, (self.site.world.household.customer_id, refund_id)
            )
            session.expunge(found)
            return found

    async def approve(self, refund_id: UUID) -> None:
        """Let a refund go, as another person of finance."""
        async with self.site.database.transaction() as session:
            await approve_refund(
                session,
                customer_id=self.site.world.household.customer_id,
                refund_id=refund_id,
                by=self.site.world.staff[Role.ADMIN].account_id,
                now=MORNING,
            )


@pytest.fixture
async def till(site: Site) -> AsyncIterator[Till]:
    """The till of the site's city."""
    transport = httpx.ASGITransport(app=app_over(site.runtime), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        yield Till(site, client)
