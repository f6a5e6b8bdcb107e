"""Pure calculations of billing: spreading refunds, channel limits, patience, comparing facts.

Amounts are integer fen; instants are UTC.
"""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from app.billing.errors import PosSlipInvalid, RefundExceedsPaid

WECHAT_DESCRIPTION_LENGTH: Final = 127

_SECONDS_CARRIED: Final = 1 << 25
"""Five base32 characters: after 388 days the same characters come again."""

DEFAULT_REFUND_LIMIT_FEN: Final = 50_000
"""A staff member's refund above this waits for a second person, until a limit is set."""

ALERT_AFTER_TRIES: Final = 5
MOST_PATIENCE: Final = timedelta(minutes=8)
"""Whatever waits for nobody is final ten minutes after its channel answers again."""

BILL_READY_HOUR: Final = 10
"""On the next day, operator's time."""
BILL_DAYS_KEPT: Final = 90
"""The channel keeps the bills of three months."""
_BILL_WAITS: Final = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 30, 60, 180))

TOO_OLD: Final = "past_age_limit"
TOO_MANY: Final = "too_many_partial_refunds"
BY_HAND: Final = frozenset({TOO_OLD, TOO_MANY})
"""Reasons for which the channel cannot pay a refund back."""

_SLIP_LENGTHS: Final = {
    "merchant_no": 15,
    "terminal_no": 8,
    "batch_no": 6,
    "trace_no": 6,
    "reference_no": 12,
}
_CARD_LENGTHS: Final = {"card_first6": 6, "card_last4": 4}


@dataclass(frozen=True, slots=True)
class Refundable:
    """What is left of one captured payment, in fen."""

    payment_id: UUID
    captured_at: datetime
    left_fen: int
    is_taken_back: bool = True
    """Whether its channel still gives money back by itself."""


@dataclass(frozen=True, slots=True)
class Share:
    """The part of a refund that goes back to one payment, in fen."""

    payment_id: UUID
    amount_fen: int


def spread_refund(amount_fen: int, payments: Iterable[Refundable]) -> list[Share]:
    """Spread a refund over captured payments: those first whose channel still takes it, newest first.

    Raises RefundExceedsPaid when they hold less.
    """
    if amount_fen < 0:
        raise ValueError("a refund is not negative")
    in_turn = sorted(
        payments,
        key=lambda paid: (paid.is_taken_back, paid.captured_at, paid.payment_id),
        reverse=True,
    )
    refundable = sum(paid.left_fen for paid in in_turn)
    if amount_fen > refundable:
        raise RefundExceedsPaid(asked_fen=amount_fen, refundable_fen=refundable)
    shares: list[Share] = []
    rest = amount_fen
    for paid in in_turn:
        part = min(rest, paid.left_fen)
        if part > 0:
            shares.append(Share(paid.payment_id, part))
            rest -= part
    return shares


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundTerms:
    """How a channel gives money back: days from payment, refunds of one payment, seconds between."""

    max_age_days: int | None = None
    max_refunds: int | None = None
    gap_seconds: int = 0


def refund_obstacle(
    terms: RefundTerms, *, captured_at: datetime, refunds_before: int, now: datetime
) -> str | None:
    """Why the channel would not take a refund: too long ago, or too many of one payment."""
    days, most = terms.max_age_days, terms.max_refunds
    if days is not None and now - captured_at > timedelta(days=days):
        return TOO_OLD
    if most is not None and refunds_before >= most:
        return TOO_MANY
    return None


def refund_not_before(terms: RefundTerms, last_asked_at: datetime | None) -> datetime | None:
    """From when on another refund of the same payment may be asked for."""
    if last_asked_at is None or terms.gap_seconds == 0:
        return None
    return last_asked_at + timedelta(seconds=terms.gap_seconds)


def poll_payment_after(tries: int) -> timedelta:
    """Pause before an open payment is asked about again: 1, 2, 4, then 5 minutes."""
    return _doubling(tries, most=timedelta(minutes=5))


def poll_refund_after(tries: int, *, waits_for_a_person: bool = False) -> timedelta:
    """Pause before a refund under way is asked about again: 1, 2, 4, then 8 minutes, so that it is
    final within ten minutes of the channel's; up to an hour while a person has to work it off.
    """
    return _doubling(tries, most=timedelta(hours=1) if waits_for_a_person else MOST_PATIENCE)


def retry_refund_after(tries: int, *, refused: bool) -> timedelta:
    """Pause before a refund is submitted again: up to 5 minutes, 8 after a refusal."""
    return _doubling(tries, most=MOST_PATIENCE if refused else timedelta(minutes=5))


def _doubling(tries: int, *, most: timedelta) -> timedelta:
    return min(timedelta(minutes=2 ** min(max(tries, 0), 10)), most)


def channel_number(prefix: str, row_id: UUID) -> str:
    """Our number at a channel: a letter and 26 base32 characters, the same for every try."""
    return prefix + base64.b32encode(row_id.bytes).decode().rstrip("=")


def timed_number(prefix: str, row_id: UUID, *, at: datetime) -> str:
    """Our number at a channel that knows transactions by number and second: it ends in the second."""
    second = int(at.timestamp()) % _SECONDS_CARRIED
    return channel_number(prefix, row_id) + base64.b32encode((second << 7).to_bytes(4)).decode()[:5]


def second_of(number: str, *, now: datetime) -> datetime:
    """The second in which a number was made, the newest that fits up to a day from now.

    Right for 387 days; raises ValueError for a number that carries none.
    """
    carried = int.from_bytes(base64.b32decode(number[-5:] + "AA=")) >> 7
    latest = int(now.timestamp()) + 86_400
    return datetime.fromtimestamp(latest - (latest - carried) % _SECONDS_CARRIED, now.tzinfo)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidFacts:
    """What identifies a payment: who is paid, for which number, how much (fen)."""

    merchant: str
    appid: str
    number: str
    amount_fen: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundedFacts:
    """What identifies a refund: its own number, the payment's, how much of how much (fen)."""

    number: str
    payment_number: str
    amount_fen: int
    total_fen: int
    merchant: str | None
    currency: str | None
    """None where the channel's message does not say."""


def differing_paid(asked: PaidFacts, told: PaidFacts) -> list[str]:
    """Names of the facts that are not those we asked for."""
    return [
        fact.name
        for fact in fields(PaidFacts)
        if getattr(asked, fact.name) != getattr(told, fact.name)
    ]


def differing_refunded(asked: RefundedFacts, told: RefundedFacts) -> list[str]:
    """Names of the facts that are not those we asked for; what is not told is not compared."""
    return [
        fact.name
        for fact in fields(RefundedFacts)
        if getattr(told, fact.name) not in {None, getattr(asked, fact.name)}
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class PosSlip:
    """A POS slip (签购单) as written down at the door; of the card only first 6 and last 4 digits.

    Raises PosSlipInvalid when a number has not the length it has on slips.
    """

    merchant_no: str
    terminal_no: str
    batch_no: str
    trace_no: str
    reference_no: str
    card_first6: str | None = None
    card_last4: str | None = None

    def __post_init__(self) -> None:
        """Check every length."""
        for name, length in _SLIP_LENGTHS.items():
            value: str = getattr(self, name)
            if len(value) != length or not (value.isascii() and value.isalnum()):
                raise PosSlipInvalid(f"{name} has {length} characters", field=name)
        for name, length in _CARD_LENGTHS.items():
            digits: str | None = getattr(self, name)
            if digits is not None and not (
                len(digits) == length and digits.isascii() and digits.isdigit()
            ):
                raise PosSlipInvalid(f"{name} has {length} digits", field=name)

    @property
    def registry_number(self) -> str:
        """What is unique about a slip: merchant, terminal, batch and trace number."""
        return f"{self.merchant_no}|{self.terminal_no}|{self.batch_no}|{self.trace_no}"


def read_slip(written: Mapping[str, str]) -> PosSlip:
    """The slip in a mapping of its fields; raises PosSlipInvalid for missing and unknown ones."""
    try:
        return PosSlip(**written)
    except TypeError as error:
        raise PosSlipInvalid("fields are missing or unknown") from error


def retry_bill_after(tries: int) -> timedelta:
    """How long after the n-th try a bill that has not come is asked for again."""
    return _BILL_WAITS[min(max(tries, 1), len(_BILL_WAITS)) - 1]


def is_bill_kept(day: date, *, today: date) -> bool:
    """Whether the channel still has the bill of a day."""
    return (today - day).days <= BILL_DAYS_KEPT
