"""Bills of a day: trades and fund flow, in the platform's exact encoding.

UTF-8, amounts in yuan, a header row without marks, every data cell prefixed by a backtick, then a
summary header and one summary row (trade bill and fund flow bill reference).
"""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from simulators.channels.clock import CHINA, SimClock, china_plain
from simulators.channels.credentials import MerchantAccount
from simulators.channels.wechat.errors import WeChatError, param_error
from simulators.channels.wechat.models import Order, Refund, RefundStatus
from simulators.channels.wechat.store import Store

READY_HOUR: Final = 10
MONTHS_KEPT: Final = timedelta(days=92)
LINK_VALID: Final = timedelta(minutes=5)
FEE_BASIS_POINTS: Final = 60

_HEAD: Final = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额"
_REFUND_DATES: Final = "退款申请时间,退款成功时间"
_REFUND_PART: Final = "微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态"
_TAIL: Final = "商品名称,商户数据包,手续费,费率,订单金额"
TRADE_COLUMNS: Final = {
    "ALL": f"{_HEAD},{_REFUND_PART},{_TAIL},申请退款金额,费率备注".split(","),
    "SUCCESS": f"{_HEAD},{_TAIL},费率备注".split(","),
    "REFUND": f"{_HEAD},{_REFUND_DATES},{_REFUND_PART},{_TAIL},申请退款金额,费率备注".split(","),
}
TRADE_SUMMARY: Final = [
    "总交易单数",
    "应结订单总金额",
    "退款总金额",
    "充值券退款总金额",
    "手续费总金额",
    "订单总金额",
    "申请退款总金额",
]
FLOW_COLUMNS: Final = [
    "记账时间",
    "微信支付业务单号",
    "资金流水单号",
    "业务名称",
    "业务类型",
    "收支类型",
    "收支金额(元)",
    "账户结余(元)",
    "资金变更提交申请人",
    "备注",
    "业务凭证号",
]
FLOW_SUMMARY: Final = ["资金流水总笔数", "收入笔数", "收入金额", "支出笔数", "支出金额"]

_BEGINNING: Final = datetime(2000, 1, 1, tzinfo=UTC)


def yuan(fen: int) -> str:
    """Fen as yuan with two decimals: -5 → `-0.05`."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def fee_of(fen: int) -> int:
    """The platform's fee of 0.60 %, rounded half up to a fen."""
    return (fen * FEE_BASIS_POINTS + 5_000) // 10_000


def encode(
    columns: Iterable[str],
    rows: Iterable[Iterable[str]],
    summary_columns: Iterable[str],
    summary: Iterable[str],
) -> bytes:
    """A bill's text: bare headers, cells with a backtick each, lines ended by CR LF."""

    def marked(cells: Iterable[str]) -> str:
        return ",".join(f"`{cell}" for cell in cells)

    lines = [",".join(columns), *(marked(row) for row in rows), ",".join(summary_columns)]
    return "".join(f"{line}\r\n" for line in [*lines, marked(summary)]).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flow:
    """One movement of the merchant's account; expenses are negative."""

    at: datetime
    business_no: str
    name: str
    fen: int
    note: str
    voucher: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BillFile:
    """A bill ready for download."""

    text: bytes
    gzip: bool
    expires_at: datetime


class Bills:
    """Makes the bills of past days from the platform's books."""

    def __init__(
        self, *, store: Store, clock: SimClock, merchant: MerchantAccount, base_url: str
    ) -> None:
        self._store = store
        self._clock = clock
        self._merchant = merchant
        self._base_url = base_url.rstrip("/")
        self._files: dict[str, BillFile] = {}

    def ask_trades(self, *, bill_date: str, bill_type: str, tar_type: str | None) -> dict[str, Any]:
        """Link to the trade bill; raises WeChatError 400 (PARAM_ERROR, STATEMENT_CREATING,
        NO_STATEMENT_EXIST).
        """
        if bill_type not in TRADE_COLUMNS:
            raise param_error("bill_type", "取值无效", location="query")
        since, until = self._span(bill_date)
        orders = self._store.list_orders_paid(since=since, until=until)
        refunds = self._store.list_refunds_created(since=since, until=until)
        return self._offer(
            self._trade_text(
                bill_type,
                orders if bill_type != "REFUND" else [],
                refunds if bill_type != "SUCCESS" else [],
            ),
            tar_type=tar_type,
        )

    def ask_flow(
        self, *, bill_date: str, account_type: str, tar_type: str | None
    ) -> dict[str, Any]:
        """Link to the fund flow bill; only the BASIC account has movements here."""
        if account_type not in {"BASIC", "OPERATION", "FEES"}:
            raise param_error("account_type", "取值无效", location="query")
        since, until = self._span(bill_date)
        flows = self._flows(until) if account_type == "BASIC" else []
        return self._offer(self._flow_text(flows, since=since), tar_type=tar_type)

    def fetch(self, token: str) -> BillFile:
        """The bill behind a link; raises WeChatError 400 once the link is too old."""
        file = self._files.get(token)
        if file is None or self._clock.now() >= file.expires_at:
            raise WeChatError(400, "INVALID_REQUEST", "账单下载链接已失效")
        return file

    def _span(self, bill_date: str) -> tuple[datetime, datetime]:
        try:
            day = date.fromisoformat(bill_date)
        except ValueError as error:
            raise param_error("bill_date", "格式必须为yyyy-MM-dd", location="query") from error
        if bill_date != day.isoformat():
            raise param_error("bill_date", "格式必须为yyyy-MM-dd", location="query")
        here = self._clock.now().astimezone(CHINA)
        if day >= here.date() or here.date() - day > MONTHS_KEPT:
            raise param_error("bill_date", "仅支持三个月内、今天以前的账单", location="query")
        if here < datetime.combine(day + timedelta(days=1), time(READY_HOUR), CHINA):
            raise WeChatError(400, "STATEMENT_CREATING", "账单生成中，请在上午10点后再试")
        start = datetime.combine(day, time(), CHINA)
        return start, start + timedelta(days=1)

    def _offer(self, text: bytes | None, *, tar_type: str | None) -> dict[str, Any]:
        if tar_type not in {None, "GZIP"}:
            raise param_error("tar_type", "取值无效", location="query")
        if text is None:
            raise WeChatError(400, "NO_STATEMENT_EXIST", "账单文件不存在")
        now = self._clock.now()
        self._files = {k: f for k, f in self._files.items() if f.expires_at > now}
        token = secrets.token_urlsafe(24)
        self._files[token] = BillFile(
            text=text, gzip=tar_type == "GZIP", expires_at=now + LINK_VALID
        )
        return {
            "hash_type": "SHA1",
            # the platform's own choice of hash for its bill files
            "hash_value": hashlib.sha1(text, usedforsecurity=False).hexdigest(),
            "download_url": f"{self._base_url}/v3/billdownload/file?token={token}",
        }

    def _trade_text(
        self, bill_type: str, orders: list[Order], refunds: list[Refund]
    ) -> bytes | None:
        if not orders and not refunds:
            return None
        timed = [(order.paid_at or order.created_at, self._pay_row(order)) for order in orders]
        timed += [(refund.created_at, self._refund_row(refund)) for refund in refunds]
        timed.sort(key=lambda pair: pair[0])
        columns = TRADE_COLUMNS[bill_type]
        paid = sum(order.paid_fen or 0 for order in orders)
        back = sum(refund.refund_fen for refund in refunds)
        fees = sum(fee_of(order.paid_fen or 0) for order in orders)
        fees -= sum(fee_of(refund.refund_fen) for refund in refunds)
        summary = [
            str(len(timed)), yuan(paid), yuan(back), "0.00", f"{yuan(fees)}000", yuan(paid),
            yuan(back),
        ]  # fmt: skip
        rows = ([row.get(column, "") for column in columns] for _, row in timed)
        return encode(columns, rows, TRADE_SUMMARY, summary)

    def _common(self, order: Order) -> dict[str, str]:
        return {
            "公众账号ID": order.appid,
            "商户号": self._merchant.mchid,
            "特约商户号": "0",
            "微信订单号": order.transaction_id or "",
            "商户订单号": order.out_trade_no,
            "用户标识": order.openid or "",
            "交易类型": order.trade_type,
            "付款银行": order.bank_type or "",
            "货币种类": "CNY",
            "代金券金额": "0.00",
            "充值券退款金额": "0.00",
            "商品名称": order.description,
            "商户数据包": order.attach or "",
            "费率": "0.60%",
        }

    def _pay_row(self, order: Order) -> dict[str, str]:
        fen = order.paid_fen or 0
        return self._common(order) | {
            "交易时间": china_plain(order.paid_at or order.created_at),
            "交易状态": "SUCCESS",
            "应结订单金额": yuan(fen),
            "微信退款单号": "0",
            "商户退款单号": "0",
            "退款金额": "0.00",
            "手续费": f"{yuan(fee_of(fen))}000",
            "订单金额": yuan(fen),
            "申请退款金额": "0.00",
        }

    def _refund_row(self, refund: Refund) -> dict[str, str]:
        order = self._store.find_order(refund.out_trade_no)
        common = self._common(order) if order is not None else {}
        return common | {
            "交易时间": china_plain(refund.created_at),
            "交易状态": "REFUND",
            "应结订单金额": "0.00",
            "退款申请时间": china_plain(refund.created_at),
            "退款成功时间": china_plain(refund.success_at) if refund.success_at else "",
            "微信退款单号": refund.refund_id,
            "商户退款单号": refund.out_refund_no,
            "退款金额": yuan(refund.refund_fen),
            "退款类型": "ORIGINAL",
            "退款状态": _bill_status(refund),
            "手续费": f"{yuan(-fee_of(refund.refund_fen))}000",
            "订单金额": "0.00",
            "申请退款金额": yuan(refund.refund_fen),
        }

    def _flows(self, until: datetime) -> list[_Flow]:
        flows: list[_Flow] = []
        for order in self._store.list_orders_paid(since=_BEGINNING, until=until):
            fen, at = order.paid_fen or 0, order.paid_at or order.created_at
            number, voucher = order.transaction_id or "", order.out_trade_no
            flows += _with_fee(fen, at=at, number=number, name="交易", voucher=voucher)
        for refund in self._store.list_refunds_created(since=_BEGINNING, until=until):
            if refund.status != RefundStatus.CLOSED:
                flows += _with_fee(
                    -refund.refund_fen,
                    at=refund.created_at,
                    number=refund.refund_id,
                    name="退款",
                    voucher=refund.out_refund_no,
                )
        return sorted(flows, key=lambda flow: flow.at)

    def _flow_text(self, flows: list[_Flow], *, since: datetime) -> bytes | None:
        balance, rows = 0, []
        incomes: list[int] = []
        expenses: list[int] = []
        for number, flow in enumerate(flows, start=1):
            balance += flow.fen
            if flow.at < since:
                continue
            (incomes if flow.fen > 0 else expenses).append(abs(flow.fen))
            rows.append(
                [
                    china_plain(flow.at),
                    flow.business_no,
                    f"{self._merchant.mchid}{flow.at:%Y%m%d}{number:010d}",
                    flow.name,
                    flow.name,
                    "收入" if flow.fen > 0 else "支出",
                    yuan(abs(flow.fen)),
                    yuan(balance),
                    "system",
                    flow.note,
                    flow.voucher,
                ]
            )
        if not rows:
            return None
        summary = [
            str(len(rows)), str(len(incomes)), yuan(sum(incomes)), str(len(expenses)),
            yuan(sum(expenses)),
        ]  # fmt: skip
        return encode(FLOW_COLUMNS, rows, FLOW_SUMMARY, summary)


def _bill_status(refund: Refund) -> str:
    closed = refund.status == RefundStatus.CLOSED
    return (
        "FAIL" if closed else "CHANGE" if refund.status == RefundStatus.ABNORMAL else refund.status
    )


def _with_fee(fen: int, *, at: datetime, number: str, name: str, voucher: str) -> list[_Flow]:
    fee = fee_of(abs(fen)) * (1 if fen > 0 else -1)
    flows = [_Flow(at=at, business_no=number, name=name, fen=fen, note="", voucher=voucher)]
    if fee:
        note = "结算总金额 费率:0.60%"
        flows.append(
            _Flow(
                at=at,
                business_no=number,
                name="扣除交易手续费" if fee > 0 else "返还交易手续费",
                fen=-fee,
                note=note,
                voucher=voucher,
            )
        )
    return flows
