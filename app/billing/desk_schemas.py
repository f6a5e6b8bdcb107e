"""Shapes of finance's desk: work on refunds, statements. Amounts are integer fen."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Self
from uuid import UUID

from app.billing.bill_schemas import BillOut
from app.billing.cash_states import CashDayState
from app.billing.repository.daily import StationDay
from app.billing.service.daily import DayClosing
from app.billing.service.refund_work import WorkSum
from app.billing.service.statements import AccountStatement, Statement, StatementLine
from app.billing.states import RefundWork
from app.core.ids import public_single
from app.core.schemas import Answer


class RefundWorkSum(Answer):
    """What waits for one act."""

    work: RefundWork
    count: int
    amount_fen: int
    oldest_at: datetime | None


class RefundWorkSums(Answer):
    """What waits, by act."""

    items: list[RefundWorkSum]

    @classmethod
    def of(cls, sums: Mapping[RefundWork, WorkSum]) -> Self:
        """Of totals."""
        return cls(
            items=[
                RefundWorkSum(
                    work=work,
                    count=one.count,
                    amount_fen=one.amount_fen,
                    oldest_at=one.oldest_at,
                )
                for work, one in sums.items()
            ]
        )


class StatementLineOut(Answer):
    """One transfer as it moved the account: `change_fen` is negative where it took money away."""

    transfer_id: UUID
    booked_date: date
    booked_at: datetime
    cause: str
    reference_id: UUID
    change_fen: int
    balance_fen: int

    @classmethod
    def of(cls, line: StatementLine) -> Self:
        """Of a transfer."""
        move = line.transfer
        return cls(
            transfer_id=move.transfer_id,
            booked_date=move.booked_date,
            booked_at=move.booked_at,
            cause=move.cause,
            reference_id=move.reference_id,
            change_fen=line.change_fen,
            balance_fen=line.balance_fen,
        )


class AccountStatementOut(Answer):
    """One account: opening + changes = closing."""

    account: str
    opening_fen: int
    lines: list[StatementLineOut]
    closing_fen: int

    @classmethod
    def of(cls, read: AccountStatement) -> Self:
        """Of what was read."""
        return cls(
            account=read.account,
            opening_fen=read.opening_fen,
            lines=[StatementLineOut.of(line) for line in read.lines],
            closing_fen=read.closing_fen,
        )


class StatementOut(Answer):
    """A customer's statement; `is_cut` when the period has more lines than are shown."""

    customer: str
    since: date
    until: date
    accounts: list[AccountStatementOut]
    is_cut: bool

    @classmethod
    def of(cls, read: Statement) -> Self:
        """Of what was read."""
        return cls(
            customer=public_single("cus", read.customer_id),
            since=read.since,
            until=read.until,
            accounts=[AccountStatementOut.of(one) for one in read.accounts],
            is_cut=read.is_cut,
        )


class StationDayOut(Answer):
    """A station's cash of a date.

    `waiting` and `unconfirmed` hand-ins and `unreceived` remittances keep it from being closed.
    """

    station: str
    name: str
    state: CashDayState
    closed_at: datetime | None
    opening_fen: int
    taken_fen: int
    handed_in_fen: int
    difference_fen: int
    deposited_fen: int
    floats_fen: int
    remitted_fen: int
    closing_fen: int
    waiting: int
    unconfirmed: int
    unreceived: int

    @classmethod
    def of(cls, one: StationDay) -> Self:
        """Of a row."""
        return cls(
            station=public_single("stn", one.station_id),
            name=one.name,
            state=one.state,
            closed_at=one.closed_at,
            opening_fen=one.opening_fen,
            taken_fen=one.taken_fen,
            handed_in_fen=one.handed_in_fen,
            difference_fen=one.difference_fen,
            deposited_fen=one.deposited_fen,
            floats_fen=one.floats_fen,
            remitted_fen=one.remitted_fen,
            closing_fen=one.closing_fen,
            waiting=one.waiting,
            unconfirmed=one.unconfirmed,
            unreceived=one.unreceived,
        )


class DayClosingOut(Answer):
    """A date at a glance; `is_done` when every bill agrees and every station's cash is closed."""

    date: date
    is_done: bool
    open_count: int
    missing_count: int
    unread_count: int
    bills: list[BillOut]
    stations: list[StationDayOut]

    @classmethod
    def of(cls, read: DayClosing) -> Self:
        """Of what was read."""
        return cls(
            date=read.day,
            is_done=read.is_done,
            open_count=read.open_count,
            missing_count=read.missing_count,
            unread_count=read.unread_count,
            bills=[BillOut.of(one) for one in read.bills],
            stations=[StationDayOut.of(one) for one in read.stations],
        )
