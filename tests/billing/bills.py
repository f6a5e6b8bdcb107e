"""Days at the platform: its clock beside the test's, and bills written by hand."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import httpx
from sqlalchemy import select

from app.billing.bill_models import Bill, BillDifference
from app.billing.jobs import ask_for_bills
from app.core.db import Database
from app.core.ids import public_single
from app.core.jobs import JobContext
from simulators.channels.clock import SimClock
from simulators.channels.wechat.bills import TRADE_COLUMNS, TRADE_SUMMARY, encode
from tests.factories.world import MORNING
from tests.fixtures.application import SetClock
from tests.fixtures.jobs import drain
from tests.fixtures.payments import Payments

DAY: Final = timedelta(days=1)
NEXT_MORNING: Final = MORNING + DAY + timedelta(minutes=5)
"""Five past ten: the bill of the day before is ready."""


def set_both(clock: SetClock, payments: Payments, at: datetime) -> None:
    """Put the application's and the platform's clock to one instant."""
    clock.set(at)
    there: SimClock = payments.simulator.clock
    there._moved = at - there.wall()


async def morning_after(clock: SetClock, payments: Payments, context: JobContext) -> list[str]:
    """The daily job of the next morning, and what it caused."""
    set_both(clock, payments, NEXT_MORNING)
    await ask_for_bills(context, {})
    return await drain(context)


async def bills(database: Database) -> list[Bill]:
    """All bills, oldest day first."""
    async with database.transaction() as session:
        found = await session.scalars(
            select(Bill).order_by(Bill.bill_date).execution_options(populate_existing=True)
        )
        return list(found)


async def differences(database: Database) -> dict[str, tuple[str, str]]:
    """All differences: number -> kind and state."""
    async with database.transaction() as session:
        rows = await session.execute(
            select(BillDifference.number, BillDifference.kind, BillDifference.state)
        )
        return {number: (kind.value, state.value) for number, kind, state in rows}


def public_id(bill: Bill) -> str:
    """As the API names it."""
    return public_single("bil", bill.bill_id)


def row(merchant: str, **said: str) -> dict[str, str]:
    """A row of a payment as the platform writes it, with what is said otherwise."""
    plain = {
        "交易时间": "2026-03-15 10:00:00",
        "商户号": merchant,
        "微信订单号": "4200000000000000000000000001",
        "商户订单号": "P0001",
        "用户标识": "oUpF8uMuAJO",
        "交易状态": "SUCCESS",
        "应结订单金额": "105.00",
        "微信退款单号": "0",
        "商户退款单号": "0",
        "退款金额": "0.00",
        "商品名称": "随心订 鲜牛奶, 酸奶",
        "手续费": "0.63000",
        "费率": "0.60%",
        "订单金额": "105.00",
        "申请退款金额": "0.00",
    }
    return plain | said


def refund_row(merchant: str, number: str, yuan: str, **said: str) -> dict[str, str]:
    """A row of a refund."""
    refund = {
        "交易状态": "REFUND",
        "微信退款单号": "5030000000000000000000000001",
        "商户退款单号": number,
        "退款金额": yuan,
        "申请退款金额": yuan,
        "退款状态": "SUCCESS",
        "手续费": "-0.06000",
    }
    return row(merchant, **refund) | said


def bill_of(rows: Sequence[Mapping[str, str]], *, counted: int | None = None) -> bytes:
    """A bill of all kinds with these rows."""
    columns = TRADE_COLUMNS["ALL"]
    summary = [str(len(rows) if counted is None else counted), *["0.00"] * 6]
    cells = [[one.get(column, "") for column in columns] for one in rows]
    return encode(columns, cells, TRADE_SUMMARY, summary)


class Altered(httpx.AsyncBaseTransport):
    """The platform, whose bill file is another one; the hash fits it or not."""

    def __init__(self, inner: httpx.AsyncBaseTransport, *, content: bytes) -> None:
        self.inner = inner
        self.content = content
        self.downloads = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer for the file."""
        if not request.url.path.endswith("/billdownload/file"):
            return await self.inner.handle_async_request(request)
        self.downloads += 1
        return httpx.Response(200, content=self.content, request=request)


def sha1(text: bytes) -> str:
    """The platform's hash."""
    return hashlib.sha1(text, usedforsecurity=False).hexdigest()


def alter(payments: Payments, content: bytes) -> Altered:
    """Let the platform send this instead of its bill."""
    altered = Altered(payments.http._transport, content=content)
    payments.http._transport = altered
    return altered


Items = dict[str, Any]
