"""Tables of orders. Amounts are integer fen; dates are service dates."""

from app.orders.models.changes import (
    CancelPolicy,
    ChangeHistory,
    ConfirmationPolicy,
    LinePhase,
    OrderChange,
    RenewalNotice,
)
from app.orders.models.deposits import (
    BoxInstallation,
    Deposit,
    DepositMove,
    InstallationMove,
)
from app.orders.models.entitlements import EntitlementEntry
from app.orders.models.orders import (
    LineGift,
    Order,
    OrderAgreement,
    OrderHistory,
    OrderLine,
    OrderNumber,
    OrderReview,
    OrderTerm,
    PaymentWindow,
)
from app.orders.models.withdrawals import Withdrawal, WithdrawnLine

__all__ = [
    "BoxInstallation",
    "CancelPolicy",
    "ChangeHistory",
    "ConfirmationPolicy",
    "Deposit",
    "DepositMove",
    "EntitlementEntry",
    "InstallationMove",
    "LineGift",
    "LinePhase",
    "Order",
    "OrderAgreement",
    "OrderChange",
    "OrderHistory",
    "OrderLine",
    "OrderNumber",
    "OrderReview",
    "OrderTerm",
    "PaymentWindow",
    "RenewalNotice",
    "Withdrawal",
    "WithdrawnLine",
]
