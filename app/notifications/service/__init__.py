"""The door of notifications: one SMS per event, sent once as far as anyone can know."""

from app.notifications.service._catalogue import (
    NewRule,
    NewText,
    Preview,
    TemplateShown,
    add_template,
    approve_first_texts,
    complete_texts,
    list_rules,
    list_templates,
    preview,
    set_approval,
    set_rule,
)
from app.notifications.service._messages import (
    Note,
    SmsShown,
    Wanted,
    find_parameters,
    list_own_messages,
    list_told,
    search_messages,
    send_many,
    send_sms,
    show_message,
)
from app.notifications.service._receipts import DeliveryReport, take_reports
from app.notifications.service._replies import InboundText, ReplyShown, list_replies, take_replies
from app.notifications.service._resending import resend_sms
from app.notifications.service._sending import send_message
from app.notifications.service._sweeping import SEND_JOB, prune, sweep

__all__ = [
    "SEND_JOB",
    "DeliveryReport",
    "InboundText",
    "NewRule",
    "NewText",
    "Note",
    "Preview",
    "ReplyShown",
    "SmsShown",
    "TemplateShown",
    "Wanted",
    "add_template",
    "approve_first_texts",
    "complete_texts",
    "find_parameters",
    "list_own_messages",
    "list_replies",
    "list_rules",
    "list_templates",
    "list_told",
    "preview",
    "prune",
    "resend_sms",
    "search_messages",
    "send_many",
    "send_message",
    "send_sms",
    "set_approval",
    "set_rule",
    "show_message",
    "sweep",
    "take_replies",
    "take_reports",
]
