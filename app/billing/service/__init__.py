"""The door of billing: what other packages may ask it to do."""

from app.billing.channels.accounts import list_online_channels
from app.billing.channels.bill_readers import AS_FILES
from app.billing.rules import PosSlip
from app.billing.service.approving import (
    approve_refund,
    pay_out,
    pay_out_cash,
    resolve_manually,
    set_refund_limit,
    set_refund_rule,
)
from app.billing.service.asking import ask_channel, query_payment
from app.billing.service.bill_desk import (
    BillView,
    list_bills,
    list_differences,
    list_faults,
    move_difference,
    view_bill,
    view_difference,
)
from app.billing.service.bills import (
    ask_again,
    ask_for_bills,
    ask_for_day,
    download_bill,
    import_bill,
    match_unsettled,
    wake_due_bills,
    watch_bills,
)
from app.billing.service.closing import close_past_dates, read_trial_balance
from app.billing.service.door import record_door_payment
from app.billing.service.from_balance import read_balance, require_balance
from app.billing.service.hearing import (
    apply_notification,
    is_word_waiting,
    wake_waiting_notifications,
)
from app.billing.service.ledger import (
    DEPOSIT,
    DEPOSIT_KEPT,
    PREPAID,
    Posting,
    list_clearing,
    pay_credit,
    post,
    post_many,
    transfer_id,
)
from app.billing.service.marketplace import mirror_refund, record_marketplace_payment
from app.billing.service.notices import accept_notification
from app.billing.service.payments import close_open_payments, open_payment, wake_due_payments
from app.billing.service.reading import (
    PaidFor,
    Purse,
    get_payment,
    list_balances,
    list_cash_held,
    list_payments,
    list_receipts,
    list_refund_limits,
    list_refund_rules,
    list_refunds,
    list_transfers,
    read_evidence,
    view_paid,
    view_purse,
)
from app.billing.service.refunds import (
    find_refundable_fen,
    request_refund,
    return_surplus,
    wake_due_refunds,
)
from app.billing.service.submitting import submit_refund

__all__ = [
    "AS_FILES",
    "DEPOSIT",
    "DEPOSIT_KEPT",
    "PREPAID",
    "BillView",
    "PaidFor",
    "PosSlip",
    "Posting",
    "Purse",
    "accept_notification",
    "apply_notification",
    "approve_refund",
    "ask_again",
    "ask_channel",
    "ask_for_bills",
    "ask_for_day",
    "close_open_payments",
    "close_past_dates",
    "download_bill",
    "find_refundable_fen",
    "get_payment",
    "import_bill",
    "is_word_waiting",
    "list_balances",
    "list_bills",
    "list_cash_held",
    "list_clearing",
    "list_differences",
    "list_faults",
    "list_online_channels",
    "list_payments",
    "list_receipts",
    "list_refund_limits",
    "list_refund_rules",
    "list_refunds",
    "list_transfers",
    "match_unsettled",
    "mirror_refund",
    "move_difference",
    "open_payment",
    "pay_credit",
    "pay_out",
    "pay_out_cash",
    "post",
    "post_many",
    "query_payment",
    "read_balance",
    "read_evidence",
    "read_trial_balance",
    "record_door_payment",
    "record_marketplace_payment",
    "request_refund",
    "require_balance",
    "resolve_manually",
    "return_surplus",
    "set_refund_limit",
    "set_refund_rule",
    "submit_refund",
    "transfer_id",
    "view_bill",
    "view_difference",
    "view_paid",
    "view_purse",
    "wake_due_bills",
    "wake_due_payments",
    "wake_due_refunds",
    "wake_waiting_notifications",
    "watch_bills",
]
