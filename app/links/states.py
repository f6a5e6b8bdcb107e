"""What links are for."""

from enum import StrEnum


class LinkPurpose(StrEnum):
    """What its holder is asked."""

    TICKET_RESULT = "ticket_result"
    PHONE_ORDER = "phone_order"
    TICKET_RATING = "ticket_rating"
    MARKETPLACE_CLAIM = "marketplace_claim"
    CHANGE_CONFIRMATION = "change_confirmation"
