"""Cash taken at doors, read from the ledger with its places."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import Select, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.models import LedgerTransfer

RECEIVED = "cash_received"

_TAKEN = f"""
SELECT d.id AS deliverer_id, d.name AS deliverer_name, b.id AS block_id, b.name AS block_name,
       s.id AS station_id, s.name AS station_name, s.city_code, c.name AS city_name,
       sum(t.amount_fen)::bigint AS amount_fen, count(*) AS receipts
FROM ledger_transfers t
JOIN deliverers d ON 'cash:' || d.id = t.debit_account
LEFT JOIN orders o ON o.customer_id = t.customer_id AND o.order_id = t.reference_id
LEFT JOIN LATERAL (
    SELECT a.block_id FROM address_blocks a
    WHERE a.customer_id = o.customer_id AND a.address_id = o.address_id
    ORDER BY a.valid @> t.booked_date DESC, abs(a.valid_from - t.booked_date), a.valid_from
    LIMIT 1
) served ON true
LEFT JOIN blocks b ON b.id = served.block_id
LEFT JOIN stations s ON s.id = COALESCE(b.station_id, d.station_id)
LEFT JOIN cities c ON c.code = s.city_code
WHERE t.booked_date = :day AND t.debit_account LIKE 'cash:%' AND t.cause = '{RECEIVED}'
GROUP BY d.id, b.id, s.id, c.code
ORDER BY amount_fen DESC, d.name, b.code
"""


@dataclass(frozen=True, slots=True)
class CashTaken:
    """What a deliverer took in cash in one block; without a block of the order, at his station."""

    deliverer_id: UUID
    deliverer_name: str
    block_id: UUID | None
    block_name: str | None
    station_id: UUID | None
    station_name: str | None
    city_code: str | None
    city_name: str | None
    amount_fen: int
    receipts: int


async def list_taken(session: AsyncSession, day: date) -> list[CashTaken]:
    """Cash booked on a date of the operator by deliverer and block, most first."""
    rows = await session.execute(text(_TAKEN), {"day": day})
    return [CashTaken(**row) for row in rows.mappings()]


def taken_on(day: date) -> Select[int]:
    """How many receipts of cash were booked on a date; they are never fewer later."""
    return select(func.count()).where(
        LedgerTransfer.booked_date == day,
        LedgerTransfer.debit_account.like("cash:%"),
        LedgerTransfer.cause == RECEIVED,
    )
