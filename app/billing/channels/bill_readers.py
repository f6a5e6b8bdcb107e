"""Which channels make bills, and how each of them is read."""

from collections.abc import Mapping
from datetime import date
from typing import Final, Protocol

from app.billing.channels import alipay_bill, pos_bill, unionpay_bill, wechat_bill
from app.billing.channels.bill_source import ReadBill
from app.billing.states import PaymentChannel


class BillReader(Protocol):
    """Reads a bill as its channel makes it."""

    def __call__(self, content: bytes, *, merchant: str, day: date) -> ReadBill:
        """The rows of a merchant's day; raises BillFileMalformed for what is no whole bill."""


READERS: Final[Mapping[PaymentChannel, BillReader]] = {
    PaymentChannel.WECHAT: wechat_bill.read_bill,
    PaymentChannel.ALIPAY: alipay_bill.read_bill,
    PaymentChannel.UNIONPAY: unionpay_bill.read_bill,
    PaymentChannel.POS: pos_bill.read_bill,
}
AS_FILES: Final = frozenset({PaymentChannel.UNIONPAY, PaymentChannel.POS})
"""Their bills are never downloaded: finance brings the file."""
DOWNLOADED: Final = tuple(channel for channel in READERS if channel not in AS_FILES)
