"""Statuses of an order and the moves between them (S1 4.3.1)."""

from enum import StrEnum

from app.core.states import StateTable


class OrderStatus(StrEnum):
    """Stored statuses; `not_started` and `paused` are derived from terms and shown."""

    PENDING_PAYMENT = "pending_payment"
    EXPIRED = "expired"
    UNDER_REVIEW = "under_review"
    REJECTED = "rejected"
    DELIVERING = "delivering"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


LABELS = {
    OrderStatus.PENDING_PAYMENT: "待付款",
    OrderStatus.EXPIRED: "已过期",
    OrderStatus.UNDER_REVIEW: "正在审核",
    OrderStatus.REJECTED: "未通过审核",
    OrderStatus.DELIVERING: "配送中",
    OrderStatus.COMPLETED: "已完成",
    OrderStatus.CANCELLED: "已取消",
}

ORDER_MOVES: StateTable[OrderStatus] = StateTable(
    {
        OrderStatus.PENDING_PAYMENT: frozenset(
            {OrderStatus.UNDER_REVIEW, OrderStatus.EXPIRED, OrderStatus.CANCELLED}
        ),
        OrderStatus.UNDER_REVIEW: frozenset(
            {OrderStatus.DELIVERING, OrderStatus.REJECTED, OrderStatus.CANCELLED}
        ),
        OrderStatus.DELIVERING: frozenset({OrderStatus.COMPLETED, OrderStatus.CANCELLED}),
    }
)


class ChangeStatus(StrEnum):
    """How far a change is.

    One that costs money waits for its own payment, a move for its review, one that a deliverer
    recorded at the door for the household.
    """

    AWAITING_PAYMENT = "awaiting_payment"
    PAID = "paid"
    APPLIED = "applied"
    UNDONE = "undone"
    EXPIRED = "expired"
    REFUSED = "refused"
    UNDER_REVIEW = "under_review"
    REJECTED = "rejected"
    AWAITING_CONFIRMATION = "awaiting_confirmation"
    DECLINED = "declined"
    AWAITING_BOX = "awaiting_box"
    """A move whose new door gets its milk box first; the old one is served until then."""


CHANGE_LABELS = {
    ChangeStatus.AWAITING_PAYMENT: "待付款",
    ChangeStatus.PAID: "已付款，正在生效",
    ChangeStatus.APPLIED: "已生效",
    ChangeStatus.UNDONE: "已撤销",
    ChangeStatus.EXPIRED: "已过期",
    ChangeStatus.REFUSED: "未能生效",
    ChangeStatus.UNDER_REVIEW: "正在审核",
    ChangeStatus.REJECTED: "未通过审核",
    ChangeStatus.AWAITING_CONFIRMATION: "待顾客确认",
    ChangeStatus.DECLINED: "顾客未同意",
    ChangeStatus.AWAITING_BOX: "等待安装奶箱",
}

WAITING_MOVES = frozenset({ChangeStatus.UNDER_REVIEW, ChangeStatus.AWAITING_BOX})
"""A move in one of these has not happened yet; the household may take it back."""

CHANGE_MOVES: StateTable[ChangeStatus] = StateTable(
    {
        ChangeStatus.AWAITING_PAYMENT: frozenset({ChangeStatus.PAID, ChangeStatus.EXPIRED}),
        ChangeStatus.PAID: frozenset({ChangeStatus.APPLIED, ChangeStatus.REFUSED}),
        ChangeStatus.APPLIED: frozenset({ChangeStatus.UNDONE, ChangeStatus.AWAITING_BOX}),
        ChangeStatus.AWAITING_BOX: frozenset(
            {ChangeStatus.APPLIED, ChangeStatus.UNDONE, ChangeStatus.EXPIRED}
        ),
        ChangeStatus.UNDER_REVIEW: frozenset(
            {
                ChangeStatus.APPLIED,
                ChangeStatus.AWAITING_BOX,
                ChangeStatus.REJECTED,
                ChangeStatus.UNDONE,
                ChangeStatus.EXPIRED,
            }
        ),
        ChangeStatus.AWAITING_CONFIRMATION: frozenset(
            {
                ChangeStatus.APPLIED,
                ChangeStatus.DECLINED,
                ChangeStatus.UNDONE,
                ChangeStatus.EXPIRED,
            }
        ),
    }
)


class CardArithmetic(StrEnum):
    """How the delivered part of a card (季卡, 年卡) is priced when it ends early."""

    PRICE_PAID = "price_paid"
    LIST_PRICE = "list_price"
    TERM_PRICE = "term_price"
    """By what the term really used would have cost."""


class Settlement(StrEnum):
    """By which arithmetic a cancelled line was settled."""

    FULL_REFUND = "full_refund"
    PRICE_PAID = "price_paid"
    LIST_PRICE = "list_price"
    TERM_PRICE = "term_price"


SETTLEMENT_LABELS = {
    Settlement.FULL_REFUND: "付款七日内全额退款",
    Settlement.PRICE_PAID: "已送部分按成交价结算，其余退还",
    Settlement.LIST_PRICE: "已送部分按零售价结算，不超过实付金额，其余退还",
    Settlement.TERM_PRICE: "已送部分按实际用期的价格结算，不超过实付金额，其余退还",
}


class Fault(StrEnum):
    """Because of whom an order ends: our own fault costs the household no discount."""

    HOUSEHOLD = "household"
    OPERATOR = "operator"


class WithdrawalSettle(StrEnum):
    """What becomes of withdrawn bottles: rolled to the end, paid to the balance, or as chosen.

    `as_chosen` follows the rule of the order's last skip or pause, and rolls without one.
    """

    PERIOD = "period"
    MONEY = "money"
    AS_CHOSEN = "as_chosen"


class OrderSource(StrEnum):
    """Where an order came from; `internet` ones count for the internet rate (S1 5.2.1)."""

    WEB = "web"
    APP = "app"
    MINI_PROGRAM = "mini_program"
    TMALL = "tmall"
    JD = "jd"
    PHONE = "phone"
    DOOR = "door"
    SHOP = "shop"


INTERNET_SOURCES = frozenset(
    {
        OrderSource.WEB,
        OrderSource.APP,
        OrderSource.MINI_PROGRAM,
        OrderSource.TMALL,
        OrderSource.JD,
    }
)


class ConfirmationKind(StrEnum):
    """How an order is confirmed: by review, on site, or taken over from a paper book."""

    ONLINE = "online"
    OFFLINE = "offline"
    IMPORTED = "imported"


class AgreementChannel(StrEnum):
    """Where the customer accepted the order agreement."""

    WEB = "web"
    APP = "app"
    MINI_PROGRAM = "mini_program"
    DOOR = "door"
    SMS_LINK = "sms_link"
    MARKETPLACE = "marketplace"
    """The listing shows the agreement, and buying accepts it."""


AGREED_LABELS = {
    AgreementChannel.WEB: "网站",
    AgreementChannel.APP: "APP",
    AgreementChannel.MINI_PROGRAM: "小程序",
    AgreementChannel.DOOR: "送奶员上门",
    AgreementChannel.SMS_LINK: "短信链接",
    AgreementChannel.MARKETPLACE: "第三方平台页面",
}


class DepositState(StrEnum):
    """How far a deposit (押金) is: asked with the order, held once paid, due back at the end."""

    ASKED = "asked"
    HELD = "held"
    DUE_BACK = "due_back"
    RETURNED = "returned"
    KEPT = "kept"
    DROPPED = "dropped"
    NOT_ASKED = "not_asked"
    """Bought on a marketplace, which takes no deposits: what there is goes without."""


DEPOSIT_LABELS = {
    DepositState.ASKED: "待付",
    DepositState.HELD: "已收",
    DepositState.DUE_BACK: "待归还后退款",
    DepositState.RETURNED: "已退",
    DepositState.KEPT: "不退",
    DepositState.DROPPED: "未收",
    DepositState.NOT_ASKED: "平台订单，不收",
}

DEPOSIT_MOVES: StateTable[DepositState] = StateTable(
    {
        DepositState.ASKED: frozenset(
            {DepositState.HELD, DepositState.RETURNED, DepositState.DROPPED}
        ),
        DepositState.HELD: frozenset({DepositState.DUE_BACK, DepositState.RETURNED}),
        DepositState.DUE_BACK: frozenset(
            {DepositState.HELD, DepositState.RETURNED, DepositState.KEPT}
        ),
        DepositState.KEPT: frozenset({DepositState.DUE_BACK}),
    }
)


class InstallationState(StrEnum):
    """How far the milk box of a door is: to be hung up, there, not needed any more, taken back."""

    OPEN = "open"
    DONE = "done"
    CANCELLED = "cancelled"
    REMOVED = "removed"


INSTALLATION_LABELS = {
    InstallationState.OPEN: "待安装",
    InstallationState.DONE: "已安装",
    InstallationState.CANCELLED: "已取消",
    InstallationState.REMOVED: "已收回",
}

INSTALLATION_MOVES: StateTable[InstallationState] = StateTable(
    {
        InstallationState.OPEN: frozenset({InstallationState.DONE, InstallationState.CANCELLED}),
        InstallationState.DONE: frozenset({InstallationState.OPEN, InstallationState.REMOVED}),
    }
)
