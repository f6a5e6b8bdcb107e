"""What cancelling gives back, changed by dated rows."""

from datetime import date

from sqlalchemy.ext.asyncio import AsyncSession

from app.orders.errors import PolicyTooEarly
from app.orders.models import CancelPolicy
from app.orders.repository import policies
from app.orders.states import CardArithmetic


async def add_cancel_policy(
    session: AsyncSession,
    *,
    from_date: date,
    articles: str,
    full_refund_days: int,
    card_days: int,
    card_arithmetic: CardArithmetic,
    actor: str,
    today: date,
) -> CancelPolicy:
    """Let a policy hold for orders bought from a day to come on.

    What was bought keeps the row of its day. Raises PolicyTooEarly, PolicyChangedMeanwhile.
    """
    if from_date <= today:
        raise PolicyTooEarly
    return await policies.replace_policy(
        session,
        from_date=from_date,
        articles=articles,
        full_refund_days=full_refund_days,
        card_days=card_days,
        card_arithmetic=card_arithmetic,
        actor=actor,
    )
