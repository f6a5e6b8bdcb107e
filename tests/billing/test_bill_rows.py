"""Rows of WeChat Pay's bill: read as they are written, or set aside with their line."""

import gzip
from datetime import UTC, datetime

import pytest

from app.billing.channels.bill_rows import unpacked
from app.billing.channels.bill_source import Fault
from app.billing.channels.wechat_bill import read_bill
from app.billing.errors import BillFileMalformed
from app.billing.states import BillEntry
from tests.billing.bills import bill_of, refund_row, row
from tests.factories.world import TODAY

MERCHANT = "9900000001"
CODING = "utf-8-sig"


def test_rows_are_read_with_and_without_a_mark_packed_or_not() -> None:
    text = bill_of([row(MERCHANT), refund_row(MERCHANT, "R1", "10.00")])
    marked = text.decode().encode(CODING)
    for content in (text, marked, text.replace(b"\r\n", b"\n"), gzip.compress(marked)):
        read = read_bill(unpacked(content), merchant=MERCHANT, day=TODAY)
        assert read.faults == []
        paid, back = read.lines
        assert (paid.entry, paid.number, paid.amount_fen) == (BillEntry.PAYMENT, "P0001", 10_500)
        assert (paid.fee_fen, paid.line_no, paid.moves_money) == (63, 2, True)
        assert paid.happened_at == datetime(2026, 3, 15, 2, tzinfo=UTC)
        assert (back.entry, back.number, back.amount_fen) == (BillEntry.REFUND, "R1", 1_000)
        assert back.fee_fen == -6


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"订单金额": "1.234"}, "amount"),
        ({"订单金额": "-1.00"}, "amount"),
        ({"订单金额": "1e3"}, "amount"),
        ({"订单金额": "９.00"}, "amount"),
        ({"手续费": "x"}, "fee"),
        ({"交易时间": "2026-02-30 10:00:00"}, "time"),
        ({"交易时间": "2026-03-14 23:59:59"}, "other_date"),
        ({"商户号": "1900000109"}, "other_merchant"),
        ({"交易状态": "REVOKED"}, "state"),
        ({"商户订单号": ""}, "number"),
        ({"商品名称": "奶,`酪"}, "cells"),
        ({"商户订单号": "P0001"}, "duplicate"),
    ],
)
def test_a_bad_row_is_set_aside_and_the_others_are_taken(said: dict[str, str], reason: str) -> None:
    other = {"商户订单号": "P0002"}
    text = bill_of([row(MERCHANT), row(MERCHANT, **other | said), row(MERCHANT, 商户订单号="P3")])
    read = read_bill(text, merchant=MERCHANT, day=TODAY)
    assert [line.number for line in read.lines] == ["P0001", "P3"]
    assert read.faults == [Fault(3, reason)]


def test_columns_are_known_by_their_title() -> None:
    said = row(MERCHANT, 退款状态="")
    titles = sorted(said)
    text = "\n".join(
        [
            ",".join(titles),
            ",".join(f"`{said[title]}" for title in titles),
            "总交易单数,应结订单总金额",
            "`1,`105.00",
        ]
    )
    [line] = read_bill(text.encode(), merchant=MERCHANT, day=TODAY).lines
    assert (line.number, line.amount_fen) == ("P0001", 10_500)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("交易".encode("gbk"), "not_utf8"),
        (b"a,b,c\n", "columns"),
        (bill_of([row(MERCHANT)], counted=2), "rows_missing"),
        (bill_of([row(MERCHANT)])[:-30].rsplit("总".encode(), 7)[0], "no_summary"),
        (gzip.compress(bill_of([row(MERCHANT)]))[:-9], "gzip_broken"),
        (bill_of([row(MERCHANT)]).replace("用户标识".encode(), "退款申请时间".encode()), "columns"),
    ],
)
def test_what_is_no_whole_bill_is_refused(content: bytes, what: str) -> None:
    with pytest.raises(BillFileMalformed) as caught:
        read_bill(unpacked(content), merchant=MERCHANT, day=TODAY)
    assert caught.value.what == what
