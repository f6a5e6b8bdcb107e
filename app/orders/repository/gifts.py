"""SQL of gifts that come on days of their own."""

from collections.abc import Collection, Iterable
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import delete, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import new_id
from app.orders.gifts import Gift
from app.orders.models import LineGift, OrderLine
from app.orders.repository.plain import KEYS, OF_KEYS, key_columns, run

_GIFTS = f"""
SELECT t.order_line_id, t.gift_id, t.bottles, t.promised_date, t.due_date, t.brought_date
FROM {KEYS} JOIN line_gifts t ON {OF_KEYS}
WHERE t.lapsed_at IS NULL
ORDER BY t.order_line_id, t.promised_date, t.gift_id
"""
_SET_DUE = """
UPDATE line_gifts g SET due_date = n.due_date
FROM unnest($2::uuid[], $3::date[]) AS n(gift_id, due_date)
WHERE g.customer_id = $1 AND g.gift_id = n.gift_id AND g.brought_date IS NULL
"""
# What lies on a day that still brings something comes with it: that day is frozen.
_LAPSE = """
UPDATE line_gifts g SET lapsed_at = :now
FROM order_lines l
WHERE l.customer_id = :customer AND l.order_id = :order
  AND g.customer_id = l.customer_id AND g.order_line_id = l.order_line_id
  AND g.brought_date IS NULL AND g.lapsed_at IS NULL
  AND g.due_date >= coalesce((
      SELECT max(upper(t.valid)) FROM order_terms t
      WHERE t.customer_id = l.customer_id AND t.order_line_id = l.order_line_id), '-infinity')
"""


async def list_gifts(session: AsyncSession, lines: Collection[OrderLine]) -> dict[UUID, list[Gift]]:
    """Dated gifts of lines by line, in the order they were promised; lapsed ones are none."""
    gifts: dict[UUID, list[Gift]] = {line.order_line_id: [] for line in lines}
    keys = [(line.customer_id, line.order_line_id) for line in lines if line.dated_gifts]
    if keys:
        for row in await run(session, _GIFTS, *key_columns(keys)):
            line_id, *values = row.values()
            gifts[line_id].append(Gift(*values))
    return gifts


async def write_gifts(
    session: AsyncSession, line: OrderLine, promised: Iterable[tuple[date, int]]
) -> None:
    """Promise a line's gifts, in the place of those promised before; none has come yet."""
    await session.execute(
        delete(LineGift)
        .where(
            LineGift.customer_id == line.customer_id,
            LineGift.order_line_id == line.order_line_id,
        )
        .execution_options(synchronize_session=False)
    )
    session.add_all(
        LineGift(
            customer_id=line.customer_id,
            gift_id=new_id(),
            order_line_id=line.order_line_id,
            bottles=bottles,
            promised_date=day,
            due_date=day,
        )
        for day, bottles in promised
    )
    await session.flush()


async def set_due(
    session: AsyncSession, customer_id: UUID, due: Collection[tuple[UUID, date]]
) -> None:
    """Give gifts that have not come another day: (gift, day)."""
    if due:
        gift_ids, days = zip(*due, strict=True)
        await run(session, _SET_DUE, customer_id, list(gift_ids), list(days))


async def lapse_gifts(
    session: AsyncSession, *, customer_id: UUID, order_id: UUID, now: datetime
) -> None:
    """Let the gifts of an order that has been cancelled lapse, but for those of a frozen day."""
    values = {"customer": customer_id, "order": order_id, "now": now}
    await session.execute(text(_LAPSE), values)
