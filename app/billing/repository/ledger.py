"""All SQL that reads the ledger. Balances are credit minus debit, in fen."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, or_, select, text, tuple_
from sqlalchemy.dialects.postgresql import Range, insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.models import LedgerTransfer, Payment, Refund
from app.billing.states import OPEN_REFUNDS, PaymentStatus
from app.network.models import Block, BlockDeliverer


@dataclass(frozen=True, slots=True)
class OpenItems:
    """How many items wait, and since when."""

    count: int
    oldest_at: datetime | None


@dataclass(frozen=True, slots=True)
class CashHeld:
    """Cash in one deliverer's hand, in fen: collected - handed in + float = held.

    Handed in counts what was paid back and booked short as well.
    """

    collector_id: UUID
    collected_fen: int
    handed_in_fen: int
    float_fen: int
    held_fen: int


async def find_transfer(
    session: AsyncSession, customer_id: UUID, transfer_id: UUID
) -> LedgerTransfer | None:
    """A transfer by its id, whenever it was booked."""
    found = await session.scalars(
        select(LedgerTransfer).where(
            LedgerTransfer.customer_id == customer_id, LedgerTransfer.transfer_id == transfer_id
        )
    )
    return found.first()


async def get_transfer(
    session: AsyncSession, customer_id: UUID, transfer_id: UUID
) -> LedgerTransfer:
    """A transfer that is known to be there."""
    found = await find_transfer(session, customer_id, transfer_id)
    if found is None:
        raise LookupError("a booked transfer vanished")
    return found


async def add_once(session: AsyncSession, values: Mapping[str, Any]) -> None:
    """Insert a transfer unless its key is there already."""
    await session.execute(insert(LedgerTransfer).values(**values).on_conflict_do_nothing())


async def add_many(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert transfers; a key that is there already is an error."""
    if rows:
        await session.execute(insert(LedgerTransfer), list(rows))


async def find_balance(
    session: AsyncSession, *, customer_id: UUID, account: str, reference_id: UUID | None = None
) -> int:
    """What stands to a customer's credit in one account, in fen; about one thing, or in all."""
    about = "" if reference_id is None else " AND reference_id = :reference_id"
    found: int = await session.scalar(
        text(
            "SELECT coalesce(sum(CASE credit_account WHEN :account THEN amount_fen"
            " ELSE -amount_fen END), 0)::bigint FROM ledger_transfers"
            " WHERE customer_id = :customer_id AND :account IN (debit_account, credit_account)"
            + about
        ),
        {"customer_id": customer_id, "account": account}
        | ({} if reference_id is None else {"reference_id": reference_id}),
    )
    return found


async def list_account(
    session: AsyncSession, *, customer_id: UUID, account: str, limit: int
) -> Sequence[LedgerTransfer]:
    """A customer's transfers from and to one account, newest first."""
    found = await session.scalars(
        select(LedgerTransfer)
        .where(
            LedgerTransfer.customer_id == customer_id,
            or_(LedgerTransfer.debit_account == account, LedgerTransfer.credit_account == account),
        )
        .order_by(LedgerTransfer.booked_at.desc(), LedgerTransfer.transfer_id.desc())
        .limit(limit)
    )
    return found.all()


async def open_refunds(session: AsyncSession) -> OpenItems:
    """Refunds that are owed and not yet paid."""
    count, oldest = (
        await session.execute(
            select(func.count(), func.min(Refund.created_at)).where(Refund.status.in_(OPEN_REFUNDS))
        )
    ).one()
    return OpenItems(count, oldest)


async def waiting_surplus(session: AsyncSession) -> OpenItems:
    """Surplus payments whose money no refund has taken up."""
    covered = (
        select(Refund.payment_id)
        .where(
            Refund.customer_id == Payment.customer_id,
            Refund.payment_id == Payment.payment_id,
            Refund.status != "failed",
        )
        .exists()
    )
    count, oldest = (
        await session.execute(
            select(func.count(), func.min(Payment.captured_at)).where(
                Payment.status == PaymentStatus.CAPTURED,
                Payment.unmatched_reason.is_not(None),
                ~covered,
            )
        )
    ).one()
    return OpenItems(count, oldest)


async def list_transfers(
    session: AsyncSession,
    *,
    customer_id: UUID,
    reference_id: UUID,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[LedgerTransfer]:
    """Transfers about one thing, oldest first."""
    query = select(LedgerTransfer).where(
        LedgerTransfer.customer_id == customer_id, LedgerTransfer.reference_id == reference_id
    )
    if after is not None:
        query = query.where(
            tuple_(LedgerTransfer.booked_at, LedgerTransfer.transfer_id) > tuple_(*after)
        )
    found = await session.scalars(
        query.order_by(LedgerTransfer.booked_at, LedgerTransfer.transfer_id).limit(limit)
    )
    return found.all()


_BALANCE_LOCK: Final = 7_300_723
"""First key of the advisory lock that lets one transaction at a time take from a balance."""


async def lock_balance(session: AsyncSession, customer_id: UUID) -> int:
    """A customer's balance in fen; until commit nobody else takes from it."""
    await session.execute(
        text("SELECT pg_advisory_xact_lock(:lock, hashtext(:customer))"),
        {"lock": _BALANCE_LOCK, "customer": str(customer_id)},
    )
    return await find_balance(session, customer_id=customer_id, account="balance")


_CASH_LOCK: Final = 7_300_704
"""First key of the advisory lock that lets one transaction at a time pay out of a hand."""


async def lock_cash(session: AsyncSession, account: str) -> None:
    """Until commit nobody else pays out of this account of cash."""
    await session.execute(
        text("SELECT pg_advisory_xact_lock(:lock, hashtext(:account))"),
        {"lock": _CASH_LOCK, "account": account},
    )


async def lock_cash_held(session: AsyncSession, account: str) -> int:
    """Cash (fen) in a deliverer's hand or a station; until commit nobody else pays out of it."""
    await lock_cash(session, account)
    held = await session.scalar(
        text(
            "SELECT (SELECT coalesce(sum(amount_fen), 0) FROM ledger_transfers"
            " WHERE debit_account = :account AND debit_account LIKE 'cash:%')"
            " - (SELECT coalesce(sum(amount_fen), 0) FROM ledger_transfers"
            " WHERE credit_account = :account AND credit_account LIKE 'cash:%')"
        ),
        {"account": account},
    )
    return int(held or 0)


async def find_float(session: AsyncSession, account: str) -> int:
    """How much (fen) of the cash in a deliverer's hand is float; the caller holds the hand."""
    found = await session.scalar(
        text(
            "SELECT (SELECT coalesce(sum(amount_fen), 0) FROM ledger_transfers"
            " WHERE debit_account = :account AND debit_account LIKE 'cash:%'"
            " AND cause = 'cash_float_given')"
            " - (SELECT coalesce(sum(amount_fen), 0) FROM ledger_transfers"
            " WHERE credit_account = :account AND credit_account LIKE 'cash:%'"
            " AND cause = 'cash_float_returned')"
        ),
        {"account": account},
    )
    return int(found or 0)


async def lock_cash_to_spare(session: AsyncSession, account: str) -> int:
    """Cash (fen) in a deliverer's hand beside his float; until commit nobody else pays out of it."""
    held_fen = await lock_cash_held(session, account)
    return held_fen - await find_float(session, account)


async def list_cash_held(
    session: AsyncSession, *, collectors: Collection[UUID] | None
) -> list[CashHeld]:
    """Cash per deliverer, most first; `collectors` None means all."""
    if collectors is not None and not collectors:
        return []
    own = "" if collectors is None else " AND {} = ANY(:accounts)"
    rows = await session.execute(
        text(
            "SELECT account, coalesce(sum(fen) FILTER (WHERE kind = 'taken'), 0)::bigint AS taken,"
            " coalesce(-sum(fen) FILTER (WHERE kind = 'given'), 0)::bigint AS given,"
            " coalesce(sum(fen) FILTER (WHERE kind = 'float'), 0)::bigint AS change FROM ("
            " SELECT debit_account AS account, amount_fen AS fen,"
            "        CASE WHEN cause = 'cash_float_given' THEN 'float'"
            "             WHEN cause LIKE '%\\_cancelled' THEN 'given' ELSE 'taken' END AS kind"
            "   FROM ledger_transfers WHERE debit_account LIKE 'cash:%'"
            + own.format("debit_account")
            + " UNION ALL"
            " SELECT credit_account, -amount_fen,"
            "        CASE WHEN cause = 'cash_float_returned' THEN 'float' ELSE 'given' END"
            "   FROM ledger_transfers WHERE credit_account LIKE 'cash:%'"
            + own.format("credit_account")
            + ") sides"
            " WHERE account <> 'cash:office' AND account NOT LIKE 'cash:station:%'"
            " GROUP BY account"
        ),
        {} if collectors is None else {"accounts": [f"cash:{one}" for one in collectors]},
    )
    held = [
        CashHeld(
            UUID(row.account.removeprefix("cash:")),
            row.taken,
            row.given,
            row.change,
            row.taken - row.given + row.change,
        )
        for row in rows
    ]
    return sorted(held, key=lambda cash: (-cash.held_fen, cash.collector_id))


async def list_station_collectors(
    session: AsyncSession, *, station_id: UUID, since: date, until: date
) -> set[UUID]:
    """Deliverers who served a block of the station on any day of [since, until]."""
    found = await session.scalars(
        select(BlockDeliverer.deliverer_id)
        .join(Block, Block.id == BlockDeliverer.block_id)
        .where(
            Block.station_id == station_id,
            BlockDeliverer.valid.overlaps(Range(since, until, bounds="[]")),
        )
    )
    return set(found)
