"""How a household's things are called, and how they look."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.states import TicketStatus
from app.billing.states import PaymentStatus, RefundStatus
from app.catalog import service as catalog
from app.catalog.models import AnnouncementKind, DepositKind, StorageClass
from app.customers.models import ConsentPurpose
from app.customers.rules import building_text
from app.customers.service import Building
from app.delivery.service import MilkState
from app.invoices.states import InvoiceState
from app.orders.states import ChangeStatus, DepositState

ANNOUNCEMENT_LABELS = {
    AnnouncementKind.PROMOTION: "优惠",
    AnnouncementKind.NEW_PRODUCT: "新品",
    AnnouncementKind.CHANGE_NOTICE: "通知",
}
STATE_LABELS = {
    MilkState.PLANNED: "待送",
    MilkState.DELIVERED: "已送达",
    MilkState.SHORT: "少送",
    MilkState.FAILED: "未送达",
    MilkState.CANCELLED: "已取消",
    MilkState.SKIPPED: "已跳过",
    MilkState.PAUSED: "停奶",
    MilkState.WITHDRAWN: "我方停送",
}
STATE_KINDS = {
    MilkState.PLANNED: "info",
    MilkState.DELIVERED: "ok",
    MilkState.SHORT: "warn",
    MilkState.FAILED: "bad",
    MilkState.CANCELLED: "idle",
    MilkState.SKIPPED: "idle",
    MilkState.PAUSED: "idle",
    MilkState.WITHDRAWN: "warn",
}
INVOICE_KINDS = {
    InvoiceState.REQUESTED: "info",
    InvoiceState.EXPORTED: "info",
    InvoiceState.ISSUED: "ok",
    InvoiceState.REJECTED: "bad",
}
ORDER_KINDS = {
    "pending_payment": "warn",
    "under_review": "info",
    "delivering": "ok",
    "not_started": "info",
    "paused": "warn",
    "awaiting_box": "warn",
    "rejected": "bad",
}
CHANGE_KINDS = {
    ChangeStatus.AWAITING_PAYMENT: "warn",
    ChangeStatus.PAID: "info",
    ChangeStatus.APPLIED: "ok",
    ChangeStatus.REFUSED: "bad",
    ChangeStatus.UNDER_REVIEW: "info",
    ChangeStatus.AWAITING_BOX: "warn",
    ChangeStatus.REJECTED: "bad",
    ChangeStatus.AWAITING_CONFIRMATION: "warn",
}
PAYMENT_KINDS = {
    PaymentStatus.CAPTURED: "ok",
    PaymentStatus.PENDING: "warn",
    PaymentStatus.UNKNOWN: "info",
    PaymentStatus.FAILED: "bad",
}
REFUND_KINDS = {RefundStatus.SUCCEEDED: "ok", RefundStatus.FAILED: "warn"}
TICKET_LABELS = {
    TicketStatus.OPEN: "待答复",
    TicketStatus.ANSWERED: "已答复",
    TicketStatus.RESOLVED: "已处理",
    TicketStatus.CLOSED: "已办结",
    TicketStatus.MERGED: "已并入另一张单",
}
TICKET_KINDS = {
    TicketStatus.OPEN: "warn",
    TicketStatus.ANSWERED: "info",
    TicketStatus.RESOLVED: "ok",
}
CONSENT_LABELS = {
    ConsentPurpose.PRIVACY_TERMS: "隐私条款",
    ConsentPurpose.MARKETING_SMS: "接收优惠短信",
    ConsentPurpose.BEHAVIOUR_ANALYSIS: "用于改进服务的分析",
}
DEPOSIT_WORDS = {
    DepositState.ASKED: "随订单一起付",
    DepositState.HELD: "订单结束、归还后退回",
    DepositState.DUE_BACK: "请归还奶箱或空瓶，核对后退款",
    DepositState.RETURNED: "退款进度见“钱款”",
    DepositState.KEPT: "",
    DepositState.DROPPED: "订单没有付款，未收",
    DepositState.NOT_ASKED: "奶箱与空瓶免押金使用，订单结束后请归还",
}
DEPOSIT_PILLS = {
    DepositState.ASKED: "warn",
    DepositState.HELD: "info",
    DepositState.DUE_BACK: "warn",
    DepositState.RETURNED: "ok",
}
DEPOSIT_KINDS = {DepositKind.BOX: "奶箱押金", DepositKind.BOTTLES: "空瓶押金"}
SCORES = ((5, "非常满意"), (4, "满意"), (3, "一般"), (2, "不满意"), (1, "很不满意"))


@dataclass(frozen=True, slots=True)
class ProductName:
    """A product as it is called on a page."""

    name: str
    specification: str
    is_chilled: bool

    @property
    def full(self) -> str:
        """With its specification."""
        return f"{self.name} {self.specification}"


async def product_names(
    session: AsyncSession, product_ids: Collection[UUID], *, on: date
) -> dict[UUID, ProductName]:
    """Names of products, on sale or not."""
    if not product_ids:
        return {}
    found = await catalog.list_products(session, product_ids=product_ids, on=on)
    return {
        product_id: ProductName(
            row.product.name,
            row.product.specification,
            row.product.storage_class is StorageClass.CHILLED,
        )
        for product_id, row in found.items()
    }


def place_words(place: Building) -> str:
    """A building in words."""
    return building_text(
        district=place.district,
        street=place.street,
        house_no=place.house_no,
        compound=place.compound,
    )
