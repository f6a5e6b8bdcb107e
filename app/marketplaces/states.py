"""States of a marketplace's order on its way to ours, and the moves between them."""

from enum import StrEnum

from app.core.states import StateTable


class ExternalState(StrEnum):
    """Where an outside order stands."""

    RECEIVED = "received"
    NEEDS_SKU = "needs_sku"
    NEEDS_ADDRESS = "needs_address"
    NEEDS_REVIEW = "needs_review"
    MAPPED = "mapped"
    PLACED = "placed"
    REFUSED = "refused"
    REFUNDED_OUTSIDE = "refunded_outside"


LABELS = {
    ExternalState.RECEIVED: "已接收",
    ExternalState.NEEDS_SKU: "待匹配商品",
    ExternalState.NEEDS_ADDRESS: "待顾客填写地址",
    ExternalState.NEEDS_REVIEW: "待人工核对",
    ExternalState.MAPPED: "待下单",
    ExternalState.PLACED: "已下单",
    ExternalState.REFUSED: "已拒收",
    ExternalState.REFUNDED_OUTSIDE: "平台已退款",
}

WAITING = frozenset(
    {ExternalState.NEEDS_SKU, ExternalState.NEEDS_ADDRESS, ExternalState.NEEDS_REVIEW}
)
"""Work lists: a person or the household must do something."""
OPEN = WAITING | {ExternalState.RECEIVED, ExternalState.MAPPED}
"""Not an order of ours yet, and may become one."""

_JUDGED = frozenset({*WAITING, ExternalState.MAPPED, ExternalState.REFUNDED_OUTSIDE})

EXTERNAL_MOVES: StateTable[ExternalState] = StateTable(
    {
        ExternalState.RECEIVED: _JUDGED | {ExternalState.REFUSED},
        ExternalState.NEEDS_SKU: frozenset(
            {ExternalState.RECEIVED, ExternalState.REFUSED, ExternalState.REFUNDED_OUTSIDE}
        ),
        ExternalState.NEEDS_ADDRESS: frozenset(
            {
                ExternalState.RECEIVED,
                ExternalState.PLACED,
                ExternalState.REFUSED,
                ExternalState.REFUNDED_OUTSIDE,
            }
        ),
        ExternalState.NEEDS_REVIEW: frozenset(
            {ExternalState.RECEIVED, ExternalState.REFUSED, ExternalState.REFUNDED_OUTSIDE}
        ),
        ExternalState.MAPPED: frozenset(
            {
                ExternalState.RECEIVED,
                ExternalState.PLACED,
                ExternalState.NEEDS_REVIEW,
                ExternalState.REFUNDED_OUTSIDE,
            }
        ),
        ExternalState.REFUSED: frozenset({ExternalState.REFUNDED_OUTSIDE}),
    }
)


class Marketplace(StrEnum):
    """Where the shop is; the code is also the order's source."""

    TMALL = "tmall"
    JD = "jd"


MARKETPLACE_LABELS = {Marketplace.TMALL: "天猫", Marketplace.JD: "京东"}


class IntakeWay(StrEnum):
    """How we heard of an order."""

    PULL = "pull"
    PUSH = "push"
    FILE = "file"


class ReviewReason(StrEnum):
    """Why a person must look before an order is placed; other reasons are codes of errors."""

    AMOUNT_MISMATCH = "amount_mismatch"
    PARTLY_REFUNDED = "partly_refunded"


class RefundOutcome(StrEnum):
    """What a refund of the marketplace did to an order of ours."""

    ENDED = "ended"
    CUT = "cut"
    NOTHING = "nothing"
    WAITS = "waits"
    BEFORE_ORDER = "before_order"
    """It came before there was an order."""
    EXCEEDS = "exceeds"
    """More than was paid: a person must look."""
