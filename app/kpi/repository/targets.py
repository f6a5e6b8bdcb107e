"""Targets of the operator: dated rows, per KPI at most one at a time."""

from datetime import date
from decimal import Decimal

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import new_id
from app.kpi.definitions import KpiKey
from app.kpi.errors import TargetChangedMeanwhile
from app.kpi.models import KpiTarget

EXCLUSION_VIOLATION = "23P01"


async def targets_on(session: AsyncSession, *, on: date) -> dict[KpiKey, Decimal]:
    """The operator's targets in force on a date."""
    rows = await session.execute(
        select(KpiTarget.key, KpiTarget.value).where(KpiTarget.valid.contains(on))
    )
    return {KpiKey(row.key): row.value for row in rows}


async def list_targets(session: AsyncSession) -> list[KpiTarget]:
    """Every target ever in force, by KPI and date."""
    return list(
        await session.scalars(
            select(KpiTarget).order_by(KpiTarget.key, func.lower(KpiTarget.valid))
        )
    )


async def replace_target(
    session: AsyncSession, *, key: KpiKey, value: Decimal, from_date: date
) -> KpiTarget:
    """Let a value hold from a date on; what held before ends there, what was planned is dropped.

    Raises TargetChangedMeanwhile when another change came first.
    """
    mine = KpiTarget.key == key
    await session.execute(select(KpiTarget.id).where(mine).with_for_update())
    await session.execute(delete(KpiTarget).where(mine, func.lower(KpiTarget.valid) >= from_date))
    await session.execute(
        update(KpiTarget)
        .where(mine, KpiTarget.valid.contains(from_date))
        .values(valid=func.daterange(func.lower(KpiTarget.valid), from_date, "[)"))
        .execution_options(synchronize_session=False)
    )
    target = KpiTarget(id=new_id(), key=key, valid=Range(from_date, None, bounds="[)"), value=value)
    session.add(target)
    try:
        await session.flush()
    except IntegrityError as error:
        if getattr(error.orig, "sqlstate", None) == EXCLUSION_VIOLATION:
            raise TargetChangedMeanwhile from error
        raise
    return target
