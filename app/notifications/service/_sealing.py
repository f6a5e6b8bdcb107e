"""Phone and content of a message or a reply, sealed in its row."""

import json
from collections.abc import Mapping
from uuid import UUID

from pydantic_core import to_json

from app.core.crypto import Cell
from app.core.runtime import keys
from app.notifications.models import SmsMessage, SmsReply

_PHONE = "sms_phone"


def _cell(column: str, message_id: UUID) -> Cell:
    return Cell("sms_messages", column, message_id)


def _reply_cell(column: str, reply_id: UUID) -> Cell:
    return Cell("sms_replies", column, reply_id)


def index_phone(phone: str) -> bytes:
    """What a phone is found by."""
    return keys().blind_index(_PHONE, phone)


def seal_phone(message_id: UUID, phone: str) -> bytes:
    """The phone for its row."""
    return keys().seal(phone, _cell("phone", message_id))


def seal_parameters(message_id: UUID, parameters: Mapping[str, str]) -> bytes:
    """The values for their row."""
    return keys().seal(to_json(parameters).decode(), _cell("parameters", message_id))


def open_phone(message: SmsMessage) -> str:
    """The phone; empty after an erasure."""
    if not message.phone_sealed:
        return ""
    return keys().open(message.phone_sealed, _cell("phone", message.message_id))


def open_parameters(message: SmsMessage) -> dict[str, str]:
    """The values; empty after an erasure."""
    if not message.parameters_sealed:
        return {}
    plain = keys().open(message.parameters_sealed, _cell("parameters", message.message_id))
    values: dict[str, str] = json.loads(plain)
    return values


def seal_reply(reply_id: UUID, *, phone: str, content: str) -> dict[str, bytes]:
    """Phone and content of a reply for its row."""
    return {
        "phone_sealed": keys().seal(phone, _reply_cell("phone", reply_id)),
        "content_sealed": keys().seal(content, _reply_cell("content", reply_id)),
    }


def open_reply(reply: SmsReply) -> tuple[str, str]:
    """Phone and content of a reply; empty after an erasure."""
    if not reply.phone_sealed:
        return "", ""
    return (
        keys().open(reply.phone_sealed, _reply_cell("phone", reply.reply_id)),
        keys().open(reply.content_sealed, _reply_cell("content", reply.reply_id)),
    )
