"""What billing tells the packages above. Amounts are integer fen, instants UTC."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.billing.states import PaymentChannel, PaymentStatus
from app.core.events import Event


@dataclass(frozen=True)
class PaymentCaptured(Event):
    """Money has arrived for a reference; published once per payment, cash and POS excepted.

    The handler whose reference it is calls `claim()`, also when it gives the money back. Money
    nobody claims raises the alert `unmatched_payment`.
    """

    customer_id: UUID
    payment_id: UUID
    reference_id: UUID
    amount_fen: int
    channel: PaymentChannel
    at: datetime
    _claims: list[bool] = field(default_factory=list, compare=False, repr=False)

    def claim(self) -> None:
        """Say that the reference is yours."""
        self._claims.append(True)

    @property
    def is_claimed(self) -> bool:
        """Whether some handler knew the reference."""
        return bool(self._claims)


@dataclass(frozen=True)
class PaymentClosed(Event):
    """An attempt ended without money: `closed` after its time, `failed` when it was refused."""

    customer_id: UUID
    payment_id: UUID
    reference_id: UUID
    status: PaymentStatus
    at: datetime


@dataclass(frozen=True)
class RefundSucceeded(Event):
    """Money has gone back: the channel said so, or a person paid it out."""

    customer_id: UUID
    refund_id: UUID
    reference_id: UUID
    amount_fen: int
    at: datetime


@dataclass(frozen=True)
class RefundSubmitted(Event):
    """A refund is on its way to the payment channel, for the first time."""

    customer_id: UUID
    refund_id: UUID
    reference_id: UUID
    amount_fen: int
    at: datetime
