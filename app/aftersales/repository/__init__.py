"""All SQL of aftersales, cut by noun."""

from app.aftersales.repository.clocks import (
    Raised,
    add_escalations,
    drop_waiting_escalations,
    list_escalations,
    lock_running,
    raise_due,
    record_breach,
    record_breaches,
)
from app.aftersales.repository.places import (
    Place,
    find_address_of_order,
    find_delivery,
    find_last_stop,
    find_order_of_line,
)
from app.aftersales.repository.promises import (
    PromiseBook,
    open_book,
)
from app.aftersales.repository.queue import (
    DueState,
    QueuedTicket,
    QueueKey,
    TicketFilter,
    count_tickets,
    find_ticket_number,
    list_newest,
    list_tickets,
)
from app.aftersales.repository.staff import (
    StaffName,
    find_desk_member,
    read_names,
)
from app.aftersales.repository.tickets import (
    add_answer_once,
    claim_ticket_number,
    get_ticket,
    list_compensations,
    list_events,
    list_messages,
    list_ratings,
    list_visits,
    lock_ticket,
)

__all__ = [
    "DueState",
    "Place",
    "PromiseBook",
    "QueueKey",
    "QueuedTicket",
    "Raised",
    "StaffName",
    "TicketFilter",
    "add_answer_once",
    "add_escalations",
    "claim_ticket_number",
    "count_tickets",
    "drop_waiting_escalations",
    "find_address_of_order",
    "find_delivery",
    "find_desk_member",
    "find_last_stop",
    "find_order_of_line",
    "find_ticket_number",
    "get_ticket",
    "list_compensations",
    "list_escalations",
    "list_events",
    "list_messages",
    "list_newest",
    "list_ratings",
    "list_tickets",
    "list_visits",
    "lock_running",
    "lock_ticket",
    "open_book",
    "raise_due",
    "read_names",
    "record_breach",
    "record_breaches",
]
