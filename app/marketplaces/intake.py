"""What a marketplace says of an order, whichever way it comes. Amounts are integer fen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who gets it, as far as the marketplace tells: a masked part has a `*`."""

    name: str = ""
    phone: str = ""
    city: str = ""
    district: str = ""
    address: str = ""

    def as_json(self) -> dict[str, str]:
        """For sealing."""
        return {
            "name": self.name,
            "phone": self.phone,
            "city": self.city,
            "district": self.district,
            "address": self.address,
        }


@dataclass(frozen=True, slots=True)
class OutsideLine:
    """One position: `line_no` is the marketplace's own (oid), `units` what was bought of the SKU."""

    line_no: str
    sku: str
    title: str
    units: int
    paid_fen: int


@dataclass(frozen=True, slots=True)
class OutsideRefund:
    """Money the marketplace has given back, once per `refund_no`; for one position, or all."""

    refund_no: str
    number: str
    line_no: str | None
    amount_fen: int
    refunded_at: datetime


@dataclass(frozen=True, slots=True)
class OutsideOrder:
    """A paid order. `raw` is what was sent, unknown fields and all; it is kept sealed."""

    number: str
    paid_fen: int
    paid_at: datetime
    modified_at: datetime
    lines: Sequence[OutsideLine]
    receiver: Receiver = field(repr=False)
    raw: Mapping[str, Any] = field(repr=False)
    promotion_text: str = field(default="", repr=False)
    """Where a promotion code or a deliverer's number may stand: remarks of buyer and seller."""
