"""Closed months in SQL: figures summed from the days, kept as reported."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import exists, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.kpi.definitions import KpiKey
from app.kpi.models import KpiDay, KpiDayMark, KpiMonth, KpiMonthFigure
from app.kpi.rules import Period

_KEEP = """
INSERT INTO kpi_month_figures (month, scope, key, numerator, denominator, longest_ms, target)
SELECT :month, d.scope, d.key, sum(d.numerator), sum(d.denominator), max(d.longest_ms), t.target
FROM (
    SELECT k.scope, k.key, k.numerator, k.denominator, k.longest_ms FROM kpi_days k
    WHERE k.service_date BETWEEN :first AND :last
    UNION ALL
    SELECT m.scope, m.key, m.numerator, m.denominator, NULL
    FROM unnest(CAST(:scopes AS text[]), CAST(:of AS text[]), CAST(:numerators AS bigint[]),
                CAST(:denominators AS bigint[])) AS m(scope, key, numerator, denominator)
) d
JOIN unnest(CAST(:keys AS text[]), CAST(:targets AS numeric[])) AS t(key, target) ON t.key = d.key
GROUP BY d.scope, d.key, t.target
"""


async def open_closing(session: AsyncSession, *, month: date, actor: str, now: datetime) -> bool:
    """Claim a month's closing; false when it has been closed."""
    claimed = await session.scalar(
        insert(KpiMonth)
        .values(month=month, closed_at=now, closed_by=actor)
        .on_conflict_do_nothing()
        .returning(KpiMonth.month)
    )
    return claimed is not None


async def keep_figures(
    session: AsyncSession,
    *,
    month: date,
    period: Period,
    targets: Mapping[KpiKey, Decimal],
    of_mornings: Sequence[tuple[str, KpiKey, int, int]],
) -> None:
    """Sum a month's days into its figures, for every scope at once.

    `of_mornings`: (scope, KPI, numerator, denominator) of blocks, whose stops are not in the days.
    """
    await session.execute(
        text(_KEEP),
        {
            "month": month,
            "first": period.first,
            "last": period.last,
            "keys": [key.value for key in targets],
            "targets": list(targets.values()),
            "scopes": [row[0] for row in of_mornings],
            "of": [row[1].value for row in of_mornings],
            "numerators": [row[2] for row in of_mornings],
            "denominators": [row[3] for row in of_mornings],
        },
    )


async def list_counted(session: AsyncSession, period: Period) -> set[date]:
    """Days of a period that have been counted."""
    return set(
        await session.scalars(
            select(KpiDayMark.service_date).where(
                KpiDayMark.service_date.between(period.first, period.last)
            )
        )
    )


async def list_months(
    session: AsyncSession, *, limit: int, before: date | None, of_scope: str | None = None
) -> list[KpiMonth]:
    """Closed months, the newest first; those alone that have figures of a scope."""
    query = select(KpiMonth).order_by(KpiMonth.month.desc()).limit(limit)
    if of_scope is not None:
        query = query.where(
            exists().where(KpiMonthFigure.month == KpiMonth.month, KpiMonthFigure.scope == of_scope)
        )
    if before is not None:
        query = query.where(KpiMonth.month < before)
    return list(await session.scalars(query))


async def find_month(session: AsyncSession, month: date) -> KpiMonth | None:
    """One closed month."""
    return await session.get(KpiMonth, month)


async def list_figures(
    session: AsyncSession, *, months: Sequence[date], scope: str
) -> list[KpiMonthFigure]:
    """Figures of some months and a scope, as reported."""
    found = await session.scalars(
        select(KpiMonthFigure).where(
            KpiMonthFigure.month.in_(months), KpiMonthFigure.scope == scope
        )
    )
    return list(found)


async def sum_days(
    session: AsyncSession, *, period: Period, scope: str
) -> dict[KpiKey, tuple[int, int, int | None]]:
    """A period's figures of a scope as known now: (numerator, denominator, longest ms)."""
    rows = await session.execute(
        select(
            KpiDay.key,
            func.sum(KpiDay.numerator),
            func.sum(KpiDay.denominator),
            func.max(KpiDay.longest_ms),
        )
        .where(KpiDay.scope == scope, KpiDay.service_date.between(period.first, period.last))
        .group_by(KpiDay.key)
    )
    return {KpiKey(row[0]): (int(row[1]), int(row[2]), row[3]) for row in rows}
