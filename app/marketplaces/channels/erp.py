"""What an ERP or middleware pushes: how it is signed, and what it says. Amounts are fen."""

import hmac
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from app.core.money import MAX_FEN
from app.marketplaces.errors import (
    PushForged,
    PushMalformed,
    PushSignatureMissing,
    PushTooOld,
)
from app.marketplaces.intake import OutsideLine, OutsideOrder, OutsideRefund, Receiver

TIMESTAMP: Final = "x-timestamp"
NONCE: Final = "x-nonce"
SIGNATURE: Final = "x-signature"
MAX_BYTES: Final = 1_000_000
_SHAPES: Final = {
    TIMESTAMP: re.compile(r"[0-9]{9,11}", re.ASCII),
    NONCE: re.compile(r"[0-9A-Za-z_-]{16,64}", re.ASCII),
    SIGNATURE: re.compile(r"[0-9a-fA-F]{64}", re.ASCII),
}


def push_signature(*, timestamp: str, nonce: str, body: bytes, secret: str) -> str:
    """Hex HMAC-SHA256 over `timestamp.nonce.body`."""
    return hmac.digest(secret.encode(), f"{timestamp}.{nonce}.".encode() + body, "sha256").hex()


def check_push(
    headers: Mapping[str, str], body: bytes, *, secret: str, wall: datetime, span: timedelta
) -> str:
    """The nonce of a genuine push of now; whether it was used before is the caller's question.

    Raises PushSignatureMissing, PushForged, PushTooOld.
    """
    said = {name: headers.get(name, "") for name in _SHAPES}
    for name, shape in _SHAPES.items():
        if not shape.fullmatch(said[name]):
            raise PushSignatureMissing(header=name)
    expected = push_signature(
        timestamp=said[TIMESTAMP], nonce=said[NONCE], body=body, secret=secret
    )
    if not hmac.compare_digest(expected, said[SIGNATURE].lower()):
        raise PushForged
    if abs(wall.timestamp() - int(said[TIMESTAMP])) > span.total_seconds():
        raise PushTooOld(server_time=int(wall.timestamp()), most_seconds=int(span.total_seconds()))
    return said[NONCE]


Number = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_-]{1,64}$")]
Said = Annotated[str, Field(max_length=500)]
Amount = Annotated[int, Field(ge=0, le=MAX_FEN, strict=True)]
PositiveAmount = Annotated[int, Field(gt=0, le=MAX_FEN, strict=True)]


class _Pushed(BaseModel):
    """Fields nobody agreed on are kept with the message and mean nothing."""

    model_config = ConfigDict(extra="allow", str_max_length=5000, allow_inf_nan=False)


class PushedReceiver(_Pushed):
    """As far as the ERP may know."""

    name: Said = ""
    phone: Annotated[str, Field(max_length=40)] = ""
    city: Said = ""
    district: Said = ""
    address: Said = ""


class PushedLine(_Pushed):
    """One position."""

    line_no: Number
    sku: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    title: Said = ""
    units: Annotated[int, Field(ge=1, le=4000, strict=True)]
    paid_fen: Amount


class PushedOrder(_Pushed):
    """One paid order."""

    number: Number
    paid_fen: PositiveAmount
    paid_at: AwareDatetime
    modified_at: AwareDatetime
    receiver: PushedReceiver = PushedReceiver()
    lines: Annotated[list[PushedLine], Field(min_length=1, max_length=50)]
    promotion_code: Annotated[str, Field(max_length=40)] = ""
    remark: Said = ""


class PushedRefund(_Pushed):
    """Money the marketplace has given back."""

    refund_no: Number
    number: Number
    line_no: Number | None = None
    amount_fen: PositiveAmount
    refunded_at: AwareDatetime


class PushedBody(_Pushed):
    """A batch."""

    orders: Annotated[list[PushedOrder], Field(max_length=200)] = []
    refunds: Annotated[list[PushedRefund], Field(max_length=200)] = []


def read_push(body: bytes) -> PushedBody:
    """The batch in a body; raises PushMalformed with the fields that are wrong, not their values."""
    try:
        return PushedBody.model_validate_json(body)
    except (ValidationError, ValueError, RecursionError) as error:
        found = error.errors(include_input=False) if isinstance(error, ValidationError) else []
        fields = [".".join(str(part) for part in item["loc"])[:100] for item in found[:20]]
        raise PushMalformed(fields=fields) from error


def orders_of(batch: PushedBody) -> list[OutsideOrder]:
    """Its orders in our words."""
    return [
        OutsideOrder(
            number=order.number,
            paid_fen=order.paid_fen,
            paid_at=order.paid_at,
            modified_at=order.modified_at,
            lines=[
                OutsideLine(
                    line.line_no, line.sku, line.title or line.sku, line.units, line.paid_fen
                )
                for line in order.lines
            ],
            receiver=Receiver(
                name=order.receiver.name,
                phone=order.receiver.phone,
                city=order.receiver.city,
                district=order.receiver.district,
                address=order.receiver.address,
            ),
            promotion_text=f"{order.promotion_code} {order.remark}",
            raw=order.model_dump(mode="json"),
        )
        for order in batch.orders
    ]


def refunds_of(batch: PushedBody) -> list[OutsideRefund]:
    """Its refunds in our words."""
    return [
        OutsideRefund(
            refund_no=refund.refund_no,
            number=refund.number,
            line_no=refund.line_no,
            amount_fen=refund.amount_fen,
            refunded_at=refund.refunded_at,
        )
        for refund in batch.refunds
    ]
