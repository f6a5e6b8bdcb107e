"""How finance's things are called, and how they look."""

from collections.abc import Mapping
from typing import Final

from app.billing.cash_states import HandInState
from app.billing.rules import TOO_MANY, TOO_OLD
from app.billing.service.finishing import REFUSED
from app.billing.states import (
    DifferenceKind,
    DifferenceState,
    PaymentChannel,
    RefundStatus,
    RefundWork,
)
from app.invoices.states import InvoiceState

WORK_LABELS: Final[Mapping[RefundWork, str]] = {
    RefundWork.APPROVE: "待审批",
    RefundWork.PAY_OUT: "待付款",
    RefundWork.BY_HAND: "需人工处理",
    RefundWork.UNDER_WAY: "渠道处理中",
    RefundWork.DONE: "已退款",
}
WORK_HINTS: Final[Mapping[RefundWork, str]] = {
    RefundWork.APPROVE: "审批后，微信退款自动提交，现金和 POS 退款转入待付款。",
    RefundWork.PAY_OUT: "现金或 POS 已批准，付给顾客后登记凭证。",
    RefundWork.BY_HAND: "渠道无法原路退回：异常、被拒绝、超过期限或次数。线下付款后登记凭证。",
    RefundWork.UNDER_WAY: "等待渠道结果，无需操作。",
    RefundWork.DONE: "已退给顾客的款项，最近的在前。",
}
EMPTY: Final[Mapping[RefundWork, tuple[str, str]]] = {
    RefundWork.APPROVE: ("没有待审批的退款", "超过限额的退款和现金、POS 退款会出现在这里。"),
    RefundWork.PAY_OUT: ("没有待付款的退款", "批准的现金和 POS 退款会出现在这里。"),
    RefundWork.BY_HAND: ("没有需要人工处理的退款", "渠道退不回去的款项会出现在这里。"),
    RefundWork.UNDER_WAY: ("渠道没有处理中的退款", "提交给渠道的退款会出现在这里。"),
    RefundWork.DONE: ("还没有已退的款项", "退款成功后会出现在这里。"),
}
REFUND_KINDS: Final[Mapping[RefundStatus, str]] = {
    RefundStatus.REQUESTED: "warn",
    RefundStatus.APPROVED: "info",
    RefundStatus.SUBMITTED: "info",
    RefundStatus.PROCESSING: "info",
    RefundStatus.ABNORMAL: "bad",
    RefundStatus.SUCCEEDED: "ok",
    RefundStatus.FAILED: "bad",
}
_FAILURES: Final[Mapping[str, str]] = {
    TOO_OLD: "超过渠道退款期限，须线下退款",
    TOO_MANY: "超过渠道部分退款次数，须线下退款",
    "abnormal": "渠道退款异常，款项没有到账",
    "closed by the channel": "渠道已关闭该退款",
    "facts_differ": "渠道返回的内容与退款不一致",
}
_REFUND_CAUSES: Final[Mapping[str, str]] = {
    "order_rejected": "订单未通过审核",
    "order_cancelled": "退订",
    "order_change": "订单变更",
    "order_change_undone": "撤销变更",
    "change_refused": "变更未通过",
    "deposit": "退押金",
    "surplus": "多付款退回",
    "marketplace": "平台退款",
    "marketplace_refund": "平台退款",
}
CAUSES: Final[Mapping[str, str]] = {
    "payment_captured": "付款到账",
    "cash_received": "现金收款",
    "pos_received": "POS 收款",
    "opening_balance": "期初余额",
    "surplus_found": "多付款，待退回",
    "refund_requested": "申请退款",
    "refund_succeeded": "退款完成",
    "refund_failed": "退款未成功，退回账户",
    "refund_reopened": "重新退款",
    "order_cancelled": "退订折算",
    "change_credited": "变更折算",
    "change_undone": "撤销变更，收回折算",
    "day_withdrawn": "停送折算",
    "day_withdrawn_undone": "恢复配送，收回折算",
    "deposit_taken": "收取押金",
    "deposit_kept": "押金不退",
    "ticket_compensation": "售后补偿",
    "brought_after_given_up": "补收已送奶款",
    "milk_delivered": "配送，确认收入",
    "revenue_corrected": "更正已确认收入",
}


def failure_text(failure: str | None) -> str:
    """Why a refund does not go its way, in words; empty when nothing is wrong."""
    if failure is None:
        return ""
    if failure.startswith(REFUSED):
        return f"渠道拒绝：{failure.removeprefix(REFUSED)}"
    return _FAILURES.get(failure, failure)


def refund_cause(cause: str) -> str:
    """Why money goes back, in words."""
    return _REFUND_CAUSES.get(cause.partition(":")[0].partition("#")[0], "退款")


def cause_text(cause: str) -> str:
    """What a transfer of the ledger is for, in words."""
    return CAUSES.get(cause, cause)


ACCOUNTS: Final[Mapping[str, str]] = {
    "prepaid": "预付款",
    "balance": "账户余额",
    "deposit": "押金",
    "refund_payable": "待退款",
    "suspense": "多付款",
    "revenue": "已确认收入",
    "opening": "期初导入",
    "compensation": "售后补偿支出",
    "deposit_kept": "不退押金收入",
    "cash:office": "财务处现金",
    "channel_fee": "渠道手续费",
    "cash_difference": "现金长短款",
    "dealer_settlement": "经销商结算支出",
    "manual_payout": "线下退款支出",
    "bank": "银行存款",
}
ASSETS: Final[Mapping[str, str]] = {
    "channel": "支付渠道",
    "marketplace": "第三方平台",
    "pos": "POS",
    "cash": "现金",
    "bank": "银行存款",
}
CLEARING_LINKS: Final[Mapping[str, str]] = {
    "refund_payable": "/finance/refunds",
    "suspense": "/finance/refunds?work=by_hand",
}
ACCOUNT_HINTS: Final[Mapping[str, str]] = {
    "prepaid": "已付、尚未送达的奶款",
    "balance": "补偿和折算，可退可用",
    "deposit": "奶箱和空瓶押金",
    "refund_payable": "已申请、尚未退到顾客的款项",
    "suspense": "不属于任何订单的付款，待退回",
}

DIFFERENCE_KINDS: Final[Mapping[DifferenceKind, str]] = {
    DifferenceKind.ONLY_THEIRS: "bad",
    DifferenceKind.ONLY_OURS: "bad",
    DifferenceKind.AMOUNT_DIFFERS: "bad",
    DifferenceKind.DATE_DIFFERS: "warn",
}
DIFFERENCE_STATES: Final[Mapping[DifferenceState, str]] = {
    DifferenceState.OPEN: "warn",
    DifferenceState.EXPLAINED: "info",
    DifferenceState.RESOLVED: "ok",
}
BILL_FILES: Final[Mapping[PaymentChannel, str]] = {
    PaymentChannel.WECHAT: "商户平台的交易账单（全部），CSV 或 GZIP",
    PaymentChannel.ALIPAY: "商家平台的业务明细，ZIP 或 CSV",
    PaymentChannel.UNIONPAY: "银联商户的 ZM 对账文件",
    PaymentChannel.POS: "收单机构的交易明细表，CSV",
}
FAULTS: Final[Mapping[str, str]] = {
    "cells": "列数不对",
    "duplicate": "与前面的行重复",
    "other_merchant": "商户号不是本账户",
    "other_date": "交易日期不是账单日期",
    "state": "交易状态无法识别",
    "number": "订单号无法识别",
    "time": "交易时间无法识别",
    "amount": "金额无法识别",
    "fee": "手续费无法识别",
}
HAND_INS: Final[Mapping[HandInState, str]] = {
    HandInState.WAITING: "warn",
    HandInState.BOOKED: "ok",
    HandInState.CANCELLED: "idle",
}
INVOICES: Final[Mapping[InvoiceState, str]] = {
    InvoiceState.REQUESTED: "warn",
    InvoiceState.EXPORTED: "info",
    InvoiceState.ISSUED: "ok",
    InvoiceState.REJECTED: "bad",
    InvoiceState.CANCELLED: "idle",
    InvoiceState.REVERSED: "idle",
}
