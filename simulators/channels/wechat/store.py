"""The platform's books in one SQLite file, so that a restart forgets no payment."""

from datetime import datetime
from pathlib import Path
from typing import Final

from simulators.channels.books import Books
from simulators.channels.wechat.models import (
    Attempt,
    Notice,
    NoticeState,
    Order,
    Prepay,
    Refund,
    RefundStatus,
)

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS orders (
    out_trade_no TEXT PRIMARY KEY, appid TEXT NOT NULL, trade_type TEXT NOT NULL,
    fingerprint TEXT NOT NULL, description TEXT NOT NULL, attach TEXT, notify_url TEXT NOT NULL,
    total_fen INTEGER NOT NULL CHECK (total_fen > 0), openid TEXT, created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL, state TEXT NOT NULL, failures INTEGER NOT NULL,
    transaction_id TEXT UNIQUE, paid_fen INTEGER, paid_at TEXT, bank_type TEXT) STRICT;
CREATE INDEX IF NOT EXISTS orders_paid ON orders (paid_at);
CREATE TABLE IF NOT EXISTS prepays (
    token TEXT PRIMARY KEY, out_trade_no TEXT NOT NULL, created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS prepays_order ON prepays (out_trade_no);
CREATE TABLE IF NOT EXISTS refunds (
    out_refund_no TEXT PRIMARY KEY, refund_id TEXT NOT NULL UNIQUE, out_trade_no TEXT NOT NULL,
    transaction_id TEXT NOT NULL,
    refund_fen INTEGER NOT NULL CHECK (refund_fen > 0), total_fen INTEGER NOT NULL, reason TEXT,
    notify_url TEXT, funds_account TEXT NOT NULL, status TEXT NOT NULL, outcome TEXT NOT NULL,
    created_at TEXT NOT NULL, due_at TEXT NOT NULL, success_at TEXT) STRICT;
CREATE INDEX IF NOT EXISTS refunds_order ON refunds (out_trade_no);
CREATE INDEX IF NOT EXISTS refunds_created ON refunds (created_at);
CREATE TABLE IF NOT EXISTS notices (
    id TEXT PRIMARY KEY, event_type TEXT NOT NULL, reference TEXT NOT NULL, url TEXT NOT NULL,
    body TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL, created_at TEXT NOT NULL,
    next_at TEXT) STRICT;
CREATE INDEX IF NOT EXISTS notices_reference ON notices (reference);
CREATE INDEX IF NOT EXISTS notices_state ON notices (state);
CREATE TABLE IF NOT EXISTS attempts (
    notice_id TEXT NOT NULL, number INTEGER NOT NULL, kind TEXT NOT NULL, sent_at TEXT NOT NULL,
    status INTEGER, answer TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS attempts_notice ON attempts (notice_id);
"""


class Store(Books):
    """Reads and writes of the books; `None` keeps them in memory."""

    def __init__(self, path: Path | None) -> None:
        super().__init__(path, _SCHEMA)

    def save_order(self, order: Order) -> None:
        """Insert or update an order."""
        self._save("orders", "out_trade_no", order)

    def find_order(self, out_trade_no: str) -> Order | None:
        """An order by the merchant's number."""
        return self._one(Order, "SELECT * FROM orders WHERE out_trade_no = ?", out_trade_no)

    def find_order_by_transaction(self, transaction_id: str) -> Order | None:
        """An order by the platform's number, which only a paid one has."""
        return self._one(Order, "SELECT * FROM orders WHERE transaction_id = ?", transaction_id)

    def list_orders(self, *, limit: int = 200) -> list[Order]:
        """The newest orders first."""
        return self._all(
            Order, "SELECT * FROM orders ORDER BY created_at DESC, rowid DESC LIMIT ?", limit
        )

    def list_orders_paid(self, *, since: datetime, until: datetime) -> list[Order]:
        """Orders paid in a half-open span, oldest first."""
        return self._all(
            Order,
            "SELECT * FROM orders WHERE paid_at >= ? AND paid_at < ? ORDER BY paid_at, rowid",
            since,
            until,
        )

    def save_prepay(self, prepay: Prepay) -> None:
        """Insert a ticket to the cashier."""
        self._save("prepays", "token", prepay)

    def find_prepay(self, token: str) -> Prepay | None:
        """A ticket by its text."""
        return self._one(Prepay, "SELECT * FROM prepays WHERE token = ?", token)

    def save_refund(self, refund: Refund) -> None:
        """Insert or update a refund."""
        self._save("refunds", "out_refund_no", refund)

    def find_refund(self, out_refund_no: str) -> Refund | None:
        """A refund by the merchant's number."""
        return self._one(Refund, "SELECT * FROM refunds WHERE out_refund_no = ?", out_refund_no)

    def list_refunds(self, out_trade_no: str) -> list[Refund]:
        """Refunds of one order, oldest first."""
        return self._all(
            Refund,
            "SELECT * FROM refunds WHERE out_trade_no = ? ORDER BY created_at, rowid",
            out_trade_no,
        )

    def list_refunds_open(self) -> list[Refund]:
        """Refunds under way, oldest first."""
        return self._all(
            Refund,
            "SELECT * FROM refunds WHERE status = ? ORDER BY rowid",
            RefundStatus.PROCESSING,
        )

    def list_refunds_created(self, *, since: datetime, until: datetime) -> list[Refund]:
        """Refunds accepted in a half-open span, oldest first."""
        return self._all(
            Refund,
            "SELECT * FROM refunds WHERE created_at >= ? AND created_at < ?"
            " ORDER BY created_at, rowid",
            since,
            until,
        )

    def save_notice(self, notice: Notice) -> None:
        """Insert or update a notification."""
        self._save("notices", "id", notice)

    def find_notice(self, notice_id: str) -> Notice | None:
        """A notification by its id."""
        return self._one(Notice, "SELECT * FROM notices WHERE id = ?", notice_id)

    def list_notices(self, reference: str | None = None, *, limit: int = 200) -> list[Notice]:
        """The newest notifications first, of one order or refund number when given."""
        if reference is None:
            return self._all(Notice, "SELECT * FROM notices ORDER BY rowid DESC LIMIT ?", limit)
        return self._all(
            Notice,
            "SELECT * FROM notices WHERE reference = ? ORDER BY rowid DESC LIMIT ?",
            reference,
            limit,
        )

    def list_notices_pending(self) -> list[Notice]:
        """Notifications still to be sent, oldest first."""
        return self._all(
            Notice, "SELECT * FROM notices WHERE state = ? ORDER BY rowid", NoticeState.PENDING
        )

    def add_attempt(self, attempt: Attempt) -> None:
        """Note one sending."""
        self._save("attempts", None, attempt)

    def list_attempts(self, notice_id: str) -> list[Attempt]:
        """Sendings of one notification in their order."""
        return self._all(
            Attempt, "SELECT * FROM attempts WHERE notice_id = ? ORDER BY rowid", notice_id
        )
