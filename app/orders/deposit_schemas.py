"""JSON shapes of deposits and milk boxes. Amounts are integer fen."""

from datetime import date, datetime

from app.catalog.models import DepositKind
from app.core.schemas import Answer, LongText, Request


class QuotedDepositOut(Answer):
    """What is asked beside the price and given back at the end: for a box, or a product's bottles."""

    kind: DepositKind
    product_id: str | None
    amount_fen: int


class OrderDepositOut(Answer):
    """A deposit paid with an order, and what became of it."""

    id: str
    kind: DepositKind
    product_id: str | None
    amount_fen: int
    state: str
    state_label: str


class DepositOut(Answer):
    """A deposit in finance's and the station's list; the building only, no personal data."""

    id: str
    order_id: str
    order_no: str
    kind: DepositKind
    product_id: str | None
    amount_fen: int
    state: str
    state_label: str
    moved_at: datetime
    """Since when it is in this state."""
    reason: str | None
    building: str


class MovedDepositOut(Answer):
    """A deposit after what was recorded of it."""

    id: str
    state: str
    state_label: str
    amount_fen: int
    reason: str | None


class NoteIn(Request):
    """A remark, if there is one."""

    note: LongText | None = None


class ReasonIn(Request):
    """Why."""

    reason: LongText


class InstallationOut(Answer):
    """A milk box to be hung up, or one that hangs; the building only, no personal data."""

    id: str
    station_id: str
    due_date: date
    """The first delivery it should be there for."""
    state: str
    state_label: str
    created_at: datetime
    done_at: datetime | None
    note: str | None
    building: str | None = None
