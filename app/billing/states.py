"""Channels of money, and the statuses of payments and refunds with their moves."""

from enum import StrEnum

from app.core.states import StateTable


class PaymentChannel(StrEnum):
    """How money reaches us."""

    WECHAT = "wechat"
    ALIPAY = "alipay"
    UNIONPAY = "unionpay"
    CASH = "cash"
    POS = "pos"
    MARKETPLACE = "marketplace"
    """Paid to a marketplace, which owes it to us and gives refunds back by itself."""


class PaymentMethod(StrEnum):
    """How the payer meets the channel; `door` is cash or a card, `outside` paid elsewhere.

    `native` is a QR code, `h5` a phone's browser, `page` a desktop's, `jsapi` WeChat's own, `app`
    the channel's app called by ours.
    """

    NATIVE = "native"
    JSAPI = "jsapi"
    H5 = "h5"
    PAGE = "page"
    APP = "app"
    DOOR = "door"
    OUTSIDE = "outside"


ONLINE_CHANNELS = frozenset({PaymentChannel.WECHAT, PaymentChannel.ALIPAY, PaymentChannel.UNIONPAY})
"""Where payments are asked for, and which give refunds back by themselves when told to."""

METHODS = {
    PaymentChannel.WECHAT: frozenset({PaymentMethod.NATIVE, PaymentMethod.JSAPI, PaymentMethod.H5}),
    PaymentChannel.ALIPAY: frozenset(
        {PaymentMethod.NATIVE, PaymentMethod.H5, PaymentMethod.PAGE, PaymentMethod.APP}
    ),
    PaymentChannel.UNIONPAY: frozenset({PaymentMethod.H5, PaymentMethod.PAGE}),
}
"""The ways of paying online that each channel has."""


class PaymentStatus(StrEnum):
    """Life of one payment attempt."""

    CREATED = "created"
    PENDING = "pending"
    UNKNOWN = "unknown"
    CAPTURED = "captured"
    CLOSED = "closed"
    FAILED = "failed"


class RefundStatus(StrEnum):
    """Life of one refund; only the channel, or a person for the rest, makes it succeed."""

    REQUESTED = "requested"
    APPROVED = "approved"
    SUBMITTED = "submitted"
    PROCESSING = "processing"
    ABNORMAL = "abnormal"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class RefundWork(StrEnum):
    """What a refund waits for: an act of finance, the channel, or nothing more."""

    APPROVE = "approve"
    PAY_OUT = "pay_out"
    """Approved cash and POS: somebody hands it over."""
    BY_HAND = "by_hand"
    """Abnormal, closed, refused, too old or too many: the channel cannot pay it back."""
    UNDER_WAY = "under_way"
    DONE = "done"


CHANNEL_LABELS = {
    PaymentChannel.WECHAT: "微信支付",
    PaymentChannel.ALIPAY: "支付宝",
    PaymentChannel.UNIONPAY: "银联在线",
    PaymentChannel.CASH: "现金",
    PaymentChannel.POS: "POS 刷卡",
    PaymentChannel.MARKETPLACE: "第三方平台",
}

PAYMENT_LABELS = {
    PaymentStatus.CREATED: "待支付",
    PaymentStatus.PENDING: "待支付",
    PaymentStatus.UNKNOWN: "支付渠道确认中",
    PaymentStatus.CAPTURED: "已支付",
    PaymentStatus.CLOSED: "已关闭",
    PaymentStatus.FAILED: "支付失败",
}

REFUND_LABELS = {
    RefundStatus.REQUESTED: "待财务审批",
    RefundStatus.APPROVED: "已批准",
    RefundStatus.SUBMITTED: "已提交渠道",
    RefundStatus.PROCESSING: "渠道处理中",
    RefundStatus.ABNORMAL: "退款异常，人工处理中",
    RefundStatus.SUCCEEDED: "已退款",
    RefundStatus.FAILED: "退款未成功，人工处理中",
}

# Money may reach an attempt we had given up: closed and failed are left by a capture, only by it.
PAYMENT_MOVES: StateTable[PaymentStatus] = StateTable(
    {
        PaymentStatus.CREATED: frozenset(
            {
                PaymentStatus.PENDING,
                PaymentStatus.UNKNOWN,
                PaymentStatus.CAPTURED,
                PaymentStatus.CLOSED,
                PaymentStatus.FAILED,
            }
        ),
        PaymentStatus.UNKNOWN: frozenset(
            {
                PaymentStatus.PENDING,
                PaymentStatus.CAPTURED,
                PaymentStatus.CLOSED,
                PaymentStatus.FAILED,
            }
        ),
        PaymentStatus.PENDING: frozenset({PaymentStatus.CAPTURED, PaymentStatus.CLOSED}),
        PaymentStatus.CLOSED: frozenset({PaymentStatus.CAPTURED}),
        PaymentStatus.FAILED: frozenset({PaymentStatus.CAPTURED}),
    }
)

OPEN_PAYMENTS = frozenset({PaymentStatus.CREATED, PaymentStatus.PENDING, PaymentStatus.UNKNOWN})

# A refund the channel closed is still owed: finance may settle it by hand.
REFUND_MOVES: StateTable[RefundStatus] = StateTable(
    {
        RefundStatus.REQUESTED: frozenset({RefundStatus.APPROVED, RefundStatus.SUCCEEDED}),
        RefundStatus.APPROVED: frozenset({RefundStatus.SUBMITTED, RefundStatus.SUCCEEDED}),
        RefundStatus.SUBMITTED: frozenset(
            {
                RefundStatus.PROCESSING,
                RefundStatus.SUCCEEDED,
                RefundStatus.ABNORMAL,
                RefundStatus.FAILED,
            }
        ),
        RefundStatus.PROCESSING: frozenset(
            {RefundStatus.SUCCEEDED, RefundStatus.ABNORMAL, RefundStatus.FAILED}
        ),
        RefundStatus.ABNORMAL: frozenset({RefundStatus.SUCCEEDED, RefundStatus.FAILED}),
        RefundStatus.FAILED: frozenset({RefundStatus.SUCCEEDED}),
    }
)

OPEN_REFUNDS = frozenset(
    {
        RefundStatus.REQUESTED,
        RefundStatus.APPROVED,
        RefundStatus.SUBMITTED,
        RefundStatus.PROCESSING,
        RefundStatus.ABNORMAL,
    }
)
"""Owed and under way; their sum is the balance of `refund_payable`."""

ASKABLE_REFUNDS = OPEN_REFUNDS - {RefundStatus.REQUESTED}
"""Those the channel may be asked about."""


class BillStatus(StrEnum):
    """Whether a channel's bill of a day has come; `empty` means that nothing moved that day."""

    WAITING = "waiting"
    LOADED = "loaded"
    EMPTY = "empty"


class BillOrigin(StrEnum):
    """How a bill came: downloaded, or a file that finance brought."""

    CHANNEL = "channel"
    FILE = "file"


class BillEntry(StrEnum):
    """What a line of a bill is about."""

    PAYMENT = "payment"
    REFUND = "refund"


class DifferenceKind(StrEnum):
    """How the channel's bill and our books disagree about one number."""

    ONLY_THEIRS = "only_theirs"
    ONLY_OURS = "only_ours"
    AMOUNT_DIFFERS = "amount_differs"
    DATE_DIFFERS = "date_differs"


class DifferenceState(StrEnum):
    """How far the work on a difference is."""

    OPEN = "open"
    EXPLAINED = "explained"
    RESOLVED = "resolved"


BILL_LABELS = {
    BillStatus.WAITING: "等待账单",
    BillStatus.LOADED: "已对账",
    BillStatus.EMPTY: "当日无交易",
}

DIFFERENCE_LABELS = {
    DifferenceKind.ONLY_THEIRS: "渠道有、我方无",
    DifferenceKind.ONLY_OURS: "我方有、渠道无",
    DifferenceKind.AMOUNT_DIFFERS: "金额不符",
    DifferenceKind.DATE_DIFFERS: "日期不符",
}

DIFFERENCE_STATE_LABELS = {
    DifferenceState.OPEN: "待处理",
    DifferenceState.EXPLAINED: "已说明",
    DifferenceState.RESOLVED: "已解决",
}

# A bill may come again: corrected, or brought as a file where the channel had nothing.
BILL_MOVES: StateTable[BillStatus] = StateTable(
    {
        BillStatus.WAITING: frozenset({BillStatus.LOADED, BillStatus.EMPTY}),
        BillStatus.LOADED: frozenset({BillStatus.LOADED, BillStatus.EMPTY}),
        BillStatus.EMPTY: frozenset({BillStatus.LOADED, BillStatus.EMPTY}),
    }
)

DIFFERENCE_MOVES: StateTable[DifferenceState] = StateTable(
    {
        DifferenceState.OPEN: frozenset({DifferenceState.EXPLAINED, DifferenceState.RESOLVED}),
        DifferenceState.EXPLAINED: frozenset({DifferenceState.OPEN, DifferenceState.RESOLVED}),
        DifferenceState.RESOLVED: frozenset({DifferenceState.OPEN}),
    }
)
