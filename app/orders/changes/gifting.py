"""Dated gifts (赠送) follow the days of their lines."""

from collections.abc import Iterable, Sequence
from datetime import date

from sqlalchemy.ext.asyncio import AsyncSession

from app.orders import repository
from app.orders.gifts import days_of, due_days, promised_days
from app.orders.models import OrderLine
from app.orders.repository.gifts import list_gifts, set_due, write_gifts
from app.orders.rules import Term


async def promise_gifts(session: AsyncSession, line: OrderLine, terms: Iterable[Term]) -> None:
    """Promise a line's dated gifts for the days its terms bring milk on."""
    if line.dated_gifts and line.gift_every:
        days = days_of(terms)
        promised = promised_days(days, gifts=line.dated_gifts, every=line.gift_every)
        await write_gifts(session, line, promised)


async def refit_gifts(session: AsyncSession, lines: Sequence[OrderLine], *, since: date) -> None:
    """Let dated gifts follow their lines, whose terms have been written anew from `since` on.

    A line that begins another day than before is promised its gifts anew. Else a promised day
    stands as long as it has milk.
    """
    given = [line for line in lines if line.dated_gifts]
    if not given:
        return
    keys = [(line.customer_id, line.order_line_id) for line in given]
    terms = await repository.list_terms(session, keys)
    gifts = await list_gifts(session, given)
    for line in given:
        days, mine = days_of(terms[line.order_line_id]), gifts[line.order_line_id]
        has_come = any(gift.brought_date is not None for gift in mine)
        if days and days[0][0] >= since and not has_come:
            await promise_gifts(session, line, terms[line.order_line_id])
            continue
        waiting = [gift for gift in mine if gift.brought_date is None]
        due = due_days(
            [(gift.promised_date, gift.bottles) for gift in waiting],
            days,
            since=since,
            goes_on=line.unscheduled_bottles > 0,
        )
        moved = [
            (gift.gift_id, day)
            for gift, day in zip(waiting, due, strict=True)
            if gift.due_date != day
        ]
        await set_due(session, line.customer_id, moved)
