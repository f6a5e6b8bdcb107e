"""Tables of notifications: messages with their attempts, texts, limits, numbers and replies."""

from app.core.reseal import SealedTable
from app.notifications.models.catalogue import SmsRule, SmsTemplate, SmsTemplateCode
from app.notifications.models.messages import SmsAttempt, SmsMessage, SmsReceipt
from app.notifications.models.numbers import SmsAccountState, SmsNumber, SmsReply

__all__ = [
    "RESEALABLE",
    "SmsAccountState",
    "SmsAttempt",
    "SmsMessage",
    "SmsNumber",
    "SmsReceipt",
    "SmsReply",
    "SmsRule",
    "SmsTemplate",
    "SmsTemplateCode",
]

RESEALABLE = (
    SealedTable(
        model=SmsMessage,
        key=("customer_id", "message_id"),
        row_id="message_id",
        cells={"phone_sealed": "phone", "parameters_sealed": "parameters"},
    ),
    SealedTable(
        model=SmsReply,
        key=("provider", "sequence"),
        row_id="reply_id",
        cells={"phone_sealed": "phone", "content_sealed": "content"},
    ),
)
"""What a rotation of the data keys seals anew."""
