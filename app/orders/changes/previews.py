"""What a change does, as a value that is shown, signed into a token and kept as the receipt."""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from app.core.clock import wall_now
from app.core.crypto import KeyRing
from app.orders.changes.wanted import WantedChange
from app.orders.errors import PreviewInvalid
from app.orders.models import Order

TOKEN_LIFE = timedelta(minutes=30)
_PURPOSE = "change-preview"


@dataclass(frozen=True)
class LineEffect:
    """What a change does to one line; bottles by day before and after, amounts in fen."""

    order_line_id: UUID | None
    """None: the line the change adds."""
    days: list[tuple[date, int, int]]
    end_before: date | None
    end_after: date | None
    refund_fen: int = 0
    credit_fen: int = 0
    products: list[tuple[date, UUID, UUID]] = field(default_factory=list)
    """Days whose product is another: (day, before, after)."""


@dataclass(frozen=True)
class Effect:
    """What a change does to an order."""

    wanted: WantedChange
    effective_date: date
    first_possible_date: date
    lines: list[LineEffect]
    refund_fen: int = 0
    credit_fen: int = 0
    """What goes to the customer's balance."""
    pay_fen: int = 0
    """What the change costs: it waits for this payment."""
    rule: str | None = None
    resumes_date: date | None = None
    settlement: dict[str, Any] | None = None
    review: str | None = None
    """Of what is reviewed first: the verdict on the new address. Its first day is fixed then."""

    def as_json(self) -> dict[str, Any]:
        """Canonical form: what is shown, digested and kept as the receipt."""
        shown: dict[str, Any] = {} if self.settlement is None else {"settlement": self.settlement}
        if self.review is not None:
            shown["review"] = self.review
        return shown | {
            "kind": self.wanted.kind,
            "effective_date": self.effective_date.isoformat(),
            "refund_fen": self.refund_fen,
            "credit_fen": self.credit_fen,
            "pay_fen": self.pay_fen,
            "rule": self.rule,
            "resumes_date": self.resumes_date and self.resumes_date.isoformat(),
            "lines": [
                {
                    "order_line_id": line.order_line_id and str(line.order_line_id),
                    "days": [[day.isoformat(), old, new] for day, old, new in line.days],
                    "end_before": line.end_before and line.end_before.isoformat(),
                    "end_after": line.end_after and line.end_after.isoformat(),
                    "refund_fen": line.refund_fen,
                    "credit_fen": line.credit_fen,
                    "products": [
                        [day.isoformat(), str(old), str(new)] for day, old, new in line.products
                    ],
                }
                for line in self.lines
            ],
        }

    def digest(self) -> str:
        """Fingerprint of what was shown."""
        return hashlib.sha256(to_json(self.as_json())).hexdigest()


def make_token(
    keys: KeyRing,
    order: Order,
    effect: Effect,
    *,
    holds: Collection[tuple[UUID, date]],
) -> str:
    """The preview's token: order, version, the change, a digest of what was shown, days to hold."""
    body = to_json(
        {
            "customer": str(order.customer_id),
            "order": str(order.order_id),
            "version": order.version,
            "wanted": effect.wanted.as_json(),
            "holds": [[str(station_id), day.isoformat()] for station_id, day in holds],
            "digest": effect.digest(),
            "until": int((wall_now() + TOKEN_LIFE).timestamp()),
        }
    )
    return base64.urlsafe_b64encode(keys.sign(_PURPOSE, body) + body).decode()


def read_token(keys: KeyRing, token: str) -> dict[str, Any]:
    """What a token says; raises PreviewInvalid when it is not ours or too old."""
    try:
        raw = base64.urlsafe_b64decode(token)
    except (ValueError, binascii.Error) as error:
        raise PreviewInvalid from error
    signature, body = raw[:32], raw[32:]
    if not hmac.compare_digest(keys.sign(_PURPOSE, body), signature):
        raise PreviewInvalid
    said: dict[str, Any] = json.loads(body)
    if said["until"] < wall_now().timestamp():
        raise PreviewInvalid
    return said


def holds_of(said: dict[str, Any]) -> list[tuple[UUID, date]]:
    """The days that a token's change keeps open: (station, service date)."""
    return [(UUID(station), date.fromisoformat(day)) for station, day in said["holds"]]
