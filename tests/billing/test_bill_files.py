"""Bills of UnionPay, Alipay and a POS acquirer as files: read in their own encodings, or refused."""

import io
import zipfile
from datetime import UTC, datetime

import pytest

from app.billing.channels.bill_readers import READERS
from app.billing.channels.bill_source import Fault, ReadBill
from app.billing.errors import BillFileMalformed
from app.billing.states import BillEntry, PaymentChannel
from simulators.channels.alipay.bills import COLUMNS, encode, packed
from tests.billing.bill_files import UNIONPAY_MERCHANT, pos_file, pos_row, zm_file, zm_row
from tests.factories.billing import SLIP
from tests.factories.world import TODAY

PID = "2088639621065356"
POS_MERCHANT = SLIP["merchant_no"]
MERCHANTS = {
    PaymentChannel.ALIPAY: PID,
    PaymentChannel.UNIONPAY: UNIONPAY_MERCHANT,
    PaymentChannel.POS: POS_MERCHANT,
}


def read(channel: PaymentChannel, content: bytes) -> ReadBill:
    return READERS[channel](content, merchant=MERCHANTS[channel], day=TODAY)


def alipay_row(number: str, yuan: str, **said: str) -> dict[str, str]:
    return {
        "支付宝交易号": "2026031522001400000000000001",
        "商户订单号": number,
        "业务类型": "交易",
        "商品名称": "鲜牛奶，酸奶,奶酪",
        "创建时间": "2026-03-15 09:59:00",
        "完成时间": "2026-03-15 10:00:00",
        "订单金额（元）": yuan,
        "服务费（元）": "-0.63",
    } | said


def alipay_file(rows: list[dict[str, str]], *, counted: int | None = None) -> bytes:
    sums = [f"#交易合计：{len(rows) if counted is None else counted}笔，商家实收共0.00元"]
    return encode(rows, seller_id=PID, day=TODAY, sums=sums)


def test_alipays_rows_are_read_from_the_archive_and_from_the_file_in_it() -> None:
    back = alipay_row(
        "P1", "-10.00", 业务类型="退款", **{"退款批次号/请求号": "R1", "服务费（元）": "0.06"}
    )
    details = alipay_file([alipay_row("P1", "105.00"), back])
    for content in (details, packed(details, seller_id=PID, day=TODAY)):
        found = read(PaymentChannel.ALIPAY, content)
        assert found.faults == []
        paid, refund = found.lines
        assert (paid.entry, paid.number, paid.amount_fen) == (BillEntry.PAYMENT, "P1", 10_500)
        assert (paid.fee_fen, paid.line_no) == (63, 6)
        assert paid.happened_at == datetime(2026, 3, 15, 2, tzinfo=UTC)
        assert (refund.entry, refund.number, refund.amount_fen) == (BillEntry.REFUND, "R1", 1_000)
        assert refund.fee_fen == -6


def test_unionpays_rows_are_read_by_their_place() -> None:
    found = read(
        PaymentChannel.UNIONPAY,
        zm_file(
            [
                zm_row("P1", 10_500),
                zm_row("R1", 1_000, kind="04", fee="C000000000006", sent="0314235959"),
            ]
        ),
    )
    assert found.faults == []
    paid, back = found.lines
    assert (paid.entry, paid.number, paid.amount_fen, paid.fee_fen) == (
        *(BillEntry.PAYMENT, "P1"),
        *(10_500, 60),
    )
    assert paid.channel_no == "541603151000000204598"
    assert paid.happened_at == datetime(2026, 3, 15, 2, tzinfo=UTC)
    assert (back.entry, back.number, back.amount_fen, back.fee_fen) == (
        *(BillEntry.REFUND, "R1"),
        *(1_000, -6),
    )


@pytest.mark.parametrize(
    ("encoding", "part"), [("gb18030", ","), ("utf-8-sig", "\t"), ("utf-8", "|")]
)
def test_an_acquirers_rows_are_read_whatever_its_encoding_and_its_delimiter(
    encoding: str, part: str
) -> None:
    rows = [pos_row("000123", "90.00"), pos_row("000124", "-9.00", kind="退货", fee="-0.05")]
    found = read(PaymentChannel.POS, pos_file(rows, encoding=encoding, part=part))
    assert found.faults == []
    paid, back = found.lines
    assert paid.number == f"{POS_MERCHANT}|20260001|000007|000123"
    assert (paid.amount_fen, paid.fee_fen, paid.line_no) == (9_000, 54, 3)
    assert (back.entry, back.amount_fen, back.fee_fen) == (BillEntry.REFUND, 900, -5)


def test_an_acquirers_columns_are_known_by_their_titles() -> None:
    content = (
        "交易时间;交易类型;交易金额（元）;参考号;流水号;批次号;终端号;商户号\n"
        f'20260315 100000;消费;"1,090.00";260315000123;123;7;20260001;{POS_MERCHANT}\n'
    )
    [line] = read(PaymentChannel.POS, content.encode("gbk")).lines
    assert line.number == f"{POS_MERCHANT}|20260001|000007|000123"
    assert (line.amount_fen, line.fee_fen) == (109_000, 0)


@pytest.mark.parametrize(
    ("channel", "content", "fault"),
    [
        (PaymentChannel.POS, pos_file([pos_row("1", "0.001")]), Fault(3, "amount")),
        (PaymentChannel.POS, pos_file([pos_row("1", "-1.00")]), Fault(3, "amount")),
        (
            PaymentChannel.POS,
            pos_file([pos_row("1", "1", merchant="9")]),
            Fault(3, "other_merchant"),
        ),
        (PaymentChannel.POS, pos_file([pos_row("1", "1", kind="预授权")]), Fault(3, "state")),
        (
            PaymentChannel.POS,
            pos_file([pos_row("1", "1", on="2026-03-16")]),
            Fault(3, "other_date"),
        ),
        (PaymentChannel.POS, pos_file([pos_row("1", "1", on="2026-02-30")]), Fault(3, "time")),
        (PaymentChannel.POS, pos_file([pos_row("1234567", "1")]), Fault(3, "number")),
        (PaymentChannel.POS, pos_file(["898310059110001,2026"]), Fault(3, "cells")),
        (PaymentChannel.POS, pos_file([pos_row("1", "1")] * 2), Fault(4, "duplicate")),
        (PaymentChannel.UNIONPAY, zm_file([zm_row("P1", 1), "S22 49361000"]), Fault(2, "cells")),
        (
            PaymentChannel.UNIONPAY,
            zm_file([zm_row("P1", 1).replace("S22 ", "S22  ")]),
            Fault(1, "cells"),
        ),
        (PaymentChannel.UNIONPAY, zm_file([zm_row("P1", 1, kind="95")]), Fault(1, "state")),
        (
            PaymentChannel.UNIONPAY,
            zm_file([zm_row("P1", 1, merchant="9")]),
            Fault(1, "other_merchant"),
        ),
        (
            PaymentChannel.UNIONPAY,
            zm_file([zm_row("P1", 1, sent="0316000000")]),
            Fault(1, "other_date"),
        ),
        (PaymentChannel.UNIONPAY, zm_file([zm_row("P1", 1, sent="1315000000")]), Fault(1, "time")),
        (PaymentChannel.UNIONPAY, zm_file([zm_row("P1", 1, fee="X000000000060")]), Fault(1, "fee")),
        (PaymentChannel.UNIONPAY, zm_file([zm_row("奶1", 1)]), Fault(1, "number")),
        (PaymentChannel.ALIPAY, alipay_file([alipay_row("P1", "1.234")]), Fault(6, "amount")),
        (
            PaymentChannel.ALIPAY,
            alipay_file([alipay_row("P1", "1.00", 业务类型="退款")]),
            Fault(6, "amount"),
        ),
        (
            PaymentChannel.ALIPAY,
            alipay_file([alipay_row("P1", "1", 业务类型="转账")]),
            Fault(6, "state"),
        ),
        (
            PaymentChannel.ALIPAY,
            alipay_file([alipay_row("P1", "1", 完成时间="2026-03-16 00:00:00")]),
            Fault(6, "other_date"),
        ),
    ],
)
def test_a_row_that_says_nothing_sensible_is_set_aside(
    channel: PaymentChannel, content: bytes, fault: Fault
) -> None:
    assert read(channel, content).faults == [fault]


def archive(*names: str, content: bytes = b"x") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name in names:
            made.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("channel", "content", "what"),
    [
        (PaymentChannel.POS, b"", "columns"),
        (PaymentChannel.POS, b"\xff\xfe\x00", "encoding"),
        (PaymentChannel.POS, "交易金额,手续费\n1,2\n".encode("gbk"), "columns"),
        (PaymentChannel.UNIONPAY, b"a,b,c\n", "columns"),
        (PaymentChannel.UNIONPAY, archive("1", "2"), "no_details"),
        (PaymentChannel.ALIPAY, b"PK\x03\x04broken", "zip_broken"),
        (PaymentChannel.ALIPAY, archive("1"), "no_details"),
        (PaymentChannel.ALIPAY, alipay_file([alipay_row("P1", "1")], counted=2), "rows_missing"),
        (
            PaymentChannel.ALIPAY,
            encode([], seller_id="2088000000000000", day=TODAY),
            "other_merchant",
        ),
        (
            PaymentChannel.ALIPAY,
            alipay_file([]).replace(COLUMNS[0].encode("gbk"), b"x"),
            "columns",
        ),
    ],
)
def test_what_is_no_bill_is_refused(channel: PaymentChannel, content: bytes, what: str) -> None:
    with pytest.raises(BillFileMalformed) as caught:
        read(channel, content)
    assert caught.value.what == what
