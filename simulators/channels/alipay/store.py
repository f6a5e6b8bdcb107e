"""Alipay's books."""

from datetime import datetime
from pathlib import Path
from typing import Final

from simulators.channels.alipay.models import Attempt, Notice, Refund, Trade
from simulators.channels.books import Books

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS trades (
    out_trade_no TEXT PRIMARY KEY, trade_no TEXT NOT NULL UNIQUE, token TEXT NOT NULL UNIQUE,
    method TEXT NOT NULL, subject TEXT NOT NULL, total_fen INTEGER NOT NULL CHECK (total_fen > 0),
    notify_url TEXT NOT NULL, return_url TEXT NOT NULL, status TEXT NOT NULL,
    created_at TEXT NOT NULL, expires_at TEXT NOT NULL, failures INTEGER NOT NULL, buyer_id TEXT,
    paid_fen INTEGER, paid_at TEXT, closed_at TEXT) STRICT;
CREATE TABLE IF NOT EXISTS refunds (
    key TEXT PRIMARY KEY, out_trade_no TEXT NOT NULL, out_request_no TEXT NOT NULL,
    refund_fen INTEGER NOT NULL CHECK (refund_fen > 0), reason TEXT NOT NULL,
    refunded_at TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS refunds_trade ON refunds (out_trade_no);
CREATE TABLE IF NOT EXISTS notices (
    id TEXT PRIMARY KEY, reference TEXT NOT NULL, url TEXT NOT NULL, form TEXT NOT NULL,
    state TEXT NOT NULL, attempts INTEGER NOT NULL, created_at TEXT NOT NULL, next_at TEXT) STRICT;
CREATE INDEX IF NOT EXISTS notices_reference ON notices (reference);
CREATE INDEX IF NOT EXISTS notices_state ON notices (state);
CREATE TABLE IF NOT EXISTS attempts (
    notice_id TEXT NOT NULL, number INTEGER NOT NULL, sent_at TEXT NOT NULL, status INTEGER,
    answer TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS attempts_notice ON attempts (notice_id);
"""


class Store(Books):
    """Reads and writes of the books; `None` keeps them in memory."""

    def __init__(self, path: Path | None) -> None:
        super().__init__(path, _SCHEMA)

    def save_trade(self, trade: Trade) -> None:
        """Insert or update a trade."""
        self._save("trades", "out_trade_no", trade)

    def find_trade(self, out_trade_no: str) -> Trade | None:
        """A trade by the merchant's number."""
        return self._one(Trade, "SELECT * FROM trades WHERE out_trade_no = ?", out_trade_no)

    def find_trade_by_trade_no(self, trade_no: str) -> Trade | None:
        """A trade by Alipay's number."""
        return self._one(Trade, "SELECT * FROM trades WHERE trade_no = ?", trade_no)

    def find_trade_by_token(self, token: str) -> Trade | None:
        """The trade behind a QR code or a cashier's address."""
        return self._one(Trade, "SELECT * FROM trades WHERE token = ?", token)

    def list_trades(self, *, limit: int = 200) -> list[Trade]:
        """The newest trades first."""
        return self._all(
            Trade, "SELECT * FROM trades ORDER BY created_at DESC, rowid DESC LIMIT ?", limit
        )

    def list_trades_paid(self, *, since: datetime, until: datetime) -> list[Trade]:
        """Trades paid in a span, oldest first."""
        sql = "SELECT * FROM trades WHERE paid_at >= ? AND paid_at < ? ORDER BY paid_at"
        return self._all(Trade, sql, since, until)

    def list_refunds_made(self, *, since: datetime, until: datetime) -> list[Refund]:
        """Refunds made in a span, oldest first."""
        sql = "SELECT * FROM refunds WHERE refunded_at >= ? AND refunded_at < ? ORDER BY rowid"
        return self._all(Refund, sql, since, until)

    def add_refund(self, refund: Refund) -> None:
        """Note a refund."""
        self._save("refunds", None, refund)

    def find_refund(self, key: str) -> Refund | None:
        """A refund by its trade's and its own number."""
        return self._one(Refund, "SELECT * FROM refunds WHERE key = ?", key)

    def list_refunds(self, out_trade_no: str) -> list[Refund]:
        """Refunds of one trade, oldest first."""
        return self._all(
            Refund, "SELECT * FROM refunds WHERE out_trade_no = ? ORDER BY rowid", out_trade_no
        )

    def save_notice(self, notice: Notice) -> None:
        """Insert or update a notification."""
        self._save("notices", "id", notice)

    def find_notice(self, notice_id: str) -> Notice | None:
        """A notification by its id."""
        return self._one(Notice, "SELECT * FROM notices WHERE id = ?", notice_id)

    def list_notices(self, reference: str) -> list[Notice]:
        """Notifications about one trade, oldest first."""
        return self._all(
            Notice, "SELECT * FROM notices WHERE reference = ? ORDER BY rowid", reference
        )

    def list_notices_pending(self) -> list[Notice]:
        """Notifications still to be sent, oldest first."""
        return self._all(Notice, "SELECT * FROM notices WHERE state = 'pending' ORDER BY rowid")

    def add_attempt(self, attempt: Attempt) -> None:
        """Note one sending."""
        self._save("attempts", None, attempt)

    def list_attempts(self, notice_id: str) -> list[Attempt]:
        """Sendings of one notification in their order."""
        return self._all(
            Attempt, "SELECT * FROM attempts WHERE notice_id = ? ORDER BY rowid", notice_id
        )
