"""The agreement of an order on paper: A4, in Chinese (S1 4.2.4)."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from app.billing.states import CHANNEL_LABELS
from app.core.clock import OPERATOR_ZONE
from app.core.money import yuan_text
from app.core.printing.sheet import Sheet
from app.orders.service.agreements import AgreedLine, AgreementPaper
from app.orders.states import AGREED_LABELS

_PAIR = (30, 160)
_HEAD = ("产品", "规格", "配送模式", "首次配送", "预计送完", "周期", "瓶数", "单价", "优惠", "金额")
_WIDTHS = (25, 22, 26, 21, 21, 14, 19, 13, 14, 17)


def build_sheet(paper: AgreementPaper, *, font: Path) -> bytes:
    """The document; the same agreement gives the same bytes."""
    order = paper.order
    sheet = Sheet(
        title="订奶协议",
        foot=f"订单号 {order.order_no}　协议版本 {paper.agreement.version}",
        dated=order.agreed_at or order.placed_at,
        font=font,
    )
    sheet.grid(_parties(paper), widths=_PAIR, size=9)
    sheet.head("订购内容")
    sheet.grid((_line(one) for one in paper.lines), widths=_WIDTHS, head=_HEAD, size=7.5)
    for one in paper.lines:
        if one.promotion is not None:
            sheet.tell(f"{one.product.name}按促销订购。{one.promotion}", size=8)
    sheet.tell("金额单位：元，含税。顺延、停奶等变更会改变日期，以订单的变更记录为准。", size=8)
    sheet.head("付款")
    sheet.grid(_money(paper), widths=_PAIR, size=9)
    sheet.head("协议的同意")
    sheet.grid(_acceptance(paper), widths=_PAIR, size=9)
    sheet.head(f"协议全文（版本 {paper.agreement.version}）")
    sheet.tell(paper.agreement.text)
    return bytes(sheet.output())


def _at(value: datetime | None) -> str:
    return "—" if value is None else f"{value.astimezone(OPERATOR_ZONE):%Y-%m-%d %H:%M}"


def _yuan(fen: int | None) -> str:
    return "—" if fen is None else yuan_text(fen)


def _parties(paper: AgreementPaper) -> list[tuple[str, str]]:
    party = paper.party
    return [
        ("订单号", paper.order.order_no),
        ("下单时间", _at(paper.order.placed_at)),
        ("经营者", paper.operator),
        ("订户", f"{party.name}　{party.phone}"),
        ("收奶人", f"{party.recipient}　{party.recipient_phone}"),
        ("送奶地址", party.address),
    ]


def _line(one: AgreedLine) -> tuple[str, ...]:
    line = one.line
    bottles = f"{line.bottles_bought}"
    if gifts := line.gift_bottles + line.dated_gifts:
        bottles += f"＋赠 {gifts}"
    return (
        one.product.name,
        one.product.specification,
        one.pattern,
        one.first_date.isoformat(),
        "—" if one.last_date is None else one.last_date.isoformat(),
        "—" if line.cycle_days is None else f"{line.cycle_days} 天",
        bottles,
        _yuan(line.unit_price_fen),
        _yuan(line.discount_fen),
        _yuan(line.paid_fen),
    )


def _money(paper: AgreementPaper) -> Iterator[tuple[str, str]]:
    yield "应付", f"{_yuan(paper.order.due_fen)} 元"
    for payment in paper.paid.payments:
        channel = CHANNEL_LABELS[payment.channel]
        paid = f"{_yuan(payment.captured_fen)} 元　{channel}　{_at(payment.captured_at)}"
        number = payment.channel_transaction_id
        yield "已付", paid if number is None else f"{paid}　交易号 {number}"
    if not paper.paid.payments:
        yield "已付", "尚未付款"
    if paper.paid.deposit_fen:
        yield "奶箱押金", f"{_yuan(paper.paid.deposit_fen)} 元"


def _acceptance(paper: AgreementPaper) -> list[tuple[str, str]]:
    order = paper.order
    through = "—" if order.agreed_through is None else AGREED_LABELS[order.agreed_through]
    return [
        ("协议版本", f"{paper.agreement.version}　{paper.agreement.effective_date} 起生效"),
        ("同意时间", _at(order.agreed_at)),
        ("同意方式", through),
    ]
