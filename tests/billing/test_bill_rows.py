"""Rows of WeChat Pay's bill: read as they are written, or set aside with their line."""

import gzip
import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.billing.channels import bill_rows
from app.billing.channels.bill_rows import unpacked
from app.billing.channels.bill_source import Fault
from app.billing.channels.wechat_bill import read_bill
from app.billing.errors import BillFileMalformed
from app.billing.states import BillEntry
from app.core.money import yuan_text
from tests.billing.bills import SPOILT, bill_of, refund_row, row
from tests.factories.world import TODAY
from tests.fixtures.doses import dose

MERCHANT = "9900000001"
CODING = "utf-8-sig"
Spoilt = tuple[dict[str, str], str]


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


@pytest.mark.parametrize(("said", "reason"), [*SPOILT, ({"商户订单号": "P0001"}, "duplicate")])
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


@settings(max_examples=dose(60, 20_000))
@given(
    spoilt=st.lists(st.none() | st.sampled_from(SPOILT), max_size=30),
    fen=st.integers(0, 10**10),
    cut=st.floats(0, 1, exclude_max=True),
)
def test_bad_rows_at_any_place_are_told_by_their_line(
    spoilt: list[Spoilt | None], fen: int, cut: float
) -> None:
    said = {"订单金额": yuan_text(fen), "手续费": f"-{yuan_text(fen)}000"}
    text = bill_of(
        [
            row(MERCHANT, 商户订单号=f"P{place}", **said) | (bad[0] if bad else {})
            for place, bad in enumerate(spoilt)
        ]
    )
    read = read_bill(text, merchant=MERCHANT, day=TODAY)
    assert read.faults == [
        Fault(place + 2, bad[1]) for place, bad in enumerate(spoilt) if bad is not None
    ]
    good = [place for place, bad in enumerate(spoilt) if bad is None]
    assert [(line.number, line.line_no) for line in read.lines] == [
        (f"P{place}", place + 2) for place in good
    ]
    assert {(line.amount_fen, line.fee_fen) for line in read.lines} <= {(fen, -fen)}
    short = text[: int(text.index("总交易单数".encode()) * cut)]
    with pytest.raises(BillFileMalformed):
        read_bill(short, merchant=MERCHANT, day=TODAY)
    packed = gzip.compress(text)
    with pytest.raises(BillFileMalformed):
        read_bill(unpacked(packed[: max(2, int(len(packed) * cut))]), merchant=MERCHANT, day=TODAY)


@settings(max_examples=dose(200, 50_000))
@given(st.text("0123456789.-", max_size=14))
def test_an_amount_is_as_many_fen_as_it_says(amount: str) -> None:
    text = bill_of([row(MERCHANT, 订单金额=amount, 应结订单金额="", 手续费=amount)])
    read = read_bill(text, merchant=MERCHANT, day=TODAY)
    if read.faults:
        assert not re.fullmatch(r"\d{1,8}(\.\d{1,2}0{0,4})?", amount)
    for line in read.lines:
        assert line.amount_fen == line.fee_fen == Decimal(amount) * 100


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bill_rows, "MAX_BYTES", 1_000)
    for content in (bytes(1_001), gzip.compress(bytes(1_001))):
        with pytest.raises(BillFileMalformed) as caught:
            unpacked(content)
        assert caught.value.what == "too_large"
    assert len(unpacked(gzip.compress(bytes(1_000)))) == 1_000
