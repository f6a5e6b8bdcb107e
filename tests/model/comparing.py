"""What the database holds, in the model's words."""

from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import public_pair
from app.core.invariants import check_invariants
from app.orders.repository import list_terms
from tests.model.dairy import Dairy
from tests.model.things import Dearer, Order

FOR_PEOPLE = ("review without decision", "refund requested", "refund approved", "sms queued")
"""What may wait for ever in a history: nobody came to do it, and no SMS account is joined."""
AT_CHANNEL = "refund processing"
"""Refunds end when the history says so."""

ORDERS = """
SELECT o.customer_id, o.order_id, o.status, o.price_fen, l.order_line_id, l.unscheduled_bottles
FROM orders o JOIN order_lines l USING (customer_id, order_id)
"""
DELIVERIES = """
SELECT order_line_id, service_date, delivery_no, quantity, quantity_delivered, status,
       restored_bottles
FROM deliveries
"""
STOPS = """
SELECT address_id, service_date, bottles FROM stops WHERE state <> 'withdrawn'
"""
REFUNDS = """
SELECT reference_id, amount_fen, split_part(cause, ':', 1) AS cause, status FROM refunds
"""
ACCOUNTS = """
SELECT account, sum(fen) AS fen FROM (
    SELECT debit_account AS account, -amount_fen AS fen FROM ledger_transfers
    UNION ALL SELECT credit_account, amount_fen FROM ledger_transfers
) moved GROUP BY account HAVING sum(fen) <> 0
"""
TICKETS = """
SELECT customer_id, ticket_id, status, breached_at IS NOT NULL AS breached, reopened_count, due_at
FROM tickets
"""
GIVEN_UP = """
SELECT order_line_id, sum(bottles) AS bottles FROM entitlement_entries
WHERE kind = 'refunded' GROUP BY order_line_id
"""
VALUES = """
SELECT order_line_id, sum(sign * bottles) AS bottles, sum(sign * value_fen) AS fen
FROM (
    SELECT e.*, CASE WHEN kind IN ('swapped_out', 'transferred_out', 'credited', 'refunded',
                                   'forfeited') THEN -1 ELSE 1 END AS sign
    FROM entitlement_entries e
    WHERE kind <> 'gift' OR cause_id IS NULL
) entries GROUP BY order_line_id
"""
GIFTS = """
SELECT g.order_line_id, g.promised_date, g.due_date, g.bottles, g.brought_date
FROM line_gifts g WHERE g.lapsed_at IS NULL
"""
SET_ASIDE = "SELECT order_line_id, service_date FROM plan_exceptions"
DEARER = "SELECT change_id, status FROM order_changes WHERE pay_fen > 0"
PAYMENTS = "SELECT out_trade_no, status FROM payments WHERE channel = 'wechat'"


async def compare(session: AsyncSession, dairy: Dairy) -> None:
    """Model and database say the same, and every invariant holds."""
    for name, look in LOOKS.items():
        stored, expected = await look(session, dairy)
        assert stored == expected, f"{name}: stored {stored}, expected {expected}"
    broken = await check_invariants(session, now=dairy.now)
    wrong = [
        (found.name, dict(row))
        for found in broken
        for row in found.rows
        if row.get("what") not in {*FOR_PEOPLE, AT_CHANNEL}
    ]
    assert not wrong, wrong


async def _rows(session: AsyncSession, sql: str) -> list[Any]:
    return list((await session.execute(text(sql))).all())


async def _orders(session: AsyncSession, dairy: Dairy) -> tuple[Any, Any]:
    stored = {
        public_pair("ord", row.customer_id, row.order_id): (row.status, row.price_fen)
        for row in await _rows(session, ORDERS)
    }
    return stored, {order.id: (order.status, order.price) for order in dairy.orders}


async def _calendars(session: AsyncSession, dairy: Dairy) -> tuple[Any, Any]:
    keys = [(order.home.customer_id, order.line_id) for order in dairy.orders]
    terms = await list_terms(session, keys)
    stored = {
        str(line_id): {day: count for term in mine for day, count in term.deliveries()}
        for line_id, mine in terms.items()
    }
    expected = {str(order.line_id): order.days for order in dairy.orders}
    return {k: v for k, v in stored.items() if v}, {k: v for k, v in expected.items() if v}


async def _waiting(session: AsyncSession, dairy: Dairy) -> tuple[Any, Any]:
    stored = {
        str(row.order_line_id): row.unscheduled_bottles
        for row in await _rows(session, ORDERS)
        if row.unscheduled_bottles
    }
    return stored, {str(one.line_id): one.waiting for one in dairy.orders if one.waiting}


async def _values(session: AsyncSession, dairy: Dairy) -> tuple[Any, Any]:
    """What every line still has: bottles and fen."""
    stored = {
        str(row.order_line_id): (int(row.bottles), int(row.fen))
        for row in await _rows(session, VALUES)
    }
    return stored, {
        str(one.line_id): (len(one.worth), sum(one.worth)) for one in dairy.orders if one.begun
    }


async def _conserved(session: AsyncSession, dairy: Dairy) -> tuple[Any, Any]:
    """Bottles had and given back by our fault are in the calendar, waiting, or given up."""
    back: Counter[UUID] = Counter()
    for one in dairy.deliveries:
        back[one.order.line_id] += one.restored
    had = {
        str(one.line_id): len(one.worth) - one.corrected[0] + back[one.line_id]
        for one in dairy.orders
        if one.begun and one.status != "cancelled"
    }
    calendars, _ = await _calendars(session, dairy)
    waiting, _ = await _waiting(session, dairy)
    return {line: sum(calendars.get(line, {}).values()) + waiting.get(line, 0) for line in had}, had


async def _deliveries(session: AsyncSession, dairy: Dairy) -> tuple[Any, Any]:
    stored = {
        (str(row.order_line_id), row.service_date, row.delivery_no): (
            row.quantity,
            row.quantity_delivered,
            row.status,
            row.restored_bottles,
        )
        for row in await _rows(session, DELIVERIES)
    }
    return stored, {
        (str(one.order.line_id), one.day, one.no): (one.due, one.brought, one.status, one.restored)
        for one in dairy.deliveries
    }


async def _gifts(session: AsyncSession, dairy: Dairy) -> tuple[Any, Any]:
    """Those of orders that were not cancelled."""
    kept = [one for one in dairy.orders if one.status in {"delivering", "completed"}]
    lines = {one.line_id for one in kept}
    stored = {
        (str(row.order_line_id), row.promised_date): (row.due_date, row.bottles, row.brought_date)
        for row in await _rows(session, GIFTS)
        if row.order_line_id in lines
    }
    return stored, {
        (str(one.line_id), gift.promised): (gift.due, gift.bottles, gift.came)
        for one in kept
        for gift in one.gifts
    }


async def _stops(session: AsyncSession, dairy: Dairy) -> tuple[Any, Any]:
    expected: Counter[Any] = Counter()
    for one in dairy.deliveries:
        if one.status != "cancelled" and one.day <= dairy.planned_until:
            expected[one.order.door_on(one.day).address_id, one.day] += one.due
    stored = {
        (row.address_id, row.service_date): row.bottles for row in await _rows(session, STOPS)
    }
    return stored, dict(expected)


async def _refunds(session: AsyncSession, dairy: Dairy) -> tuple[Any, Any]:
    stored = Counter(
        (str(row.reference_id), row.amount_fen, row.cause, row.status)
        for row in await _rows(session, REFUNDS)
    )
    return stored, Counter(
        (str(one.order.row_id), one.amount, one.cause, one.status) for one in dairy.refunds
    )


async def _accounts(session: AsyncSession, dairy: Dairy) -> tuple[Any, Any]:
    stored: Counter[str] = Counter()
    for row in await _rows(session, ACCOUNTS):
        name = "channel" if row.account.startswith("channel:") else row.account
        stored[name] += int(row.fen)
    return stored, Counter({name: fen for name, fen in dairy.accounts.items() if fen})


async def _tickets(session: AsyncSession, dairy: Dairy) -> tuple[Any, Any]:
    stored = {
        public_pair("tkt", row.customer_id, row.ticket_id): (
            row.status,
            row.breached,
            row.reopened_count,
            row.due_at,
        )
        for row in await _rows(session, TICKETS)
    }
    return stored, {
        one.id: (one.status, one.breached, one.reopened, one.due_at) for one in dairy.tickets
    }


async def _given_up(session: AsyncSession, dairy: Dairy) -> tuple[Any, Any]:
    stored = {str(row.order_line_id): int(row.bottles) for row in await _rows(session, GIVEN_UP)}
    return stored, {str(one.line_id): one.given_up for one in dairy.orders if one.given_up}


async def _set_aside(session: AsyncSession, dairy: Dairy) -> tuple[Any, Any]:
    stored = {(row.order_line_id, row.service_date) for row in await _rows(session, SET_ASIDE)}
    return stored, dairy.set_aside


async def _payments(session: AsyncSession, dairy: Dairy) -> tuple[Any, Any]:
    stored = {row.out_trade_no: row.status for row in await _rows(session, PAYMENTS)}
    paid: list[Order | Dearer] = [*dairy.orders, *dairy.dearer]
    return stored, {money.number: money.state for one in paid for money in one.payments}


async def _dearer(session: AsyncSession, dairy: Dairy) -> tuple[Any, Any]:
    """Changes that cost money: not one has happened."""
    stored = {row.change_id: row.status for row in await _rows(session, DEARER)}
    return stored, {one.row_id: one.status for one in dairy.dearer}


LOOKS: dict[str, Callable[..., Any]] = {
    "payments": _payments,
    "dearer": _dearer,
    "orders": _orders,
    "calendars": _calendars,
    "waiting": _waiting,
    "values": _values,
    "conserved": _conserved,
    "gifts": _gifts,
    "deliveries": _deliveries,
    "stops": _stops,
    "set aside": _set_aside,
    "given up": _given_up,
    "refunds": _refunds,
    "accounts": _accounts,
    "tickets": _tickets,
}
