"""Bills in the platform's exact encoding, equal to what was paid and refunded."""

import gzip
import hashlib
from datetime import datetime, timedelta
from typing import Any

import pytest

from simulators.channels.clock import CHINA
from simulators.channels.simulator import ChannelSimulator
from simulators.channels.wechat.bills import fee_of, yuan
from tests.simulators.support import BASE_URL, Merchant

ALL_HEADER = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
SUCCESS_HEADER = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,商品名称,商户数据包,手续费,费率,订单金额,费率备注"
SUMMARY = (
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
)
FLOW_HEADER = "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号"


def cells(line: str) -> list[str]:
    """Cells of a data row; a description may hold a comma."""
    assert line.startswith("`")
    return line[1:].split(",`")


async def fetch(merchant: Merchant, target: str) -> list[str]:
    """Ask for a bill, download it, check its hash, return its lines."""
    link = (await merchant.call("GET", target)).json()
    assert link["download_url"].startswith(f"{BASE_URL}/v3/billdownload/file?token=")
    answer = await merchant.call("GET", link["download_url"].removeprefix(BASE_URL))
    assert answer.status_code == 200
    assert "wechatpay-signature" not in answer.headers
    text = gzip.decompress(answer.content) if "tar_type=GZIP" in target else answer.content
    assert hashlib.sha1(text, usedforsecurity=False).hexdigest() == link["hash_value"]
    assert text.endswith(b"\r\n")
    return text.decode().removesuffix("\r\n").split("\r\n")


@pytest.fixture
async def day(merchant: Merchant, simulator: ChannelSimulator) -> str:
    """A finished day with two payments and one refund; the date in Beijing."""
    now = simulator.clock.now().astimezone(CHINA)
    noon = datetime(now.year, now.month, now.day, 12, tzinfo=CHINA) + timedelta(days=1)
    simulator.clock.advance((noon - now).total_seconds())
    await merchant.place("B00001", description="鲜牛奶, 酸奶", attach="a,b")
    await merchant.place("B00002", amount={"total": 5, "currency": "CNY"})
    simulator.desk.pay("B00001")
    simulator.desk.pay("B00002")
    await merchant.refund("B00001", "BR0001", 700)
    await simulator.advance(24 * 3600)
    return noon.date().isoformat()


async def test_the_whole_bill_has_27_columns_and_a_summary(merchant: Merchant, day: str) -> None:
    target = f"/v3/bill/tradebill?bill_date={day}&bill_type=ALL&tar_type=GZIP"
    header, *rows, summary_header, summary = await fetch(merchant, target)
    assert header == ALL_HEADER
    assert summary_header == SUMMARY
    named = [dict(zip(header.split(","), cells(row), strict=True)) for row in rows]
    assert [
        (row["商户订单号"], row["交易状态"], row["订单金额"], row["退款金额"]) for row in named
    ] == [
        ("B00001", "SUCCESS", "20.00", "0.00"),
        ("B00002", "SUCCESS", "0.05", "0.00"),
        ("B00001", "REFUND", "0.00", "7.00"),
    ]
    assert (named[0]["商品名称"], named[0]["商户数据包"]) == ("鲜牛奶, 酸奶", "a,b")
    assert [row["手续费"] for row in named] == ["0.12000", "0.00000", "-0.04000"]
    assert (named[2]["商户退款单号"], named[2]["退款状态"]) == ("BR0001", "SUCCESS")
    assert cells(summary) == ["3", "20.05", "7.00", "0.00", "0.08000", "20.05", "7.00"]


async def test_the_bill_of_successes_omits_the_refund_columns(merchant: Merchant, day: str) -> None:
    target = f"/v3/bill/tradebill?bill_date={day}&bill_type=SUCCESS"
    header, *rows, _, summary = await fetch(merchant, target)
    assert header == SUCCESS_HEADER
    assert [len(cells(row)) for row in rows] == [20, 20]
    assert cells(summary)[0] == "2"


async def test_the_bill_of_refunds_holds_refunds_only(merchant: Merchant, day: str) -> None:
    target = f"/v3/bill/tradebill?bill_date={day}&bill_type=REFUND"
    header, row, _, _ = await fetch(merchant, target)
    assert dict(zip(header.split(","), cells(row), strict=True))["微信退款单号"].startswith("503")


async def test_the_fund_flow_adds_up(merchant: Merchant, day: str) -> None:
    target = f"/v3/bill/fundflowbill?bill_date={day}&account_type=BASIC&tar_type=GZIP"
    header, *rows, _, summary = await fetch(merchant, target)
    assert header == FLOW_HEADER
    named = [dict(zip(header.split(","), cells(row), strict=True)) for row in rows]
    balance = 0
    for row in named:
        fen = round(float(row["收支金额(元)"]) * 100)
        balance += fen if row["收支类型"] == "收入" else -fen
        assert row["账户结余(元)"] == yuan(balance)
    # 20.00 - 0.12 + 0.05 - 7.00 + 0.04
    assert balance == 1297
    assert cells(summary) == ["5", "3", "20.09", "2", "7.12"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("bill_date=2020-01-01&bill_type=ALL", "PARAM_ERROR"),
        ("bill_date=2099-01-01&bill_type=ALL", "PARAM_ERROR"),
        ("bill_date=20260101&bill_type=EVERY", "PARAM_ERROR"),
        ("bill_date=yesterday&bill_type=ALL", "PARAM_ERROR"),
        ("bill_date=2026-W01-1&bill_type=ALL", "PARAM_ERROR"),
        ("bill_type=ALL", "PARAM_ERROR"),
    ],
)
async def test_a_bill_that_cannot_be_is_refused(merchant: Merchant, query: str, code: str) -> None:
    answer = await merchant.call("GET", f"/v3/bill/tradebill?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, code)


async def test_a_bill_is_ready_at_ten_the_next_day(
    merchant: Merchant, simulator: ChannelSimulator, day: str
) -> None:
    simulator.clock._moved -= timedelta(hours=2, minutes=5)
    target = f"/v3/bill/tradebill?bill_date={day}&bill_type=ALL"
    early: Any = (await merchant.call("GET", target)).json()
    assert early["code"] == "STATEMENT_CREATING"
    simulator.clock.advance(5 * 60)
    assert "download_url" in (await merchant.call("GET", target)).json()


async def test_an_empty_day_has_no_bill(
    merchant: Merchant, simulator: ChannelSimulator, day: str
) -> None:
    simulator.clock.advance(24 * 3600)
    empty = (datetime.fromisoformat(day) + timedelta(days=1)).date().isoformat()
    for target in (
        f"/v3/bill/tradebill?bill_date={empty}&bill_type=ALL",
        f"/v3/bill/fundflowbill?bill_date={empty}&account_type=BASIC",
        f"/v3/bill/fundflowbill?bill_date={day}&account_type=FEES",
    ):
        answer = await merchant.call("GET", target)
        assert (answer.status_code, answer.json()["code"]) == (400, "NO_STATEMENT_EXIST")


async def test_a_download_link_lasts_five_minutes(
    merchant: Merchant, simulator: ChannelSimulator, day: str
) -> None:
    target = f"/v3/bill/tradebill?bill_date={day}&bill_type=ALL"
    url = (await merchant.call("GET", target)).json()["download_url"].removeprefix(BASE_URL)
    simulator.clock.advance(300)
    assert (await merchant.call("GET", url)).status_code == 400


def test_fees_and_yuan() -> None:
    assert [fee_of(fen) for fen in (1, 83, 84, 2000, 29900)] == [0, 0, 1, 12, 179]
    assert [yuan(fen) for fen in (0, 5, 100, -5, -12345)] == [
        "0.00",
        "0.05",
        "1.00",
        "-0.05",
        "-123.45",
    ]
