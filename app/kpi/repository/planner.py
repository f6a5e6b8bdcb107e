"""What keeps PostgreSQL's planner from a bad guess."""

from sqlalchemy import literal, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.base import EnumText
from app.customers.models import Customer, CustomerKind

IS_NO_HOUSEHOLD = Customer.kind != literal(
    CustomerKind.HOUSEHOLD, EnumText(CustomerKind), literal_execute=True
)
"""Of a customer. In words, as only then the partial index over these few is thought of."""


async def plan_for_these_values(session: AsyncSession) -> None:
    """Plan each statement of the transaction for its own dates.

    A plan for any dates ignores how many rows these have, and takes twice the time.
    """
    await session.execute(text("SELECT set_config('plan_cache_mode', 'force_custom_plan', true)"))
