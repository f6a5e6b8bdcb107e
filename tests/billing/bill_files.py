"""Bills that are no WeChat Pay's, written by hand: UnionPay's settlement file, a POS acquirer's."""

from collections.abc import Sequence
from typing import Final

from app.billing.channels.unionpay_bill import WIDTHS
from tests.factories.billing import SLIP

UNIONPAY_MERCHANT: Final = "777290058110048"
POS_TITLES: Final = (
    "商户编号,终端编号,批次号,凭证号,参考号,交易日期,交易时间,交易类型,卡号,交易金额,手续费"
)


def zm_row(
    order_id: str,
    fen: int,
    *,
    kind: str = "01",
    sent: str = "0315100000",
    merchant: str = UNIONPAY_MERCHANT,
    fee: str = "D000000000060",
) -> str:
    """A row of the settlement file, with the columns after the merchant's that hold a shop's name."""
    cells = [""] * len(WIDTHS)
    cells[0], cells[3], cells[4] = "S22" if kind == "01" else "S30", "020459", sent
    cells[5], cells[6] = "6216261000000000018", f"{fen:012d}"
    cells[9], cells[11] = "541603151000000204598", order_id
    cells[15], cells[16] = fee, f"C{fen:012d}"
    cells[19], cells[20], cells[21], cells[27] = kind, "01", "000201", merchant
    known = " ".join(cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=True))
    return f"{known} 0 {'':15} {'光明鲜奶站':32} {'':13}"


def zm_file(rows: Sequence[str]) -> bytes:
    """The settlement file."""
    return "".join(f"{row}\r\n" for row in rows).encode("gbk")


def pos_row(trace: str, yuan: str, **said: str) -> str:
    """A row of the acquirer's file about a slip of the factory's terminal."""
    cells = {
        "merchant": SLIP["merchant_no"],
        "terminal": SLIP["terminal_no"],
        "batch": SLIP["batch_no"],
        "trace": trace,
        "reference": f"260315{trace}",
        "on": "2026-03-15",
        "at": "10:00:00",
        "kind": "消费",
        "card": "622202******1234",
        "amount": yuan,
        "fee": "0.54",
    }
    return ",".join((cells | said).values())


def pos_file(
    rows: Sequence[str], *, encoding: str = "gb18030", titles: str = POS_TITLES, part: str = ","
) -> bytes:
    """The acquirer's file, with a remark above its titles and a sum below."""
    lines = ["收单商户交易明细", titles, *rows, "合计"]
    return "".join(f"{line}\r\n" for line in lines).replace(",", part).encode(encoding)
