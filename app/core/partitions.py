"""Monthly partitions, made ahead of need."""

from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

PARTITIONED = ("deliveries", "stops", "ledger_transfers", "temperature_readings")
"""Tables cut by month of their date (or, for readings, their UTC instant)."""

MONTHS_BACK = 14
MONTHS_AHEAD = 14


def month_after(month: date, count: int = 1) -> date:
    """First day of the month `count` months later."""
    index = month.year * 12 + month.month - 1 + count
    return date(index // 12, index % 12 + 1, 1)


async def ensure_partitions(connection: AsyncConnection, *, around: date) -> int:
    """Make the missing partitions around a date; answers how many were made."""
    first = month_after(around.replace(day=1), -MONTHS_BACK)
    months = [month_after(first, step) for step in range(MONTHS_BACK + MONTHS_AHEAD + 1)]
    present = set(
        await connection.scalars(text("SELECT relname FROM pg_class WHERE relispartition"))
    )
    made = 0
    for table in PARTITIONED:
        for month in months:
            name = f"{table}_{month:%Y_%m}"
            if name in present:
                continue
            await connection.execute(
                text(
                    f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF {table}"
                    f" FOR VALUES FROM ('{month}') TO ('{month_after(month)}')"
                )
            )
            made += 1
    return made
