"""UnionPay's books."""

from pathlib import Path
from typing import Final

from simulators.channels.books import Books
from simulators.channels.unionpay.models import Attempt, Notice, Txn

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS txns (
    key TEXT PRIMARY KEY, order_id TEXT NOT NULL, txn_time TEXT NOT NULL, kind TEXT NOT NULL,
    query_id TEXT NOT NULL UNIQUE, fen INTEGER NOT NULL CHECK (fen > 0), state TEXT NOT NULL,
    orig_query_id TEXT NOT NULL, front_url TEXT NOT NULL, back_url TEXT NOT NULL,
    reserved TEXT NOT NULL, created_at TEXT NOT NULL, expires_at TEXT, paid_fen INTEGER,
    finished_at TEXT) STRICT;
CREATE INDEX IF NOT EXISTS txns_order ON txns (order_id);
CREATE INDEX IF NOT EXISTS txns_original ON txns (orig_query_id);
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

    def save_txn(self, txn: Txn) -> None:
        """Insert or update a transaction."""
        self._save("txns", "key", txn)

    def find_txn(self, key: str) -> Txn | None:
        """A transaction by the merchant's number and second."""
        return self._one(Txn, "SELECT * FROM txns WHERE key = ?", key)

    def find_by_order(self, order_id: str) -> Txn | None:
        """The newest transaction under a number."""
        sql = "SELECT * FROM txns WHERE order_id = ? ORDER BY rowid DESC"
        return self._one(Txn, sql, order_id)

    def find_by_query(self, query_id: str) -> Txn | None:
        """A transaction by UnionPay's number."""
        return self._one(Txn, "SELECT * FROM txns WHERE query_id = ?", query_id)

    def list_payments(self, *, limit: int = 200) -> list[Txn]:
        """The newest payments first."""
        sql = "SELECT * FROM txns WHERE kind = '01' ORDER BY rowid DESC LIMIT ?"
        return self._all(Txn, sql, limit)

    def list_refunds(self, query_id: str) -> list[Txn]:
        """Refunds of one payment, oldest first."""
        sql = "SELECT * FROM txns WHERE orig_query_id = ? ORDER BY rowid"
        return self._all(Txn, sql, query_id)

    def list_open_refunds(self) -> list[Txn]:
        """Refunds whose end is still to come."""
        return self._all(Txn, "SELECT * FROM txns WHERE kind = '04' AND state = '05'")

    def save_notice(self, notice: Notice) -> None:
        """Insert or update a notification."""
        self._save("notices", "id", notice)

    def find_notice(self, notice_id: str) -> Notice | None:
        """A notification by its id."""
        return self._one(Notice, "SELECT * FROM notices WHERE id = ?", notice_id)

    def list_notices(self, reference: str) -> list[Notice]:
        """Notifications about one number, oldest first."""
        sql = "SELECT * FROM notices WHERE reference = ? ORDER BY rowid"
        return self._all(Notice, sql, reference)

    def list_notices_pending(self) -> list[Notice]:
        """Notifications still to be sent, oldest first."""
        return self._all(Notice, "SELECT * FROM notices WHERE state = 'pending' ORDER BY rowid")

    def add_attempt(self, attempt: Attempt) -> None:
        """Note one sending."""
        self._save("attempts", None, attempt)

    def list_attempts(self, notice_id: str) -> list[Attempt]:
        """Sendings of one notification in their order."""
        sql = "SELECT * FROM attempts WHERE notice_id = ? ORDER BY rowid"
        return self._all(Attempt, sql, notice_id)
