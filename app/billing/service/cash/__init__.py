"""The door of cash: from a deliverer's hand over the station to the bank, and where it stands."""

from app.billing.repository.standing import DelivererStanding, StationStanding
from app.billing.service.cash.booking import BANK
from app.billing.service.cash.days import close_day, list_days, reopen_day, view_day
from app.billing.service.cash.deposits import (
    cancel_bank_deposit,
    list_bank_deposits,
    record_bank_deposit,
)
from app.billing.service.cash.floats import list_floats, move_float
from app.billing.service.cash.hand_ins import (
    approve_hand_in,
    cancel_hand_in,
    confirm_hand_in,
    count_hand_in,
    list_hand_ins,
    view_hand_in,
)
from app.billing.service.cash.limits import list_difference_limits, set_difference_limit
from app.billing.service.cash.reading import (
    list_customer_standing,
    list_deliverer_standing,
    list_kept_cash,
    list_station_standing,
)
from app.billing.service.cash.remittances import (
    cancel_remittance,
    list_remittances,
    receive_remittance,
    send_remittance,
)

__all__ = [
    "BANK",
    "DelivererStanding",
    "StationStanding",
    "approve_hand_in",
    "cancel_bank_deposit",
    "cancel_hand_in",
    "cancel_remittance",
    "close_day",
    "confirm_hand_in",
    "count_hand_in",
    "list_bank_deposits",
    "list_customer_standing",
    "list_days",
    "list_deliverer_standing",
    "list_difference_limits",
    "list_floats",
    "list_hand_ins",
    "list_kept_cash",
    "list_remittances",
    "list_station_standing",
    "move_float",
    "receive_remittance",
    "record_bank_deposit",
    "reopen_day",
    "send_remittance",
    "set_difference_limit",
    "view_day",
    "view_hand_in",
]
