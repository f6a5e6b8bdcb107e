"""What an order may be invoiced for: paid, less given back. Set-based; amounts in fen.

Money that a household has not paid to us (opening balances of a paper book, credits of tickets) is
not invoiced here, nor are deposits, which are no sale.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import fetch
from app.invoices.states import STANDING
from app.orders.errors import OrderUnknown

_STANDING: Final = ", ".join(f"'{state.value}'" for state in STANDING)
_GIVEN_BACK: Final = "('refund_payable', 'suspense', 'balance', 'deposit')"
_PAID_BY: Final = "'^(channel|cash|pos|marketplace):'"
_PAID: Final = f"""
SELECT coalesce(sum(CASE t.credit_account WHEN 'prepaid' THEN t.amount_fen
                    ELSE -t.amount_fen END), 0)::bigint AS fen
FROM ledger_transfers t
WHERE t.customer_id = o.customer_id
  AND t.reference_id = ANY (ARRAY(
      SELECT o.order_id
      UNION ALL
      SELECT c.change_id FROM order_changes c
      WHERE c.customer_id = o.customer_id AND c.order_id = o.order_id))
  AND (t.credit_account = 'prepaid'
       AND (t.debit_account IN {_GIVEN_BACK} OR t.debit_account ~ {_PAID_BY})
    OR t.debit_account = 'prepaid' AND t.credit_account IN {_GIVEN_BACK})
"""
"""Of the order `o`: what its household paid for it and its changes, and has not got back."""

_LOCK: Final = """
SELECT order_no, confirmed_at FROM orders WHERE customer_id = $1 AND order_id = $2 FOR UPDATE
"""
_ORDER_OF: Final = """
SELECT order_id FROM orders WHERE customer_id = $1 AND order_id = $2
UNION ALL
SELECT order_id FROM order_changes WHERE customer_id = $1 AND change_id = $2
"""
_REST: Final = f"""
SELECT p.fen AS paid_fen,
       (SELECT coalesce(sum(i.amount_fen), 0)::bigint FROM invoice_requests i
        WHERE i.customer_id = o.customer_id AND i.order_id = o.order_id
          AND i.state IN ({_STANDING})) AS standing_fen
FROM orders o CROSS JOIN LATERAL ({_PAID}) p
WHERE o.customer_id = $1 AND o.order_id = $2
"""
_WEIGHTS: Final = """
SELECT n.product_id, r.name, r.specification, n.own_permille, v.permille AS today_permille, n.fen
FROM (
    SELECT coalesce(e.product_id, l.product_id) AS product_id,
           max(l.vat_permille) FILTER (
               WHERE coalesce(e.product_id, l.product_id) = l.product_id) AS own_permille,
           sum(CASE WHEN e.kind IN ('swapped_out', 'transferred_out', 'credited', 'refunded',
                                    'forfeited') THEN -e.value_fen ELSE e.value_fen END)::bigint
               AS fen
    FROM order_lines l
    JOIN entitlement_entries e
        ON e.customer_id = l.customer_id AND e.order_line_id = l.order_line_id
    WHERE l.customer_id = $1 AND l.order_id = $2
    GROUP BY 1
) n
JOIN products r ON r.id = n.product_id
LEFT JOIN product_vat_rates v ON v.product_id = n.product_id AND v.valid @> $3::date
WHERE n.fen > 0
ORDER BY r.code
"""
_MARK: Final = f"""
WITH sums AS MATERIALIZED (
    SELECT i.customer_id, i.order_id, sum(i.amount_fen)::bigint AS fen FROM invoice_requests i
    WHERE i.state IN ({_STANDING}) %s
    GROUP BY i.customer_id, i.order_id
), judged AS (
    SELECT o.customer_id, o.order_id, o.fen > p.fen AS is_over
    FROM sums o CROSS JOIN LATERAL ({_PAID}) p
)
UPDATE invoice_requests i SET over_since = CASE WHEN j.is_over THEN $1::timestamptz END
FROM judged j
WHERE i.customer_id = j.customer_id AND i.order_id = j.order_id AND i.state IN ({_STANDING})
  AND j.is_over <> (i.over_since IS NOT NULL)
RETURNING i.request_id, i.over_since
"""
_MARK_RECENT: Final = (
    _MARK
    % f"""AND (i.customer_id, i.order_id) IN (
        SELECT t.customer_id, coalesce(c.order_id, t.reference_id) FROM ledger_transfers t
        LEFT JOIN order_changes c
            ON c.customer_id = t.customer_id AND c.change_id = t.reference_id
        WHERE t.booked_date >= $2
          AND (t.debit_account = 'prepaid' AND t.credit_account IN {_GIVEN_BACK}
            OR t.credit_account = 'prepaid' AND t.debit_account IN {_GIVEN_BACK})
        UNION
        SELECT w.customer_id, w.order_id FROM invoice_requests w WHERE w.over_since IS NOT NULL)"""
)
_MARK_ORDER: Final = _MARK % "AND i.customer_id = $2 AND i.order_id = $3"
_MARK_WAITING: Final = (
    _MARK
    % """AND (i.customer_id, i.order_id) IN (
        SELECT w.customer_id, w.order_id FROM invoice_requests w WHERE w.state = 'requested')"""
)
_OVER: Final = f"""
SELECT o.order_id, sum(o.amount_fen)::bigint - p.fen AS fen
FROM invoice_requests o CROSS JOIN LATERAL ({_PAID}) p
WHERE o.customer_id = ANY ($1::uuid[]) AND o.order_id = ANY ($2::uuid[])
  AND o.state IN ({_STANDING})
GROUP BY o.customer_id, o.order_id, p.fen
"""


@dataclass(frozen=True, slots=True)
class Rest:
    """What an order was paid and not given back, and what of it stands on invoices, in fen."""

    paid_fen: int
    standing_fen: int

    @property
    def rest_fen(self) -> int:
        """What may still be asked for."""
        return max(0, self.paid_fen - self.standing_fen)


@dataclass(frozen=True, slots=True)
class Weight:
    """What a household has of a product, worth so many fen, and the VAT rate if there is one."""

    product_id: UUID
    name: str
    specification: str
    vat_permille: int | None
    fen: int


async def lock_order(
    session: AsyncSession, customer_id: UUID, order_id: UUID
) -> tuple[str, datetime | None]:
    """Number and confirmation of an order; until commit nobody else asks for its invoices.

    Raises OrderUnknown.
    """
    found = await fetch(session, _LOCK, customer_id, order_id)
    if not found:
        raise OrderUnknown
    return found[0]["order_no"], found[0]["confirmed_at"]


async def find_order(session: AsyncSession, customer_id: UUID, reference_id: UUID) -> UUID | None:
    """The order that a reference of billing is, or whose change it is."""
    found = await fetch(session, _ORDER_OF, customer_id, reference_id)
    return found[0]["order_id"] if found else None


async def read_rest(session: AsyncSession, customer_id: UUID, order_id: UUID) -> Rest:
    """What may be invoiced; to rely on it, hold the order's lock. Raises OrderUnknown."""
    found = await fetch(session, _REST, customer_id, order_id)
    if not found:
        raise OrderUnknown
    return Rest(found[0]["paid_fen"], found[0]["standing_fen"])


async def list_weights(
    session: AsyncSession, customer_id: UUID, order_id: UUID, *, on: date
) -> list[Weight]:
    """The products of an order by what of it was paid and kept, gifts left out.

    The rate is the one a line was bought under; of a product swapped in, the one of the day.
    """
    rows = await fetch(session, _WEIGHTS, customer_id, order_id, on)
    return [
        Weight(
            row["product_id"],
            row["name"],
            row["specification"],
            row["today_permille"] if row["own_permille"] is None else row["own_permille"],
            row["fen"],
        )
        for row in rows
    ]


async def mark_over(
    session: AsyncSession, *, customer_id: UUID, order_id: UUID, now: datetime
) -> None:
    """Mark an order's standing requests while they are above what is paid, and else unmark them."""
    await fetch(session, _MARK_ORDER, now, customer_id, order_id)


async def mark_waiting_over(session: AsyncSession, *, now: datetime) -> None:
    """The same for every order with requests that wait for a batch."""
    await fetch(session, _MARK_WAITING, now)


async def mark_recent_over(session: AsyncSession, *, since: date, now: datetime) -> int:
    """The same for orders whose money went back from a date on; how many are newly marked."""
    rows = await fetch(session, _MARK_RECENT, now, since)
    return sum(row["over_since"] is not None for row in rows)


async def list_over(
    session: AsyncSession, orders: Collection[tuple[UUID, UUID]]
) -> dict[UUID, int]:
    """By how much each of these orders `(customer_id, order_id)` is invoiced too high, in fen."""
    rows = await fetch(
        session, _OVER, [customer for customer, _ in orders], [order for _, order in orders]
    )
    return {row["order_id"]: row["fen"] for row in rows}
