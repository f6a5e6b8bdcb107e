"""Leafing through the rows behind a KPI."""

from app.kpi.definitions import KpiKey
from app.kpi.drilldown import list_kpi_rows
from app.kpi.measuring import Question


async def sum_of_rows(asking: Question, key: KpiKey) -> tuple[int, int]:
    """What the drill-down's pages add up to; no row comes twice."""
    seen: list[tuple[str, str]] = []
    good = total = 0
    after = None
    while True:
        page = await list_kpi_rows(
            asking.session,
            key=key,
            scope=asking.scope,
            period=asking.period,
            now=asking.now,
            limit=3,
            after=after,
        )
        for row in page.rows:
            seen.append((str(row.denominator), row.id))
            good += row.numerator
            total += row.denominator
        after = page.next_place
        if after is None:
            assert len(seen) == len(set(seen))
            return good, total
