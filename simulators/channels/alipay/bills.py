"""Alipay's trade bill of a day, in its exact form: a zip of two CSVs in GBK, cells with a TAB."""

import io
import secrets
import zipfile
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Final

from simulators.channels.alipay.models import Refund, Trade, business, invalid
from simulators.channels.alipay.notifications import yuan
from simulators.channels.alipay.store import Store
from simulators.channels.clock import CHINA, SimClock, china_plain

READY_HOUR: Final = 10
LINK_VALID: Final = timedelta(seconds=30)
FEE_BASIS_POINTS: Final = 60
PATH: Final = "/alipay/bill"

COLUMNS: Final = [
    "支付宝交易号",
    "商户订单号",
    "业务类型",
    "商品名称",
    "创建时间",
    "完成时间",
    "门店编号",
    "门店名称",
    "操作员",
    "终端号",
    "对方账户",
    "订单金额（元）",
    "商家实收（元）",
    "支付宝红包（元）",
    "集分宝（元）",
    "支付宝优惠（元）",
    "商家优惠（元）",
    "券核销金额（元）",
    "券名称",
    "商家红包消费金额（元）",
    "卡消费金额（元）",
    "退款批次号/请求号",
    "服务费（元）",
    "分润（元）",
    "备注",
]
_RULE: Final = "-" * 40


class _GbkName(zipfile.ZipInfo):
    """A member whose name is written in GBK, as the real archive has it."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 - the library's name
        return self.filename.encode("gbk"), self.flag_bits


class Bills:
    """Makes the trade bills of past days from the books."""

    def __init__(self, *, store: Store, clock: SimClock, seller_id: str, base_url: str) -> None:
        self._store = store
        self._clock = clock
        self._seller_id = seller_id
        self._base_url = base_url.rstrip("/")
        self._files: dict[str, tuple[bytes, datetime]] = {}

    def ask(self, *, bill_date: str, bill_type: str) -> str:
        """Address of the bill, for 30 s; raises AlipayRefusal 40002 and 40004 (BILL_NOT_EXIST)."""
        if bill_type not in {"trade", "signcustomer"}:
            raise invalid("isv.invalid-arguments", "bill_type无效", signed=True)
        day = self._day(bill_date)
        start = datetime.combine(day, time(), CHINA)
        end = start + timedelta(days=1)
        trades = self._store.list_trades_paid(since=start, until=end)
        refunds = self._store.list_refunds_made(since=start, until=end)
        if bill_type != "trade" or not (trades or refunds):
            raise business("BILL_NOT_EXIST", "账单不存在")
        now = self._clock.now()
        self._files = {token: file for token, file in self._files.items() if file[1] > now}
        token = secrets.token_urlsafe(24)
        self._files[token] = (self._packed(day, trades, refunds), now + LINK_VALID)
        return f"{self._base_url}{PATH}?token={token}"

    def fetch(self, token: str) -> bytes | None:
        """The bill behind an address; None once it is too old."""
        content, until = self._files.get(token, (b"", self._clock.now()))
        return content if self._clock.now() < until else None

    def _day(self, text: str) -> date:
        try:
            day = date.fromisoformat(text)
        except ValueError as error:
            raise invalid("isv.invalid-arguments", "bill_date无效", signed=True) from error
        here = self._clock.now().astimezone(CHINA)
        if here < datetime.combine(day + timedelta(days=1), time(READY_HOUR), CHINA):
            raise business("BILL_NOT_EXIST", "账单不存在")
        return day

    def _packed(self, day: date, trades: list[Trade], refunds: list[Refund]) -> bytes:
        timed = [(trade.paid_at or trade.created_at, _paid_row(trade)) for trade in trades]
        for refund in refunds:
            trade = self._store.find_trade(refund.out_trade_no)
            if trade is not None:
                timed.append((refund.refunded_at, _refund_row(trade, refund)))
        timed.sort(key=lambda pair: pair[0])
        paid = sum(trade.paid_fen or 0 for trade in trades)
        back = sum(refund.refund_fen for refund in refunds)
        return packed(
            encode(
                (row for _, row in timed),
                seller_id=self._seller_id,
                day=day,
                sums=[
                    f"#交易合计：{len(trades)}笔，商家实收共{yuan(paid)}元，商家优惠共0.00元",
                    f"#退款合计：{len(refunds)}笔，商家实收退款共-{yuan(back)}元，商家优惠退款共0.00元",
                ],
            ),
            seller_id=self._seller_id,
            day=day,
        )


def encode(
    rows: Iterable[dict[str, str]], *, seller_id: str, day: date, sums: Iterable[str] = ()
) -> bytes:
    """The file of single trades with these rows."""
    first, last = f"{day:%Y年%m月%d日} 00:00:00", f"{day + timedelta(days=1):%Y年%m月%d日} 00:00:00"
    lines = [
        "#支付宝业务明细查询",
        f"#账号：[{seller_id}0156]",
        f"#起始日期：[{first}]   终止日期：[{last}]",
        f"#{_RULE}业务明细列表{_RULE}",
        ",".join(COLUMNS),
        *(",".join(f"{row.get(column, '')}\t" for column in COLUMNS) for row in rows),
        f"#{_RULE}业务明细列表结束{_RULE}",
        *sums,
    ]
    return "".join(f"{line}\r\n" for line in lines).encode("gbk")


def packed(details: bytes, *, seller_id: str, day: date) -> bytes:
    """The archive around the file of single trades."""
    name = f"{seller_id}0156_{day:%Y%m%d}_业务明细"
    summary = f"#支付宝业务汇总查询\r\n#{_RULE}业务汇总列表结束{_RULE}\r\n".encode("gbk")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in ((f"{name}.csv", details), (f"{name}(汇总).csv", summary)):
            archive.writestr(_GbkName(member), content)
    return out.getvalue()


def _common(trade: Trade) -> dict[str, str]:
    zero = dict.fromkeys((column for column in COLUMNS if column.endswith("（元）")), "0.00")
    return zero | {
        "支付宝交易号": trade.trade_no,
        "商户订单号": trade.out_trade_no,
        "商品名称": trade.subject,
        "创建时间": china_plain(trade.created_at),
        "对方账户": "*乳(138****0000)",
    }


def _paid_row(trade: Trade) -> dict[str, str]:
    paid_fen = trade.paid_fen or 0
    return _common(trade) | {
        "业务类型": "交易",
        "完成时间": china_plain(trade.paid_at or trade.created_at),
        "订单金额（元）": yuan(paid_fen),
        "商家实收（元）": yuan(paid_fen),
        "服务费（元）": f"-{yuan((paid_fen * FEE_BASIS_POINTS + 5_000) // 10_000)}",
    }


def _refund_row(trade: Trade, refund: Refund) -> dict[str, str]:
    return _common(trade) | {
        "业务类型": "退款",
        "完成时间": china_plain(refund.refunded_at),
        "订单金额（元）": f"-{yuan(refund.refund_fen)}",
        "商家实收（元）": f"-{yuan(refund.refund_fen)}",
        "退款批次号/请求号": refund.out_request_no,
    }
