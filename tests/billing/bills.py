"""Days at the platform: its clock beside the test's, and bills written by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import httpx
from sqlalchemy import select

from app.billing.bill_models import Bill, BillDifference
from app.billing.jobs import ask_for_bills
from app.billing.models import Payment
from app.billing.service import request_refund
from app.billing.states import PaymentChannel
from app.core.db import Database
from app.core.ids import public_single
from app.core.jobs import JobContext
from app.identity.models import Role
from simulators.channels.clock import SimClock
from simulators.channels.wechat.bills import TRADE_COLUMNS, TRADE_SUMMARY, encode
from tests.factories.world import MORNING, World, once
from tests.fixtures.application import SetClock
from tests.fixtures.jobs import drain
from tests.fixtures.payments import Payments

DAY: Final = timedelta(days=1)
NEXT_MORNING: Final = MORNING + DAY + timedelta(minutes=5)
"""Five past ten: the bill of the day before is ready."""
SPOILT: Final[Sequence[tuple[dict[str, str], str]]] = [
    ({"订单金额": "1.234"}, "amount"),
    ({"订单金额": "-1.00"}, "amount"),
    ({"订单金额": "1e3"}, "amount"),
    ({"订单金额": "９.00"}, "amount"),
    ({"订单金额": "99999999999.00"}, "amount"),
    ({"订单金额": "9999999999.00"}, "amount"),
    ({"手续费": "x"}, "fee"),
    ({"手续费": "0.1234567"}, "fee"),
    ({"交易时间": "2026-02-30 10:00:00"}, "time"),
    ({"交易时间": "2026-03-15T10:00:00"}, "time"),
    ({"交易时间": ""}, "time"),
    ({"交易时间": "2026-03-14 23:59:59"}, "other_date"),
    ({"商户号": "1900000109"}, "other_merchant"),
    ({"交易状态": "REVOKED"}, "state"),
    ({"商户订单号": ""}, "number"),
    ({"商户订单号": "9" * 65}, "number"),
    ({"微信订单号": "4200 1"}, "number"),
    ({"商品名称": "奶,`酪"}, "cells"),
]
"""What makes a payment's row of the fifteenth or later a bad one, and why."""


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


async def give_back(database: Database, payment: Payment, fen: int) -> str:
    """Want some of a payment back; answers the refund's number."""
    async with database.transaction() as session:
        [refund] = await request_refund(
            session,
            customer_id=payment.customer_id,
            reference_id=payment.reference_id,
            amount_fen=fen,
            cause="order_rejected",
            now=MORNING,
        )
    return refund.out_refund_no


async def bills(database: Database, channel: PaymentChannel = PaymentChannel.WECHAT) -> list[Bill]:
    """The bills of a channel, oldest day first."""
    async with database.transaction() as session:
        found = await session.scalars(
            select(Bill)
            .where(Bill.channel == channel)
            .order_by(Bill.bill_date)
            .execution_options(populate_existing=True)
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
    """The platform, whose bill file is another one than it promised."""

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


def alter(payments: Payments, content: bytes) -> Altered:
    """Let the platform send this instead of its bill."""
    altered = Altered(payments.http._transport, content=content)
    payments.http._transport = altered
    return altered


class Desk:
    """Finance with a bill of the fifteenth that differs in every way."""

    def __init__(self, client: httpx.AsyncClient, world: World) -> None:
        self.client = client
        self.headers = world.staff[Role.FINANCE].headers
        self.path = ""

    async def bring(self, day: str, file: bytes, **wanted: str) -> dict[str, Any]:
        """Bring the bill of a day as a file."""
        wanted |= {"bill_date": day}
        made = await self.client.post("/bills", json=wanted, headers=self.headers | once())
        assert made.status_code == 201, made.text
        self.path = f"/bills/{made.json()['id']}"
        taken = await self.client.post(
            f"{self.path}/file", content=file, headers=self.headers | once()
        )
        assert taken.status_code == 200, taken.text
        facts: dict[str, Any] = taken.json()
        return facts

    async def items(self, **wanted: str) -> dict[str, dict[str, Any]]:
        """Its differences by number."""
        answer = await self.client.get(
            f"{self.path}/differences", params=wanted, headers=self.headers
        )
        return {item["number"]: item for item in answer.json()["items"]}

    async def act(
        self, item: dict[str, Any], act: str, *, key: dict[str, str] | None = None
    ) -> tuple[int, str]:
        """Move a difference; answers the status and the state, or the refusal."""
        answer = await self.client.post(
            f"/bills/{item['bill_id']}/differences/{item['id']}/{act}",
            json={"reason": "门店收款码的散客付款"},
            headers=self.headers | (key or once()),
        )
        return answer.status_code, answer.json().get("state") or answer.json()["code"]


@dataclass
class Day:
    """What was paid on the fifteenth: as the bill says, another sum, not there, not told to us."""

    agreed: Payment
    off: Payment
    missing: Payment
    late: Payment

    def file(self, merchant: str) -> bytes:
        """The bill."""
        return bill_of(
            [
                row(merchant, 商户订单号=self.agreed.out_trade_no),
                row(merchant, 商户订单号=self.off.out_trade_no, 订单金额="30.01"),
                row(merchant, 商户订单号=self.late.out_trade_no, 订单金额="40.00"),
                row(merchant, 商户订单号="STRANGER1", 订单金额="0.05"),
                row(merchant, 商户订单号="BAD1", 订单金额="1.234"),
                refund_row(merchant, "RSTRANGER", "1.00"),
                refund_row(merchant, "RFAILED", "9.00", 退款状态="FAIL"),
            ]
        )
