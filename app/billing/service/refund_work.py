"""Finance's work on refunds: the list of what waits, and who may do the next step (S1 5.2.7)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.models import Refund
from app.billing.repository import refund_work as rows
from app.billing.repository.refund_work import Endings, RefundTask, WorkSum
from app.billing.service.finishing import REFUSALS_THAT_PASS, REFUSED
from app.billing.service.marketplace import IN_PARTS
from app.billing.states import RefundWork

__all__ = ["RefundTask", "WorkSum", "list_refund_work", "may_act_on", "sum_refund_work"]

ENDINGS: Final = Endings(refused=REFUSED, passing=REFUSALS_THAT_PASS, replaced=IN_PARTS)


async def list_refund_work(
    session: AsyncSession,
    *,
    work: RefundWork,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[RefundTask]:
    """Refunds that wait for an act, oldest first; those that are done, newest first."""
    return await rows.list_tasks(session, work=work, endings=ENDINGS, after=after, limit=limit)


async def sum_refund_work(session: AsyncSession) -> dict[RefundWork, WorkSum]:
    """How much waits for each act, and since when."""
    return await rows.sum_work(session, endings=ENDINGS)


def may_act_on(refund: Refund, *, by: UUID) -> bool:
    """Whether this person may be the second one: nobody decides on what he asked for himself."""
    return refund.requested_by != by
